//! The RSA keys of a mutable file (sections 2.4 and 2.9).

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, PublicKey};
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256};
use bytes::Bytes;
use zeroize::Zeroizing;

use crate::cap::{Fingerprint, MutableFormat, SskWriteCap, WriteKey};
use crate::crypto::Aes128Ctr;
use crate::hash;

/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 256;

/// The only size of key there is, in bytes.
const MODULUS_LEN: usize = 256;

/// Longest private key that is looked at, in bytes: those of 2048 bits have about 1218.
const PRIVATE_KEY_LEN_MAX: usize = 4096;

/// Longest public key that is looked at, in bytes: those of 2048 bits have 294.
const PUBLIC_KEY_LEN_MAX: usize = 2048;

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the DER of an RSA key.
    #[error("not an RSA key in PKCS#8 DER")]
    Malformed,
    /// Another size than 2048 bits.
    #[error("Private Key must be 2048 bits, not {bits}")]
    WrongSize {
        /// What it has.
        bits: usize,
    },
    /// The key is not the one that the capability was made of.
    #[error("the key is not the one of this capability")]
    WrongKey,
    /// A signature does not fit.
    #[error("the signature does not match")]
    BadSignature,
}

/// The RSA key pair of a mutable file: whoever has it can write the file.
///
/// The exact bytes of the private key are kept, as the write key is their hash.
pub struct MutableKeyPair {
    pair: KeyPair,
    der: Zeroizing<Vec<u8>>,
    public_der: Bytes,
    write_key: WriteKey,
    fingerprint: Fingerprint,
}

impl MutableKeyPair {
    /// The key pair in a PKCS#8 DER text. The size is looked at before the costly checks.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        if der.len() > PRIVATE_KEY_LEN_MAX {
            return Err(KeyError::WrongSize { bits: der.len() * 2 });
        }
        let pair = KeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed)?;
        if pair.public_modulus_len() != MODULUS_LEN {
            return Err(KeyError::WrongSize { bits: pair.public_modulus_len() * 8 });
        }
        let public: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| KeyError::Malformed)?;
        let public_der = Bytes::copy_from_slice(public.as_ref());
        Ok(Self {
            write_key: WriteKey::new(hash::truncate(&hash::SSK_WRITEKEY.hash(der))),
            fingerprint: Fingerprint::new(hash::SSK_FINGERPRINT.hash(&public_der)),
            der: Zeroizing::new(der.to_vec()),
            public_der,
            pair,
        })
    }

    /// The key pair that a share keeps, encrypted under the write key.
    ///
    /// # Errors
    /// [`KeyError::WrongKey`] unless it is the very key that the capability was made of.
    pub fn decrypt(encrypted: &[u8], cap: &SskWriteCap) -> Result<Self, KeyError> {
        let der = private_der(encrypted, cap).ok_or(KeyError::WrongKey)?;
        let pair = Self::from_pkcs8_der(&der)?;
        if pair.fingerprint != *cap.fingerprint() {
            return Err(KeyError::WrongKey);
        }
        Ok(pair)
    }

    /// Whether what a share keeps is the private key that the capability was made of; quicker than
    /// to use it.
    #[must_use]
    pub fn is_kept_in(encrypted: &[u8], cap: &SskWriteCap) -> bool {
        private_der(encrypted, cap).is_some()
    }

    /// The private key as shares keep it.
    #[must_use]
    pub fn encrypted(&self) -> Bytes {
        let mut encrypted = self.der.to_vec();
        Aes128Ctr::new(self.write_key.expose()).apply(0, &mut encrypted);
        encrypted.into()
    }

    /// The private key, unencrypted, in PKCS#8 DER.
    #[must_use]
    pub fn expose_der(&self) -> &[u8] {
        &self.der
    }

    /// The public key as shares keep it, in DER.
    #[must_use]
    pub const fn public_der(&self) -> &Bytes {
        &self.public_der
    }

    /// What the write cap is made of.
    #[must_use]
    pub const fn write_key(&self) -> &WriteKey {
        &self.write_key
    }

    /// The cap of the file that this pair writes.
    #[must_use]
    pub fn cap(&self, format: MutableFormat) -> SskWriteCap {
        SskWriteCap::new(format, self.write_key.clone(), self.fingerprint)
    }

    /// Signs the front of a header.
    ///
    /// # Panics
    /// If the library cannot sign with a key that it has checked.
    #[must_use]
    pub fn sign(&self, signed: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        self.pair
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed, &mut signature)
            .expect("a checked key of 2048 bits signs");
        signature
    }
}

/// The private key that a share keeps, if it is the one that the capability was made of.
fn private_der(encrypted: &[u8], cap: &SskWriteCap) -> Option<Zeroizing<Vec<u8>>> {
    if encrypted.len() > PRIVATE_KEY_LEN_MAX {
        return None;
    }
    let mut der = Zeroizing::new(encrypted.to_vec());
    Aes128Ctr::new(cap.write_key().expose()).apply(0, &mut der);
    let write_key = WriteKey::new(hash::truncate(&hash::SSK_WRITEKEY.hash(&der)));
    (write_key == *cap.write_key()).then_some(der)
}

impl fmt::Debug for MutableKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MutableKeyPair({})", self.fingerprint)
    }
}

/// The public key of a mutable file, proven by the fingerprint in its cap.
pub struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// The public key that a share keeps.
    ///
    /// # Errors
    /// [`KeyError::WrongKey`] if it is not the one that the cap names.
    pub fn from_der(der: &[u8], fingerprint: &Fingerprint) -> Result<Self, KeyError> {
        if der.len() > PUBLIC_KEY_LEN_MAX
            || hash::SSK_FINGERPRINT.hash(der) != *fingerprint.as_bytes()
        {
            return Err(KeyError::WrongKey);
        }
        let key = PublicKey::from_der(der).map_err(|_| KeyError::Malformed)?;
        let parsed = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.as_ref())
            .map_err(|_| KeyError::Malformed)?;
        Ok(Self(parsed))
    }

    /// Checks the signature of the front of a header.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        self.0.verify_sig(signed, signature).map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey")
    }
}
