//! An onion service: its address, and the key that it comes from.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

/// Longest key that is taken, in bytes; today's have 100.
const KEY_LEN_MAX: usize = 4096;

/// The length of a service's id: 56 characters of base32 today, 16 of old.
const ID_LENGTHS: [usize; 2] = [56, 16];

/// The address of an onion service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OnionAddress(String);

impl OnionAddress {
    /// The address of the service with this id.
    pub(super) fn of_service_id(id: &str) -> Option<Self> {
        let is_base32 = id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        (is_base32 && ID_LENGTHS.contains(&id.len())).then(|| Self(id.to_owned()))
    }

    pub(super) fn service_id(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OnionAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.onion", self.0)
    }
}

/// The key of an onion service, in Tor's own words: `ED25519-V3:` and base64. Secret: whoever has
/// it can take the service's place.
#[derive(Clone)]
pub struct OnionKey(Zeroizing<String>);

/// A text is no key of an onion service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an onion service's key is like ED25519-V3:BASE64")]
pub struct OnionKeyError;

impl OnionKey {
    /// The key itself, to be told to Tor or to be kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for OnionKey {
    type Err = OnionKeyError;

    fn from_str(text: &str) -> Result<Self, OnionKeyError> {
        let text = text.trim_end();
        let (kind, key) = text.split_once(':').ok_or(OnionKeyError)?;
        let is_kind = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let is_key = text.len() <= KEY_LEN_MAX
            // Which would have Tor make a new key.
            && kind != "NEW"
            && !kind.is_empty()
            && !key.is_empty()
            && kind.bytes().all(is_kind)
            && key.bytes().all(is_base64);
        if is_key { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(OnionKeyError) }
    }
}

impl fmt::Debug for OnionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnionKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word() {
        let key: OnionKey = "ED25519-V3:ab+/==\n".parse().unwrap();
        assert_eq!(key.expose(), "ED25519-V3:ab+/==");
        assert_eq!(format!("{key:?}"), "OnionKey");
        let bad = ["", "NEW:BEST", "ED25519-V3", "ED25519-V3:", ":a", "A:b c", "A:b\r\nQUIT"];
        for text in bad {
            assert!(text.parse::<OnionKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_base32() {
        let id = "a2".repeat(28);
        assert_eq!(OnionAddress::of_service_id(&id).unwrap().to_string(), format!("{id}.onion"));
        for id in ["", "a", &"a1".repeat(28), &"A2".repeat(28), &"a2".repeat(29)] {
            assert_eq!(OnionAddress::of_service_id(id), None, "{id}");
        }
    }
}
