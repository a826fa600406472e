//! Whom a client trusts to vouch for servers, and what is said of this one: `[grid_managers]` and
//! `[grid_manager_certificates]` (sections 10.2 and 11.5).

use tallac_core::grid_manager::{CERTIFICATES_MAX, GridManagers, SignedCertificate};

use super::error::ConfigError;
use super::keys::PETNAME_SECTIONS;
use super::reader::Reader;
use crate::files;

/// The managers of `[grid_managers]`.
pub(super) fn trusted(reader: &Reader<'_>) -> Result<GridManagers, ConfigError> {
    let [section, _] = PETNAME_SECTIONS;
    let keys = petnames(reader, section)?.into_iter().map(|(petname, key)| {
        key.trim().parse().map_err(|error| {
            let problem = format!(
                "must be the public identity of a grid manager: {error}. Ask whoever runs it for \
                 what `grid-manager public-identity` prints"
            );
            ConfigError::value(reader.file, (section, &petname), problem)
        })
    });
    keys.collect::<Result<_, _>>().map(GridManagers::new)
}

/// The certificates of `[grid_manager_certificates]`, if `[storage] grid_management` is set.
pub(super) fn certificates(reader: &Reader<'_>) -> Result<Vec<SignedCertificate>, ConfigError> {
    let [_, section] = PETNAME_SECTIONS;
    if !reader.boolean(("storage", "grid_management"), false)? {
        return Ok(Vec::new());
    }
    let mut certificates = Vec::new();
    for (petname, name) in petnames(reader, section)? {
        let wrong = |problem| ConfigError::value(reader.file, (section, &petname), problem);
        let file = reader.resolve(&name);
        let shown = file.display();
        let text = files::read_text(&file)?.ok_or_else(|| {
            wrong(format!("Grid Manager certificate file '{shown}' doesn't exist"))
        })?;
        let read = SignedCertificate::parse(&text);
        certificates.push(read.map_err(|error| {
            wrong(format!("'{shown}' is no Grid Manager certificate: {error}"))
        })?);
        if certificates.len() > CERTIFICATES_MAX {
            return Err(wrong(format!("is one more than the {CERTIFICATES_MAX} that are taken")));
        }
    }
    Ok(certificates)
}

/// The petnames of a section, and what each stands for.
fn petnames(reader: &Reader<'_>, section: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let value = |petname: &str| {
        let value = reader.ini.get(section, petname).map_err(|error| {
            ConfigError::value(reader.file, (section, petname), error.to_string())
        })?;
        Ok((petname.to_owned(), value.unwrap_or_default()))
    };
    reader.ini.keys(section).into_iter().map(value).collect()
}
