//! TLS that trusts one key and nothing else (specification section 7.1).
//!
//! The server proves in the handshake that it holds the private key of its certificate; that
//! certificate's public key must have the hash in the NURL. Names, dates and signers mean nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use data_encoding::BASE64URL_NOPAD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::der::{self, DerError};

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

/// The ciphers, cheapest first. AES-128 has the fewest rounds, and what it protects here are the
/// secrets of a server: share data is encrypted already.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = aws_lc_rs::default_provider();
    let rank = |suite: &rustls::SupportedCipherSuite| {
        suite.suite() != rustls::CipherSuite::TLS13_AES_128_GCM_SHA256
    };
    provider.cipher_suites.sort_by_key(rank);
    Arc::new(provider)
});

pub(super) fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// How to connect to whoever holds the key with this hash.
///
/// A resumed session skips the verifier, so each pin has a configuration of its own, and with it
/// a session store of its own.
pub(crate) fn client_config(pin: SpkiHash) -> Result<ClientConfig, Error> {
    let verifier = Arc::new(PinVerifier { pin });
    let mut config = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.enable_sni = false;
    Ok(config)
}

/// How to serve as the holder of that key.
pub(crate) fn server_config(key: Arc<CertifiedKey>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.ignore_client_order = true;
    Ok(config)
}

#[derive(Debug)]
struct PinVerifier {
    pin: SpkiHash,
}

impl PinVerifier {
    fn spki<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
        let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        der::spki_of(certificate).map(SubjectPublicKeyInfoDer::from).map_err(bad)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found: [u8; 32] = Sha256::digest(Self::spki(end_entity)?).into();
        if found.ct_eq(&self.pin.0).into() {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = Self::spki(certificate)?;
        let key = webpki::RawPublicKeyEntity::try_from(&spki)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let known = PROVIDER.signature_verification_algorithms.mapping;
        let (_, algorithms) = known
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let proves =
            |algorithm: &&'static dyn rustls::pki_types::SignatureVerificationAlgorithm| {
                key.verify_signature(*algorithm, message, signature.signature()).is_ok()
            };
        match algorithms.iter().any(proves) {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = Self::spki(certificate)?;
        let algorithms = &PROVIDER.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &spki, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
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
