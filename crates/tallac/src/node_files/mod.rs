//! What a node makes for itself when it first runs, and keeps: its certificate, its keys, its
//! secrets, its addresses (section 10.4). Tahoe-LAFS makes the same files, and either program goes
//! on with those of the other.

mod api_token;
mod furl;
mod identity;
mod introducer_cache;
mod keypair;
mod secrets;
mod seqnum;

pub use api_token::ApiAuthToken;
pub use furl::{introducer_furl, service_furl, storage_furl};
pub use identity::{NodeIdentity, PermutationSeed, load_or_create_certificate};
pub use introducer_cache::{CachedServer, read_introducer_cache, write_introducer_cache};
pub use keypair::generate_key;
pub use secrets::NodeSecrets;
pub use seqnum::next_seqnum;

use std::path::{Path, PathBuf};

use tallac_core::base32::Base32Error;
use tallac_core::crypto::KeyError;
use tallac_net::identity::{CertificateError, FurlError};

use crate::files::{self, Access, FileError};

/// Why a node's own files cannot be used. What they hold is never repeated.
#[derive(Debug, thiserror::Error)]
pub enum NodeFileError {
    /// One could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// One holds something else than it must.
    #[error(
        "'{}' is damaged: {problem}. Restore it from a backup; without it this node is another \
         one to the rest of its grid",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: Damage,
    },
    /// The address of an introducer is in two files.
    #[error(
        "there is both '{}', where old versions kept it, and '{}': make sure that the second holds \
         the FURL that your grid knows, then remove the first",
        old.display(), new.display()
    )]
    TwoFurls {
        /// Where it was.
        old: PathBuf,
        /// Where it belongs.
        new: PathBuf,
    },
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The system has no randomness to give.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(#[from] getrandom::Error),
}

/// What is wrong with a file that a node once made.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A certificate or its key.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// A key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A secret.
    #[error("{0}")]
    Base32(#[from] Base32Error),
    /// An address.
    #[error("{0}")]
    Furl(#[from] FurlError),
    /// The address of another node: one of the two files was copied here.
    #[error("it belongs to another certificate than private/node.pem")]
    OtherCertificate,
    /// A number.
    #[error("it must be a whole number")]
    Number,
    /// It must be in one line, and is not.
    #[error("it is empty")]
    Empty,
}

impl NodeFileError {
    fn damaged(file: &Path, problem: impl Into<Damage>) -> Self {
        Self::Damaged { file: file.to_owned(), problem: problem.into() }
    }
}

/// The line in a private file; if there is no such file, it is made with what `make` gives.
fn load_or_create<E>(
    file: &Path,
    make: impl FnOnce() -> Result<String, E>,
) -> Result<String, NodeFileError>
where
    NodeFileError: From<E>,
{
    if let Some(text) = files::read_text(file)? {
        return match text.trim() {
            "" => Err(NodeFileError::damaged(file, Damage::Empty)),
            line => Ok(line.to_owned()),
        };
    }
    let line = make()?;
    files::write(file, &format!("{line}\n"), Access::Private)?;
    Ok(line)
}
