//! Ed25519 as nodes and grid managers use it, and the texts of its keys and signatures (section
//! 2.10): `priv-v0-…`, `pub-v0-…`, and `v0-…` where it is clear what is meant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::base32::{self, Base32Error};
use crate::ids::ServerId;

/// What the text of a private key begins with.
const PRIVATE_PREFIX: &str = "priv-v0-";

/// What the text of a public key begins with.
const PUBLIC_PREFIX: &str = "pub-v0-";

/// What a server's name and the text of a signature begin with.
const V0_PREFIX: &str = "v0-";

/// Both halves of a key pair.
#[derive(Clone)]
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Arc<Ed25519KeyPair>,
    public: VerifyingKey,
}

/// The public half of a key pair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

/// A signature; whether it is a good one is another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// The signature was not made over this message with this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct BadSignature;

/// Why a text is no key. It is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not begin as one.
    #[error("it must begin with {0}")]
    NoPrefix(&'static str),
    /// Something else than the bytes of a key follows.
    #[error("after {0}, 32 bytes in base32 must follow: {1}")]
    BadBytes(&'static str, Base32Error),
    /// The library would not have it.
    #[error("it is no Ed25519 key")]
    Rejected,
}

impl SigningKey {
    /// The key that comes from these 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Rejected`], if ever.
    pub fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeyError::Rejected)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Rejected)?;
        Ok(Self { seed, pair: Arc::new(pair), public: VerifyingKey(public) })
    }

    /// The one that is spelled `priv-v0-…`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        Self::from_seed(Zeroizing::new(bytes_after(PRIVATE_PREFIX, text.trim())?))
    }

    /// Its text, to be written to a private file.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PRIVATE_PREFIX}{}", base32::encode(&*self.seed)))
    }

    /// The public half.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let signature = self.pair.sign(message);
        Signature(signature.as_ref().try_into().expect("Ed25519 signatures have 64 bytes"))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

impl VerifyingKey {
    /// The key that is these bytes, unless that is no key: then no signature matches.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key of the server of this name.
    ///
    /// # Errors
    /// [`KeyError`] when it is not `v0-` and a key.
    pub fn from_server_id(server_id: &str) -> Result<Self, KeyError> {
        bytes_after(V0_PREFIX, server_id).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name that a server with this key has in its grid: `v0-…`.
    #[must_use]
    pub fn server_id(&self) -> ServerId {
        ServerId::new(format!("{V0_PREFIX}{}", base32::encode(&self.0)))
    }

    /// Whether whoever has the private half signed this message.
    ///
    /// # Errors
    /// [`BadSignature`] when not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, &signature.0)
            .map_err(|_| BadSignature)
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    /// The one that is spelled `pub-v0-…`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        bytes_after(PUBLIC_PREFIX, text).map(Self)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", base32::encode(&self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl Signature {
    /// The one that these bytes are.
    #[must_use]
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

fn bytes_after(prefix: &'static str, text: &str) -> Result<[u8; 32], KeyError> {
    let text = text.strip_prefix(prefix).ok_or(KeyError::NoPrefix(prefix))?;
    base32::decode_array(text).map_err(|error| KeyError::BadBytes(prefix, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        let seed: [u8; 32] = std::array::from_fn(|i| i.try_into().unwrap());
        SigningKey::from_text(&format!("priv-v0-{}\n", base32::encode(&seed))).unwrap()
    }

    #[test]
    fn the_key_of_section_15_5() {
        let (key, public) = (key(), "pub-v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a");
        assert_eq!(key.verifying_key().to_string(), public);
        assert_eq!(public.parse(), Ok(*key.verifying_key()));
        assert_eq!(key.verifying_key().server_id().as_str(), &public[4..]);
        assert_eq!(VerifyingKey::from_server_id(&public[4..]), Ok(*key.verifying_key()));
        assert!(SigningKey::from_text(&key.expose_text()).is_ok());
        assert_eq!(format!("{key:?}"), format!("SigningKey({public})"));
    }

    #[test]
    fn only_what_was_signed_matches() {
        let (key, mut message) = (key(), b"hello".to_vec());
        let signature = key.sign(&message);
        assert_eq!(key.verifying_key().verify(&message, &signature), Ok(()));
        message[0] ^= 1;
        assert_eq!(key.verifying_key().verify(&message, &signature), Err(BadSignature));
        assert!(VerifyingKey::new([0xff; 32]).verify(b"hello", &signature).is_err());
    }

    #[test]
    fn what_is_no_key() {
        for text in ["", "priv-v0-", "pub-v0-aaaa", "priv-v0-aaaa", &"a".repeat(60)] {
            assert!(SigningKey::from_text(text).is_err(), "{text}");
            assert!(text.parse::<VerifyingKey>().is_err(), "{text}");
            assert!(VerifyingKey::from_server_id(text).is_err(), "{text}");
        }
    }
}
