//! The options of twistd, which Tahoe-LAFS takes after `run NODEDIR` (section 9.3).
//!
//! Scripts that start nodes have some of them. What they ask for is done, or has been done anyway;
//! the rest is refused, with what to use in its place.

use std::ffi::OsString;
use std::path::PathBuf;

use thiserror::Error;

/// What the options ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Twistd {
    /// Where the log goes, in place of standard error; `-` is standard output.
    pub(super) log_file: Option<PathBuf>,
    /// The umask of the node.
    pub(super) umask: Option<u32>,
    /// A file for the process's id, beside `running.process`.
    pub(super) pid_file: Option<PathBuf>,
    /// The option of `run` itself, which belongs before the node directory.
    pub(super) allow_stdin_close: bool,
}

/// Why options cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum TwistdError {
    #[error("option {0} not recognized")]
    Unknown(String),
    #[error("option {0} requires argument")]
    NoValue(String),
    #[error("option {0} must not have an argument")]
    SurplusValue(String),
    #[error("--umask must be an octal number up to 777, like 022")]
    BadUmask,
    #[error("option --{0} cannot be followed: {1}")]
    Refused(&'static str, &'static str),
    #[error("'{0}' is no option")]
    NoOption(String),
}

/// What is done with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is followed.
    Followed,
    /// Nothing, as its meaning is so anyway.
    Ignored,
    /// It would be wrong to go on without it.
    Refused(&'static str),
}

use Use::{Followed, Ignored, Refused};

/// An option: its letter, its name, whether a value follows, and what is done with it.
type Entry = (Option<char>, &'static str, bool, Use);

const DEBUGGER: &str = "the node is no Python program; attach a debugger to the process instead";
const PROFILER: &str = "the node is no Python program; use a profiler of the system, like perf";
const OTHER_USER: &str = "start the node as that user, with su or a service manager";
const APPLICATION: &str = "the node directory says what is run";

/// What twistd knows.
const OPTIONS: &[Entry] = &[
    (None, "allow-stdin-close", false, Followed),
    (Some('l'), "logfile", true, Followed),
    (None, "umask", true, Followed),
    (None, "pidfile", true, Followed),
    (Some('n'), "nodaemon", false, Ignored),
    (Some('o'), "no_save", false, Ignored),
    (Some('d'), "rundir", true, Ignored),
    (Some('r'), "reactor", true, Ignored),
    (None, "originalname", false, Ignored),
    (None, "savestats", false, Ignored),
    (None, "profiler", true, Ignored),
    (None, "prefix", true, Ignored),
    (None, "euid", false, Ignored),
    (Some('b'), "debug", false, Refused(DEBUGGER)),
    (None, "spew", false, Refused(DEBUGGER)),
    (Some('p'), "profile", true, Refused(PROFILER)),
    (Some('u'), "uid", true, Refused(OTHER_USER)),
    (Some('g'), "gid", true, Refused(OTHER_USER)),
    (None, "chroot", true, Refused("start the node in the chroot, with a service manager")),
    (None, "syslog", false, Refused("send standard error there, with logger or systemd-cat")),
    (None, "logger", true, Refused("it names Python code; use --logfile")),
    (Some('e'), "encrypted", false, Refused(APPLICATION)),
    (Some('f'), "file", true, Refused(APPLICATION)),
    (Some('s'), "source", true, Refused(APPLICATION)),
    (Some('y'), "python", true, Refused(APPLICATION)),
];

impl Twistd {
    /// Reads the arguments after the node directory.
    ///
    /// # Errors
    /// For the first that cannot be followed.
    pub(super) fn parse(args: &[OsString]) -> Result<Self, TwistdError> {
        let mut asked = Self::default();
        let mut args = args.iter().map(|arg| arg.to_string_lossy().into_owned());
        while let Some(arg) = args.next() {
            if let Some(long) = arg.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let entry = long_option(name)?;
                asked.take(entry, name, value, || args.next())?;
            } else if let Some(letters) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                asked.take_letters(letters, || args.next())?;
            } else {
                return Err(TwistdError::NoOption(arg));
            }
        }
        Ok(asked)
    }

    /// Letters in a row; what follows one that takes a value is that value.
    fn take_letters(
        &mut self,
        letters: &str,
        mut next: impl FnMut() -> Option<String>,
    ) -> Result<(), TwistdError> {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let entry = OPTIONS.iter().find(|entry| entry.0 == Some(letter));
            let entry = entry.ok_or_else(|| TwistdError::Unknown(format!("-{letter}")))?;
            let attached = entry.2 && !rest.as_str().is_empty();
            let value = attached.then(|| rest.as_str().to_owned());
            if value.is_some() {
                rest = "".chars();
            }
            self.take(entry, entry.1, value, &mut next)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        (_, name, has_value, used): &'static Entry,
        written: &str,
        value: Option<String>,
        next: impl FnOnce() -> Option<String>,
    ) -> Result<(), TwistdError> {
        let value = match (has_value, value) {
            (true, value) => {
                let value = value.or_else(next);
                value.ok_or_else(|| TwistdError::NoValue(format!("--{written}")))?
            }
            (false, Some(_)) => return Err(TwistdError::SurplusValue(format!("--{written}"))),
            (false, None) => String::new(),
        };
        match (used, *name) {
            (Refused(reason), name) => return Err(TwistdError::Refused(name, reason)),
            (Followed, "logfile") => self.log_file = Some(value.into()),
            (Followed, "pidfile") => self.pid_file = Some(value.into()),
            (Followed, "umask") => {
                let umask = u32::from_str_radix(&value, 8).ok().filter(|umask| *umask <= 0o777);
                self.umask = Some(umask.ok_or(TwistdError::BadUmask)?);
            }
            (Followed, _) => self.allow_stdin_close = true,
            (Ignored, _) => {}
        }
        Ok(())
    }
}

/// The option of this name, which may be shortened as long as it fits only one.
fn long_option(name: &str) -> Result<&'static Entry, TwistdError> {
    let exact = OPTIONS.iter().find(|entry| entry.1 == name);
    let mut fitting = OPTIONS.iter().filter(|entry| !name.is_empty() && entry.1.starts_with(name));
    let only = fitting.next().filter(|_| fitting.next().is_none());
    exact.or(only).ok_or_else(|| TwistdError::Unknown(format!("--{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Twistd, TwistdError> {
        Twistd::parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_can_be_followed_is() {
        let expected = Twistd {
            log_file: Some("log".into()),
            umask: Some(0o27),
            pid_file: Some("pid".into()),
            allow_stdin_close: true,
        };
        let long = ["--logfile=log", "--umask", "027", "--pidfile=pid", "--allow-stdin-close"];
        assert_eq!(parse(&long).as_ref(), Ok(&expected));
        let short = ["-nollog", "-r", "poll", "--uma=027", "--pid", "pid", "--allow", "--euid"];
        assert_eq!(parse(&short), Ok(expected));
        assert_eq!(parse(&[]), Ok(Twistd::default()));
    }

    #[test]
    fn what_cannot_is_refused() {
        let cases: [(&[&str], &str); 9] = [
            (&["--frob"], "option --frob not recognized"),
            (&["-x"], "option -x not recognized"),
            (&["--pro"], "option --pro not recognized"),
            (&["-l"], "option --logfile requires argument"),
            (&["--nodaemon=1"], "option --nodaemon must not have an argument"),
            (&["--umask=9"], "--umask must be an octal number up to 777, like 022"),
            (&["--umask=7777"], "--umask must be an octal number up to 777, like 022"),
            (&["other"], "'other' is no option"),
            (
                &["-u", "nobody"],
                "option --uid cannot be followed: start the node as that user, with su or a \
                 service manager",
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(parse(args).unwrap_err().to_string(), expected, "{args:?}");
        }
    }
}
