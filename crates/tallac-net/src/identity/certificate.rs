//! A node's certificate and key, `private/node.pem`, which its tub id and its NURLs come from
//! (specification sections 6.2 and 10.4).

use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, RsaKeySize, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha1::{Digest, Sha1};
use tallac_core::ids::TubId;

use super::der;
use super::tls_pin::{self, SpkiHash};

/// The common name in every node's certificate.
const COMMON_NAME: &str = "newpb_thingy";

/// A node's self-signed certificate and its private key.
#[derive(Clone)]
pub struct NodeCertificate {
    pem: Arc<str>,
    key: Arc<CertifiedKey>,
    spki_hash: SpkiHash,
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

impl NodeCertificate {
    /// A new key (RSA, 2048 bits) and certificate, such as Tahoe-LAFS makes. Takes long enough
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
        let key = tls_pin::provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| CertificateError::BadKey)?;
        // The library's own comparison would parse the certificate, and refuse those of version 1.
        if key.public_key().is_none_or(|public| public.as_ref() != spki) {
            return Err(CertificateError::Mismatch);
        }
        let spki_hash =
            SpkiHash::of_certificate(&certificate).map_err(|_| CertificateError::BadCertificate)?;
        let key = Arc::new(CertifiedKey::new(vec![certificate], key));
        Ok(Self { pem: pem.into(), key, spki_hash })
    }

    /// What `private/node.pem` holds: the certificate and the private key, which is secret.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The tub id of the node: SHA-1 of the certificate.
    #[must_use]
    pub fn tub_id(&self) -> TubId {
        TubId::new(Sha1::digest(&self.key.cert[0]).into())
    }

    /// What NURLs name the node by.
    #[must_use]
    pub const fn spki_hash(&self) -> SpkiHash {
        self.spki_hash
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

impl fmt::Debug for NodeCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCertificate").field("tub_id", &self.tub_id()).finish_non_exhaustive()
    }
}
