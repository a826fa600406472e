//! The key that a node signs its announcements with, and the texts of both of its halves (section
//! 2.10).

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use tallac_core::base32::{self, Base32Error};
use tallac_core::ids::ServerId;
use zeroize::Zeroizing;

/// What the text of a private key begins with.
const PRIVATE_PREFIX: &str = "priv-v0-";

/// What the text of a public key begins with.
const PUBLIC_PREFIX: &str = "pub-v0-";

/// An Ed25519 key pair.
#[derive(Clone)]
pub struct NodeKey {
    seed: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

/// Why a text is no private key. It is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not begin as one.
    #[error("a private key begins with {PRIVATE_PREFIX}")]
    NoPrefix,
    /// Something else than 32 bytes follows.
    #[error("after {PRIVATE_PREFIX}, 32 bytes in base32 must follow: {0}")]
    BadSeed(#[from] Base32Error),
    /// The library would not have it.
    #[error("it is no Ed25519 key")]
    Rejected,
}

impl NodeKey {
    /// A new one, of the system's randomness.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Self::from_seed(seed).map_err(|_| getrandom::Error::UNEXPECTED)
    }

    /// The one that is spelled `priv-v0-…`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let seed = text.trim().strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::NoPrefix)?;
        Self::from_seed(Zeroizing::new(base32::decode_array(seed)?))
    }

    fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeyError::Rejected)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Rejected)?;
        Ok(Self { seed, public })
    }

    /// The private half as a text, to be written to a private file.
    #[must_use]
    pub fn expose_private(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PRIVATE_PREFIX}{}", base32::encode(&*self.seed)))
    }

    /// The public half as a text.
    #[must_use]
    pub fn public_text(&self) -> String {
        format!("{PUBLIC_PREFIX}{}", base32::encode(&self.public))
    }

    /// The name that a server with this key has in its grid.
    #[must_use]
    pub fn server_id(&self) -> ServerId {
        ServerId::new(format!("v0-{}", base32::encode(&self.public)))
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.public_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_section_15_5() {
        let seed: [u8; 32] = std::array::from_fn(|i| i.try_into().unwrap());
        let text = format!("priv-v0-{}", base32::encode(&seed));
        let key = NodeKey::from_text(&format!("{text}\n")).unwrap();
        let public = "pub-v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";
        assert_eq!(key.public_text(), public);
        assert_eq!(key.server_id().as_str(), &public[4..]);
        assert_eq!(*key.expose_private(), text);
        assert_eq!(format!("{key:?}"), format!("NodeKey({public})"));
    }

    #[test]
    fn what_is_no_private_key() {
        for text in ["", "priv-v0-", "pub-v0-aaaa", "priv-v0-aaaa", &"a".repeat(60)] {
            assert!(NodeKey::from_text(text).is_err(), "{text}");
        }
    }
}
