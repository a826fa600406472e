//! The addresses of what a node offers, such as `private/storage.furl`.

use std::fs;

use tallac_net::identity::{Certificate, Furl, Swissnum};

use super::{Damage, NodeFileError};
use crate::config::NodeDirectory;
use crate::files::{self, Access, FileError};

/// The address of an introducer, in `private` and, long ago, beside it.
const INTRODUCER_FURL: &str = "introducer.furl";

/// The address of a node's storage server, with these connection hints.
///
/// # Errors
/// As [`service_furl`].
pub fn storage_furl(
    directory: &NodeDirectory,
    certificate: &Certificate,
    hints: &[String],
) -> Result<Furl, NodeFileError> {
    service_furl(directory, "storage.furl", certificate, hints)
}

/// The address of an introducer, with these connection hints. What an old version left beside
/// `private` is taken there.
///
/// # Errors
/// As [`service_furl`]; and when there are two files, of which only one can be right.
pub fn introducer_furl(
    directory: &NodeDirectory,
    certificate: &Certificate,
    hints: &[String],
) -> Result<Furl, NodeFileError> {
    let (old, new) = (directory.file(INTRODUCER_FURL), directory.private(INTRODUCER_FURL));
    if old.exists() {
        if new.exists() {
            return Err(NodeFileError::TwoFurls { old, new });
        }
        directory.make_private()?;
        fs::rename(&old, &new).map_err(|error| FileError::new("move", &old, error))?;
    }
    service_furl(directory, INTRODUCER_FURL, certificate, hints)
}

/// The address of something that a node offers, with these connection hints. Its secret part is
/// made once and kept in the file of this name in `private`.
///
/// # Errors
/// When the file is damaged or another node's, or cannot be read or written.
pub fn service_furl(
    directory: &NodeDirectory,
    name: &str,
    certificate: &Certificate,
    hints: &[String],
) -> Result<Furl, NodeFileError> {
    directory.make_private()?;
    let file = directory.private(name);
    let damaged = |error| NodeFileError::damaged(&file, Damage::Furl(error));
    let old: Option<Furl> = match files::read_text(&file)? {
        Some(text) => Some(text.trim().parse().map_err(damaged)?),
        None => None,
    };
    let tub_id = certificate.tub_id();
    if old.as_ref().is_some_and(|old| old.tub_id() != tub_id) {
        return Err(NodeFileError::damaged(&file, Damage::OtherCertificate));
    }
    let swissnum = match &old {
        Some(old) => old.name().clone(),
        None => Swissnum::generate()?,
    };
    let furl = Furl::with_hints(tub_id, hints.to_vec(), swissnum).map_err(damaged)?;
    if old.as_ref() != Some(&furl) {
        files::write(&file, &format!("{}\n", furl.expose_text()), Access::Private)?;
    }
    Ok(furl)
}
