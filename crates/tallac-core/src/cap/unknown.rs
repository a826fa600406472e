//! Texts that are no cap we know: kept as they are and passed on, since a later version may know
//! them (sections 1.4 and 1.5).

use std::fmt;

use super::{CapError, IMMUTABLE_PREFIX, READONLY_PREFIX};

/// A text that is no cap we know, or not one that may stand where it does. Its `Display` is the
/// text, to the letter.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownCap {
    text: String,
    error: Option<CapError>,
}

impl UnknownCap {
    pub(super) fn new(text: &str, error: Option<CapError>) -> Self {
        Self { text: text.to_owned(), error }
    }

    /// The text, prefixes included. It may be a secret.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it; nothing as long as it may be a cap of a later version.
    #[must_use]
    pub const fn error(&self) -> Option<&CapError> {
        self.error.as_ref()
    }

    /// Why it cannot be used, whether or not a later version could.
    #[must_use]
    pub fn why(&self) -> CapError {
        self.error.clone().unwrap_or(CapError::UnknownKind)
    }

    /// Whether it says of itself that it only reads.
    #[must_use]
    pub fn is_alleged_readonly(&self) -> bool {
        self.text.starts_with(READONLY_PREFIX) || self.is_alleged_immutable()
    }

    /// Whether it says of itself that all it reaches is immutable.
    #[must_use]
    pub fn is_alleged_immutable(&self) -> bool {
        self.text.starts_with(IMMUTABLE_PREFIX)
    }
}

impl fmt::Display for UnknownCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for UnknownCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownCap({} bytes: {})", self.text.len(), self.why())
    }
}
