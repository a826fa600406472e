//! TLS between peers that know each other by their certificates and trust nobody else.

use std::fmt;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
};

use crate::der;

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

/// The cryptography under all of it.
#[must_use]
pub fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// Whether a certificate is the one that is expected.
pub type Expect = dyn Fn(&CertificateDer<'_>) -> bool + Send + Sync;

/// Accepts the peers whose certificate is expected and who prove in the handshake that they hold
/// its private key, in either role. Names, dates and signers mean nothing.
pub struct KeyVerifier {
    expect: Box<Expect>,
}

impl KeyVerifier {
    /// Accepts a certificate when `expect` says so.
    #[must_use]
    pub fn new(expect: impl Fn(&CertificateDer<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { expect: Box::new(expect) }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        spki(certificate)?;
        match (self.expect)(certificate) {
            true => Ok(()),
            false => {
                let error = CertificateError::ApplicationVerificationFailure;
                Err(Error::InvalidCertificate(error))
            }
        }
    }
}

impl fmt::Debug for KeyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyVerifier")
    }
}

/// Whether whoever a certificate is for signed it. OpenSSL, and so the Python program, asks only
/// for the same name as issuer and as subject. We also check the signature, if it is of a kind that
/// is still in use; the MD5 and SHA-1 of certificates that are many years old are let pass. This
/// costs no security: an identity is the hash of the whole certificate, and the handshake proves
/// that the peer has the private key.
pub(crate) fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    let Ok(parts) = der::Parts::of(certificate) else { return false };
    let (Ok((algorithm, signature)), true) = (parts.signature(), parts.issuer == parts.subject)
    else {
        return false;
    };
    let spki = SubjectPublicKeyInfoDer::from(parts.spki);
    let Ok(key) = webpki::RawPublicKeyEntity::try_from(&spki) else { return false };
    let known = PROVIDER.signature_verification_algorithms.all;
    let mut of_that_kind =
        known.iter().filter(|known| known.signature_alg_id().as_ref() == algorithm).peekable();
    of_that_kind.peek().is_none()
        || of_that_kind.any(|known| key.verify_signature(*known, parts.signed, signature).is_ok())
}

fn spki<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
    der::spki_of(certificate).map(SubjectPublicKeyInfoDer::from).map_err(bad)
}

/// What the library would do, but for certificates of any version.
fn tls12_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let spki = spki(certificate)?;
    let key = webpki::RawPublicKeyEntity::try_from(&spki)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let known = PROVIDER.signature_verification_algorithms.mapping;
    let (_, algorithms) = known
        .iter()
        .find(|(scheme, _)| *scheme == signature.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let proves = |algorithm: &&'static dyn SignatureVerificationAlgorithm| {
        key.verify_signature(*algorithm, message, signature.signature()).is_ok()
    };
    match algorithms.iter().any(proves) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
    }
}

fn tls13_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let spki = spki(certificate)?;
    let algorithms = &PROVIDER.signature_verification_algorithms;
    rustls::crypto::verify_tls13_signature_with_raw_key(message, &spki, signature, algorithms)
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for KeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
