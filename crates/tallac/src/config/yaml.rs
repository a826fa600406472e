//! Reads the YAML files of a node's `private` directory. What they hold is secret, so errors tell
//! the line and never show it.

use std::path::Path;

use serde_json::Value;

use super::error::ConfigError;
use crate::files;

/// The content of a YAML file; nothing if there is no such file.
///
/// # Errors
/// When the file cannot be read, or is no YAML.
pub(super) fn read(file: &Path) -> Result<Option<Value>, ConfigError> {
    let Some(text) = files::read_text(file)? else { return Ok(None) };
    match serde_saphyr::from_str(&text) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(ConfigError::Malformed {
            file: file.to_owned(),
            place: error
                .location()
                .map_or_else(String::new, |location| format!(", line {}", location.line())),
            problem: "is not YAML that can be read here".to_owned(),
        }),
    }
}
