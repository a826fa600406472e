//! What is looked after: aliases that `tallac.toml` names, and caps in `private/maintenance.caps`,
//! one a line, each after a name if it is to have one.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tallac_core::cap::{Cap, FileCap};
use tallac_core::dirnode::{ChildName, Node};

use crate::cli::aliases::{AliasError, Aliases};
use crate::config::NodeDirectory;
use crate::files::{self, FileError};

/// The file with caps, in the `private` directory.
const CAPS_FILE: &str = "maintenance.caps";

/// Things to look after, at most.
const TARGETS_MAX: usize = 10_000;

/// Something to look after, with all that can be reached from it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// What it is called.
    pub(super) name: String,
    /// What it is.
    pub(super) what: What,
}

/// How something to look after is found.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// By names on the way from a node.
    At(Node, Vec<ChildName>),
    /// By a verify cap, which shows the shares alone and leads nowhere.
    Shares(FileCap),
}

impl What {
    fn found(cap: Cap, path: Vec<ChildName>) -> Self {
        match cap.file() {
            Some(file @ (FileCap::ChkVerify(_) | FileCap::SskVerify(_))) => {
                Self::Shares(file.clone())
            }
            _ => Self::At(cap.into(), path),
        }
    }
}

/// Why it is not known what to look after. No cap is repeated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// An alias is none.
    #[error("tallac.toml, [maintenance] caps: {0}")]
    Alias(#[from] AliasError),
    /// Others may read the caps.
    #[error("others may read {}, which holds secrets: chmod 600 it", .0.display())]
    Readable(PathBuf),
    /// A line without a cap that is known.
    #[error(
        "{}, line {line}: what is to be looked after is a cap, after a name if you like: '{what}' \
         is none that we know",
        file.display()
    )]
    BadLine {
        /// The file.
        file: PathBuf,
        /// The number of the line.
        line: usize,
        /// What the line has in its place, without anything secret.
        what: &'static str,
    },
    /// Nothing at all.
    #[error(
        "there is nothing to look after: name aliases in tallac.toml, [maintenance] caps, or put \
         caps into private/{CAPS_FILE}"
    )]
    Nothing,
    /// More than there may be.
    #[error("there are more than {TARGETS_MAX} things to look after: put them into a directory")]
    TooMany,
}

/// All that is to be looked after, each under a name of its own.
pub(super) fn load(
    directory: &NodeDirectory,
    aliases: &[String],
) -> Result<Vec<Target>, TargetError> {
    let mut targets = Vec::new();
    if !aliases.is_empty() {
        let known = Aliases::load(directory.path())?;
        for alias in aliases {
            let place = known.resolve(alias)?;
            let names = place.path.split('/').filter(|name| !name.is_empty());
            let path = names.map(ChildName::new).collect();
            let what = What::found(Cap::parse(&place.cap), path);
            targets.push(Target { name: alias.clone(), what });
        }
    }
    let file = directory.private(CAPS_FILE);
    if let Some(text) = files::read_text_up_to(&file, 16 << 20)? {
        check_mode(&file)?;
        read(&file, &text, &mut targets)?;
    }
    if targets.is_empty() {
        return Err(TargetError::Nothing);
    }
    if targets.len() > TARGETS_MAX {
        return Err(TargetError::TooMany);
    }
    Ok(targets)
}

fn check_mode(file: &Path) -> Result<(), TargetError> {
    let failed = |source: io::Error| FileError::new("look at", file, source);
    let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(TargetError::Readable(file.to_owned())) }
}

fn read(file: &Path, text: &str, targets: &mut Vec<Target>) -> Result<(), TargetError> {
    for (number, line) in (1_usize..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, cap) = match line.rsplit_once(char::is_whitespace) {
            Some((name, cap)) => (name.trim().trim_end_matches(':').to_owned(), cap),
            None => (format!("line {number}"), line),
        };
        let wrong = |what| TargetError::BadLine { file: file.to_owned(), line: number, what };
        let cap = match Cap::parse(cap).into_known() {
            Ok(cap) => cap,
            Err(_) if tallac_core::cap::has_uri_prefix(cap) => return Err(wrong("URI:...")),
            Err(_) => return Err(wrong("...")),
        };
        if name.contains("URI:") {
            return Err(wrong("two caps"));
        }
        let what = What::found(cap, Vec::new());
        targets.push(Target { name, what });
    }
    Ok(())
}
