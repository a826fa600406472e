//! A tub's certificate and key, which its id comes from.

use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, RsaKeySize, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::der;
use crate::tls;
use crate::tub_id::TubId;

/// The common name in every tub's certificate.
const COMMON_NAME: &str = "newpb_thingy";

/// A tub's self-signed certificate and its private key.
#[derive(Clone)]
pub struct Certificate {
    pem: Arc<str>,
    key: Arc<CertifiedKey>,
    spki: Arc<[u8]>,
}

/// Why there is no certificate; it never repeats what a file holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A new one could not be made.
    #[error("cannot make a certificate: {0}")]
    Generate(String),
    /// There is no PEM certificate.
    #[error("no PEM certificate found")]
    NoCertificate,
    /// There is no PEM private key.
    #[error("no PEM private key found")]
    NoKey,
    /// The certificate is damaged.
    #[error("the certificate is damaged")]
    BadCertificate,
    /// The key is damaged, of an unknown kind, or too short.
    #[error("the private key is damaged or of a kind that is not supported")]
    BadKey,
    /// The two do not belong together.
    #[error("the private key is not the one of the certificate")]
    Mismatch,
}

impl Certificate {
    /// A new key (RSA, 2048 bits) and certificate, such as other tubs have. Takes long enough
    /// (a tenth of a second, sometimes more) to be kept away from an async executor.
    ///
    /// # Errors
    /// [`CertificateError::Generate`] when the system has no randomness to give.
    pub fn generate() -> Result<Self, CertificateError> {
        let failed = |error: rcgen::Error| CertificateError::Generate(error.to_string());
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
        let key = key.map_err(failed)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, COMMON_NAME);
        parameters.serial_number = Some(SerialNumber::from(1u64));
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        Self::from_pem(&format!("{}{}", certificate.pem(), key.serialize_pem()))
    }

    /// The certificate and key in a PEM file, in any order.
    ///
    /// # Errors
    /// [`CertificateError`], which says what is wrong with the file.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| CertificateError::NoCertificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::NoKey)?;
        let spki = der::spki_of(&certificate).map_err(|_| CertificateError::BadCertificate)?;
        let key = tls::provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| CertificateError::BadKey)?;
        // The library's own comparison would parse the certificate, and refuse those of version 1.
        if key.public_key().is_none_or(|public| public.as_ref() != spki) {
            return Err(CertificateError::Mismatch);
        }
        let spki = spki.into();
        let key = Arc::new(CertifiedKey::new(vec![certificate], key));
        Ok(Self { pem: pem.into(), key, spki })
    }

    /// A PEM file: the certificate and the private key, which is secret.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The tub id: SHA-1 of the certificate.
    #[must_use]
    pub fn tub_id(&self) -> TubId {
        TubId::of_certificate(&self.key.cert[0])
    }

    /// Its public key, as a SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// What TLS proves this identity with.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("tub_id", &self.tub_id()).finish_non_exhaustive()
    }
}
