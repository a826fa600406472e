//! Who a tub is: the hash of its certificate.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use sha1::{Digest, Sha1};

use std::sync::LazyLock;

/// RFC 4648's alphabet in lower case, without padding; upper case is read too.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    specification.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
    specification.encoding().unwrap_or(BASE32_NOPAD)
});

/// Bytes as base32, the way names of tubs and of what they offer are spelled.
pub(crate) fn base32(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// SHA-1 of a tub's DER certificate; 32 characters of lower-case base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TubId([u8; 20]);

/// A text is no tub id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tub id is 32 characters of base32 (a-z, 2-7)")]
pub struct TubIdError;

impl TubId {
    /// The id that is these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The id of whoever has this certificate.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        Self(Sha1::digest(der).into())
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for TubId {
    type Err = TubIdError;

    fn from_str(text: &str) -> Result<Self, TubIdError> {
        let bytes = BASE32.decode(text.as_bytes()).map_err(|_| TubIdError)?;
        bytes.try_into().map(Self).map_err(|_| TubIdError)
    }
}

impl fmt::Display for TubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32(&self.0))
    }
}

impl fmt::Debug for TubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TubId({self})")
    }
}
