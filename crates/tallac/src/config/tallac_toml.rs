//! `tallac.toml`: settings of Tallac alone, which Tahoe-LAFS does not know.

use std::path::PathBuf;

use serde::Deserialize;

use super::directory::NodeDirectory;
use super::error::ConfigError;
use super::values;
use crate::files;

/// The name of the file in a node's directory.
pub const TALLAC_FILE: &str = "tallac.toml";

/// The settings, as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TallacToml {
    storage: StorageTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StorageTable {
    max_use: Option<Size>,
}

/// A number of bytes, or a text like `500 GB`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Size {
    Bytes(u64),
    Text(String),
}

impl TallacToml {
    /// Reads the file; without one, nothing is set.
    pub(super) fn load(directory: &NodeDirectory) -> Result<Self, ConfigError> {
        let file = directory.file(TALLAC_FILE);
        let text = files::read_text(&file)?.unwrap_or_default();
        toml::from_str(&text).map_err(|error| wrong(file, error.to_string().trim()))
    }

    /// The bytes that share files may have together, if that is limited.
    pub(super) fn max_use(&self, directory: &NodeDirectory) -> Result<Option<u64>, ConfigError> {
        let text = match &self.storage.max_use {
            None => return Ok(None),
            Some(Size::Bytes(bytes)) => return Ok(Some(*bytes)),
            Some(Size::Text(text)) => text.replace(' ', ""),
        };
        match values::size(&text) {
            Ok(size) if !text.is_empty() => Ok(Some(size)),
            Ok(_) => Err(wrong(directory.file(TALLAC_FILE), "[storage] max_use is empty")),
            Err(problem) => {
                Err(wrong(directory.file(TALLAC_FILE), &format!("[storage] max_use {problem}")))
            }
        }
    }
}

fn wrong(file: PathBuf, problem: &str) -> ConfigError {
    ConfigError::Toml { file, problem: problem.to_owned() }
}
