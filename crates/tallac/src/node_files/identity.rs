//! Who a node is to others: its certificate and its key, and what follows from them.

use std::fs;
use std::path::Path;

use tallac_core::base32;
use tallac_core::crypto::SigningKey;
use tallac_core::ids::ServerId;
use tallac_net::identity::Certificate;

use super::{NodeFileError, generate_key, load_or_create};
use crate::config::NodeDirectory;
use crate::files::{self, Access, FileError};

/// Who a node is to others.
#[derive(Debug, Clone)]
pub struct NodeIdentity {
    /// Its certificate, `private/node.pem`: the tub id and all NURLs come from it.
    pub certificate: Certificate,
    /// Its key, `private/node.privkey`: announcements are signed with it.
    pub key: SigningKey,
    /// Its name in its grid, `v0-…`.
    pub server_id: ServerId,
}

impl NodeIdentity {
    /// The identity of the node in a directory, made when there is none yet. Making one takes
    /// a tenth of a second or more.
    ///
    /// # Errors
    /// When a file is damaged, or cannot be read or written.
    pub fn load_or_create(directory: &NodeDirectory) -> Result<Self, NodeFileError> {
        let certificate = load_or_create_certificate(directory)?;
        let key = key(&directory.private("node.privkey"))?;
        let public = format!("{}\n", key.verifying_key());
        write_if_changed(&directory.file("node.pubkey"), &public)?;
        Ok(Self { certificate, server_id: key.verifying_key().server_id(), key })
    }
}

/// The certificate of the node in a directory, `private/node.pem`, made when there is none yet. It
/// is all that an introducer needs.
///
/// # Errors
/// When a file is damaged, or cannot be read or written.
pub fn load_or_create_certificate(directory: &NodeDirectory) -> Result<Certificate, NodeFileError> {
    directory.make_private()?;
    let certificate = certificate(&directory.private("node.pem"))?;
    let tub_id = format!("{}\n", certificate.tub_id());
    write_if_changed(&directory.file("my_nodeid"), &tub_id)?;
    Ok(certificate)
}

/// What places a server in the permuted ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermutationSeed(String);

impl PermutationSeed {
    /// The seed of a storage server, chosen when it first runs and then kept in
    /// `permutation-seed`. `storage_dir` is its storage directory.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn load_or_create(
        directory: &NodeDirectory,
        identity: &NodeIdentity,
        storage_dir: &Path,
    ) -> Result<Self, NodeFileError> {
        let file = directory.file("permutation-seed");
        if let Some(text) = files::read_text(&file)? {
            let seed = text.trim();
            if !seed.is_empty() {
                return Ok(Self(seed.to_owned()));
            }
        }
        // A server that has shares and no seed is older than seeds: its clients go by its tub id.
        let seed = if has_shares(&storage_dir.join("shares"))? {
            identity.certificate.tub_id().to_string()
        } else {
            // The base32 of a base32 text: so 1.20 does it, and a seed means nothing but itself.
            base32::encode(&identity.server_id.as_str().as_bytes()[SERVER_ID_PREFIX..])
        };
        files::write(&file, &format!("{seed}\n"), Access::Umask)?;
        Ok(Self(seed))
    }

    /// The seed in base32, as it is announced.
    #[must_use]
    pub fn as_base32(&self) -> &str {
        &self.0
    }
}

/// Length of `v0-` at the start of a server's name.
const SERVER_ID_PREFIX: usize = 3;

fn certificate(file: &Path) -> Result<Certificate, NodeFileError> {
    if let Some(pem) = files::read_text(file)? {
        return Certificate::from_pem(&pem).map_err(|error| NodeFileError::damaged(file, error));
    }
    let certificate = Certificate::generate()?;
    files::write(file, certificate.to_pem(), Access::Private)?;
    Ok(certificate)
}

fn key(file: &Path) -> Result<SigningKey, NodeFileError> {
    let text =
        load_or_create(file, || generate_key().map(|key| key.expose_text().as_str().to_owned()))?;
    SigningKey::from_text(&text).map_err(|error| NodeFileError::damaged(file, error))
}

fn write_if_changed(file: &Path, text: &str) -> Result<(), FileError> {
    if files::read_text(file)?.as_deref() == Some(text) {
        return Ok(());
    }
    files::write(file, text, Access::Umask)
}

fn has_shares(shares: &Path) -> Result<bool, FileError> {
    let failed = |source| FileError::new("read the directory", shares, source);
    let entries = match fs::read_dir(shares) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        if entry.map_err(failed)?.file_name() != "incoming" {
            return Ok(true);
        }
    }
    Ok(false)
}
