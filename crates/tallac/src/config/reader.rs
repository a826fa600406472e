//! One value of `tahoe.cfg` at a time, with the place named when it is wrong.

use std::path::{Path, PathBuf};

use super::directory::NodeDirectory;
use super::error::ConfigError;
use super::ini::Ini;
use super::values::{self, Problem};

/// A section and a key, this in lower case.
pub(super) type Place = (&'static str, &'static str);

/// A file that was read, and whose keys are known ones.
pub(super) struct Reader<'a> {
    pub(super) directory: &'a NodeDirectory,
    pub(super) file: &'a Path,
    pub(super) ini: &'a Ini,
}

impl Reader<'_> {
    /// The error that the value of a key is wrong.
    pub(super) fn wrong(&self, place: Place, problem: Problem) -> ConfigError {
        ConfigError::value(self.file, place, problem)
    }

    /// The error that what a key asks for is not there yet.
    pub(super) fn unsupported(&self, (section, key): Place, reason: &'static str) -> ConfigError {
        ConfigError::Unsupported {
            file: self.file.to_owned(),
            section: section.to_owned(),
            key: key.to_owned(),
            reason,
        }
    }

    /// The value of a key, if it is set.
    pub(super) fn text(&self, place: Place) -> Result<Option<String>, ConfigError> {
        self.ini.get(place.0, place.1).map_err(|error| self.wrong(place, error.to_string()))
    }

    /// The value of a key, if it is set and not empty.
    pub(super) fn filled(&self, place: Place) -> Result<Option<String>, ConfigError> {
        Ok(self.text(place)?.filter(|text| !text.is_empty()))
    }

    /// The value of a key by one of the readers of [`values`].
    pub(super) fn parse<T>(
        &self,
        place: Place,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(place)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|problem| self.wrong(place, problem))
    }

    /// True or false.
    pub(super) fn boolean(&self, place: Place, default: bool) -> Result<bool, ConfigError> {
        Ok(self.parse(place, values::boolean)?.unwrap_or(default))
    }

    /// A path, relative ones from the node's directory, `~` from the user's.
    pub(super) fn path(&self, place: Place, default: &str) -> Result<PathBuf, ConfigError> {
        let text = self.text(place)?.unwrap_or_else(|| default.to_owned());
        Ok(self.resolve(&text))
    }

    /// The path that a text names, relative ones from the node's directory, `~` from the user's.
    pub(super) fn resolve(&self, text: &str) -> PathBuf {
        match text.strip_prefix("~/").zip(std::env::home_dir()) {
            Some((rest, home)) => home.join(rest),
            None => self.directory.file(text),
        }
    }
}
