//! The address of a node's storage server, `private/storage.furl`.

use tallac_net::identity::{Certificate, Furl, Swissnum};

use super::{Damage, NodeFileError};
use crate::config::NodeDirectory;
use crate::files::{self, Access};

/// The address of a node's storage server, with these connection hints. Its secret part is made
/// once and kept in `private/storage.furl`.
///
/// # Errors
/// When the file is damaged or another node's, or cannot be read or written.
pub fn storage_furl(
    directory: &NodeDirectory,
    certificate: &Certificate,
    hints: &[String],
) -> Result<Furl, NodeFileError> {
    directory.make_private()?;
    let file = directory.private("storage.furl");
    let old = match files::read_text(&file)? {
        Some(text) => {
            let furl: Furl = text
                .trim()
                .parse()
                .map_err(|error| NodeFileError::damaged(&file, Damage::Furl(error)))?;
            Some(furl)
        }
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
    let text = format!("pb://{tub_id}@{}/{}", hints.join(","), swissnum.expose());
    let furl: Furl =
        text.parse().map_err(|error| NodeFileError::damaged(&file, Damage::Furl(error)))?;
    if old.as_ref() != Some(&furl) {
        files::write(&file, &format!("{text}\n"), Access::Private)?;
    }
    Ok(furl)
}
