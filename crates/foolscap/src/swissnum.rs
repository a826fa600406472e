//! The unguessable part of an address: whoever knows it may use what it names.

use std::fmt;
use std::hash::{Hash, Hasher};

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::tub_id::base32;

/// Random bytes in one that we make.
const RANDOM_LEN: usize = 20;

/// Longest that is taken, in characters. Real ones have 32.
const LEN_MAX: usize = 256;

/// The secret at the end of a FURL. Made as 20 random bytes in base32, but any short text
/// of characters that need no escaping in a URL is taken.
#[derive(Clone)]
pub struct Swissnum(String);

/// Why a text is no swissnum; it never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwissnumError {
    /// It is empty or unreasonably long.
    #[error("a swissnum has 1 to {LEN_MAX} characters, this one has {0}")]
    WrongLength(usize),
    /// It has a character that would need escaping in a URL.
    #[error("a swissnum has only letters, digits and - . _ ~")]
    BadCharacter,
}

impl Swissnum {
    /// A new one, of the system's randomness.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; RANDOM_LEN];
        getrandom::fill(&mut bytes)?;
        let text = base32(&bytes);
        bytes.zeroize();
        Ok(Self(text))
    }

    /// The one that is spelled so.
    ///
    /// # Errors
    /// [`SwissnumError`] when it could not stand in a URL as it is.
    pub fn from_text(text: &str) -> Result<Self, SwissnumError> {
        if text.is_empty() || text.len() > LEN_MAX {
            return Err(SwissnumError::WrongLength(text.len()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            return Err(SwissnumError::BadCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text, to be written to a wire or a private file.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Swissnum {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Swissnum {}

impl Hash for Swissnum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Swissnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Swissnum(…)")
    }
}

impl Drop for Swissnum {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn new_ones_have_160_bits_and_differ() {
        let (one, other) = (Swissnum::generate().unwrap(), Swissnum::generate().unwrap());
        assert_eq!(one.expose().len(), RANDOM_LEN * 8 / 5);
        assert_ne!(one, other);
        assert_eq!(Swissnum::from_text(one.expose()).unwrap(), one);
    }

    #[test]
    fn only_what_can_stand_in_a_url_is_taken() {
        for bad in ["", "a/b", "a b", "a#b", "a%20", "ä", "a\r\n", &"a".repeat(LEN_MAX + 1)] {
            assert!(Swissnum::from_text(bad).is_err(), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Swissnum::from_text("hush").unwrap()), "Swissnum(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_taken_as_it_is_or_refused(text in "[a-z2-7._~-]{0,40}|\\PC{0,10}") {
            if let Ok(swissnum) = Swissnum::from_text(&text) {
                prop_assert_eq!(swissnum.expose(), text);
            }
        }
    }
}
