//! Names of children.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The name of a child: any text, in Unicode's normal form C. Ordered by code point, which is the
/// order of a packed directory. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildName(Arc<str>);

impl ChildName {
    /// The name that this text is. Two texts that are shown alike give the same name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.is_ascii() || is_nfc(text) {
            Self(text.into())
        } else {
            Self(text.nfc().collect::<String>().into())
        }
    }

    /// The name as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ChildName {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for ChildName {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Display for ChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
