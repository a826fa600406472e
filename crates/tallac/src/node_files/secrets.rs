//! The two secrets of a client: the one its leases come from, and the one that decides which files
//! get the same cap.

use tallac_core::base32;
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use zeroize::Zeroizing;

use super::{NodeFileError, load_or_create};
use crate::config::NodeDirectory;

/// The secrets of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSecrets {
    /// Its leases' secrets come from this one: `private/secret`.
    pub lease: LeaseSecret,
    /// Files with the same content get the same cap under it: `private/convergence`.
    pub convergence: ConvergenceSecret,
}

impl NodeSecrets {
    /// The secrets of the node in a directory, made when there are none yet.
    ///
    /// # Errors
    /// When a file is damaged, or cannot be read or written.
    pub fn load_or_create(directory: &NodeDirectory) -> Result<Self, NodeFileError> {
        directory.make_private()?;
        let file = directory.private("secret");
        let lease = LeaseSecret::from_base32(&load_or_create(&file, random)?)
            .map_err(|error| NodeFileError::damaged(&file, error))?;
        let file = directory.private("convergence");
        let convergence = base32::decode(&load_or_create(&file, random)?)
            .map_err(|error| NodeFileError::damaged(&file, error))?;
        Ok(Self { lease, convergence: ConvergenceSecret::new(convergence) })
    }
}

/// 32 random bytes in base32.
fn random() -> Result<String, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(base32::encode(&*bytes))
}
