//! Why a node cannot be run as it is configured. No error repeats a value that may be secret.

use std::path::{Path, PathBuf};

use super::ini::IniError;
use crate::files::FileError;

/// Why a node cannot be run as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// `tahoe.cfg` is not of its format.
    #[error("'{}': {error}", file.display())]
    Ini {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        error: IniError,
    },
    /// A section that no node has.
    #[error(
        "'{}' contains unknown section [{section}]: correct its name (they are case-sensitive) or \
         remove it; settings of Tallac alone belong in tallac.toml",
        file.display()
    )]
    UnknownSection {
        /// The file.
        file: PathBuf,
        /// The section.
        section: String,
    },
    /// A key that does not belong in its section.
    #[error(
        "'{}' section [{section}] contains unknown option '{key}': correct its name, move it to \
         the section where it belongs, or remove it",
        file.display()
    )]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The section.
        section: String,
        /// The key.
        key: String,
    },
    /// A value that makes no sense, or is missing.
    #[error("'{}' section [{section}], {key}: {problem}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The section.
        section: String,
        /// The key.
        key: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A FURL with a `#`, which cuts it off in some versions.
    #[error(
        "The configuration entry '[{section}]{key}' contained an unescaped '#' character: a FURL \
         has none; comments go on lines of their own"
    )]
    UnescapedHash {
        /// The section.
        section: String,
        /// The key.
        key: String,
    },
    /// Files that set a node up before `tahoe.cfg` did.
    #[error(
        "Found pre-Tahoe-LAFS-v1.3 configuration file(s):\n{}\nMove what they say to tahoe.cfg, \
         then remove them.",
        list(files)
    )]
    OldFiles {
        /// The files.
        files: Vec<PathBuf>,
    },
    /// The node's address would be revealed although it must not be.
    #[error(
        "{0}\nWith reveal-IP-address = false, others may not learn where this node is: set \
         [connections] tcp = tor (or disabled), write only tor: and i2p: hints into tub.location, \
         or set reveal-IP-address = true"
    )]
    Privacy(&'static str),
    /// A port to be chosen by the system where other nodes must know it.
    #[error(
        "tub.port cannot be 0: you must choose. Write a fixed port, like tub.port = tcp:3457, or \
         leave the key out, and one is chosen once and kept in client.port"
    )]
    PortAssignmentRequired,
    /// A storage server that nobody could reach.
    #[error(
        "config error: storage is enabled, but tub is not listening ('tub.port=' is empty): set \
         [storage] enabled = false, or give tub.port and tub.location"
    )]
    StorageWithoutTub,
    /// An introducer that nobody could reach.
    #[error(
        "config error: we are Introducer, but tub is not listening ('tub.port=' is empty): give \
         tub.port and tub.location"
    )]
    IntroducerWithoutTub,
    /// What is set needs a part of Tahoe-LAFS that Tallac does not have yet.
    #[error("'{}' section [{section}], {key}: {reason}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The section.
        section: String,
        /// The key.
        key: String,
        /// What is missing, and what to do.
        reason: &'static str,
    },
    /// Another file says something else than it must.
    #[error("'{}'{place}: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where in it: empty, or which line, or which entry and key.
        place: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!("'{}'", file.display())).collect::<Vec<_>>().join("\n")
}

impl ConfigError {
    /// The section and the key of `tahoe.cfg` that are to blame, the key empty if it is all of the
    /// section; nothing if it is something else.
    #[must_use]
    pub fn setting(&self) -> Option<(&str, &str)> {
        match self {
            Self::UnknownSection { section, .. } => Some((section, "")),
            Self::UnknownKey { section, key, .. }
            | Self::Value { section, key, .. }
            | Self::UnescapedHash { section, key }
            | Self::Unsupported { section, key, .. } => Some((section, key)),
            Self::PortAssignmentRequired => Some(("node", "tub.port")),
            Self::StorageWithoutTub => Some(("storage", "enabled")),
            _ => None,
        }
    }

    /// A value that makes no sense.
    pub(super) fn value(file: &Path, (section, key): (&str, &str), problem: String) -> Self {
        Self::Value {
            file: file.to_owned(),
            section: section.to_owned(),
            key: key.to_owned(),
            problem,
        }
    }
}
