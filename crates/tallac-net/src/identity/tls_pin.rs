//! TLS that trusts one key and nothing else (specification section 7.1).
//!
//! The server proves in the handshake that it holds the private key of its certificate; that
//! certificate's public key must have the hash in the NURL. Names, dates and signers mean nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use foolscap::Certificate;
use foolscap::der::{self, DerError};
use foolscap::tls::{self, KeyVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, ServerConfig};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The hash that a NURL names a server by: SHA-256 of its SubjectPublicKeyInfo, 43 characters of
/// URL-safe base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiHash([u8; 32]);

/// A text is no [`SpkiHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key hash must be 43 characters of URL-safe base64")]
pub struct SpkiHashError;

impl SpkiHash {
    /// The hash that is these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of the key in a DER certificate of any version.
    ///
    /// # Errors
    /// [`DerError`] when it is no certificate.
    pub fn of_certificate(der: &[u8]) -> Result<Self, DerError> {
        Ok(Self(Sha256::digest(der::spki_of(der)?).into()))
    }

    /// What NURLs name the holder of this certificate by.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        Self(Sha256::digest(certificate.spki()).into())
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SpkiHash {
    type Err = SpkiHashError;

    fn from_str(text: &str) -> Result<Self, SpkiHashError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| SpkiHashError)?;
        bytes.try_into().map(Self).map_err(|_| SpkiHashError)
    }
}

impl fmt::Display for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiHash({self})")
    }
}

/// How to connect to whoever holds the key with this hash.
///
/// A resumed session skips the verifier, so each pin has a configuration of its own, and with it
/// a session store of its own.
pub(crate) fn client_config(pin: SpkiHash) -> Result<ClientConfig, Error> {
    let verifier = Arc::new(KeyVerifier::new(move |certificate| {
        SpkiHash::of_certificate(certificate).is_ok_and(|found| found.0.ct_eq(&pin.0).into())
    }));
    let mut config = ClientConfig::builder_with_provider(tls::provider().clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.enable_sni = false;
    Ok(config)
}

/// How to serve as the holder of that key.
pub(crate) fn server_config(key: Arc<CertifiedKey>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(tls::provider().clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.ignore_client_order = true;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_hash_has_one_spelling(bytes: [u8; 32], text in "[A-Za-z0-9_-]{42,44}|\\PC{0,50}") {
            let hash = SpkiHash::new(bytes);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            if let Ok(hash) = text.parse::<SpkiHash>() {
                prop_assert_eq!(hash.to_string(), text);
            }
        }
    }
}
