//! Codes: a nameplate, which is the number of a mailbox, and words that only the two users know.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// The PGP word list: on each line the word of three syllables and the word of two for a byte.
const WORDS: &str = include_str!("words.txt");

/// Longest code that is taken, in bytes.
const LEN_MAX: usize = 256;

/// Most digits of a nameplate.
const NAMEPLATE_LEN_MAX: usize = 20;

/// A code.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

/// Why a text is no code. It is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It does not begin with a number and a dash, or nothing follows.
    #[error("a code is a number and words with dashes between, like 7-crossover-clockwork")]
    Form,
    /// There is a space in it.
    #[error("a code has no spaces in it: put dashes between its words")]
    Space,
    /// It is too long.
    #[error("a code has at most {LEN_MAX} bytes")]
    TooLong,
}

impl Code {
    /// The code of this nameplate with two words, which these bytes choose.
    pub(crate) fn new(nameplate: &str, [first, second]: [u8; 2]) -> Result<Self, CodeError> {
        let word = |byte: u8, column| {
            let line = WORDS.lines().nth(byte.into()).unwrap_or_default();
            line.split(' ').nth(column).unwrap_or_default()
        };
        format!("{nameplate}-{}-{}", word(first, 0), word(second, 1)).parse()
    }

    /// The code itself: whoever learns it before it is used can take the other side's place.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The number of the mailbox, which the rendezvous server learns.
    pub(crate) fn nameplate(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// The password of the key exchange.
    pub(crate) fn password(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.nfc().collect::<String>().into_bytes())
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        if text.len() > LEN_MAX {
            return Err(CodeError::TooLong);
        }
        if text.contains(char::is_whitespace) {
            return Err(CodeError::Space);
        }
        let (nameplate, words) = text.split_once('-').ok_or(CodeError::Form)?;
        let is_number = !nameplate.is_empty() && nameplate.bytes().all(|b| b.is_ascii_digit());
        if !is_number || nameplate.len() > NAMEPLATE_LEN_MAX || words.is_empty() {
            return Err(CodeError::Form);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({}-…)", self.nameplate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alternate() {
        let code = |bytes| Code::new("7", bytes).unwrap().expose().to_owned();
        assert_eq!(code([0, 0]), "7-adroitness-aardvark");
        assert_eq!(code([255, 255]), "7-yucatan-zulu");
        assert_eq!(code([1, 2]), "7-adviser-accrue");
    }

    #[test]
    fn the_list_is_whole() {
        let words: Vec<_> = WORDS.split(['\n', ' ']).filter(|word| !word.is_empty()).collect();
        assert_eq!((WORDS.lines().count(), words.len()), (256, 512));
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
        let distinct: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(distinct.len(), 512);
    }

    #[test]
    fn what_is_a_code() {
        let check = |text: &str, expected: Result<&str, CodeError>| {
            let code = text.parse::<Code>();
            assert_eq!(code.as_ref().map(Code::nameplate), expected.as_ref().copied(), "{text}");
        };
        check("7-crossover-clockwork", Ok("7"));
        check("123-ä", Ok("123"));
        check("7-a-b-c", Ok("7"));
        for text in ["", "7", "7-", "-a", "a-b", "x7-a", "+7-a", &format!("{}-a", "7".repeat(21))] {
            check(text, Err(CodeError::Form));
        }
        check("7-crossover clockwork", Err(CodeError::Space));
        check(&format!("7-{}", "x".repeat(255)), Err(CodeError::TooLong));
        let code: Code = "7-crossover-clockwork".parse().unwrap();
        assert_eq!(format!("{code:?}"), "Code(7-…)");
    }

    #[test]
    fn passwords_are_composed() {
        let code: Code = "7-a\u{308}".parse().unwrap();
        assert_eq!(*code.password(), "7-ä".as_bytes());
    }
}
