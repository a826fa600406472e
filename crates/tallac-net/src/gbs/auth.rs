//! Who may ask: the swissnum in `Authorization`, and the secrets of single operations in
//! `X-Tahoe-Authorization` (section 7.2).

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret, WriteEnabler};
use zeroize::Zeroizing;

use crate::identity::Swissnum;

/// The header that secrets are sent in, one each.
pub(crate) const SECRETS: HeaderName = HeaderName::from_static("x-tahoe-authorization");

/// Longest secret that is taken, in bytes.
const SECRET_LEN_MAX: usize = 1024;

const RENEW: &str = "lease-renew-secret";
const CANCEL: &str = "lease-cancel-secret";
const UPLOAD: &str = "upload-secret";
const WRITE_ENABLER: &str = "write-enabler";

/// The `Authorization` header that proves knowledge of a swissnum.
pub(crate) fn authorization(swissnum: &Swissnum) -> HeaderValue {
    let encoded = Zeroizing::new(BASE64.encode(swissnum.expose().as_bytes()));
    sensitive(Zeroizing::new(format!("Tahoe-LAFS {}", *encoded)))
}

/// Whether the first `Authorization` header is the expected one; takes as long either way.
pub(crate) fn is_authorized(headers: &HeaderMap, expected: &HeaderValue) -> bool {
    let found = headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
    found.ct_eq(expected.as_bytes()).into()
}

/// The headers that carry the secrets of a lease.
pub(crate) fn lease_headers(lease: &LeaseSecrets) -> [HeaderValue; 2] {
    [header(RENEW, lease.renew.expose()), header(CANCEL, lease.cancel.expose())]
}

/// The header that carries an upload secret.
pub(crate) fn upload_header(secret: &UploadSecret) -> HeaderValue {
    header(UPLOAD, secret.expose())
}

/// The header that carries a write enabler.
pub(crate) fn write_enabler_header(secret: &WriteEnabler) -> HeaderValue {
    header(WRITE_ENABLER, secret.expose())
}

fn header(name: &str, secret: &[u8]) -> HeaderValue {
    let encoded = Zeroizing::new(BASE64.encode(secret));
    sensitive(Zeroizing::new(format!("{name} {}", *encoded)))
}

fn sensitive(text: Zeroizing<String>) -> HeaderValue {
    let mut value = HeaderValue::from_str(&text).expect("base64 can stand in a header");
    value.set_sensitive(true);
    value
}

/// Why the secrets of a request are not those that belong to the operation; it never repeats one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretsError {
    /// A header is no name and base64.
    #[error("X-Tahoe-Authorization must be the name of a secret, a space, and base64")]
    Malformed,
    /// A lease secret or a write enabler has another length.
    #[error("lease secrets and write enablers must have 32 bytes")]
    FixedLength,
    /// A secret has no bytes, or unreasonably many.
    #[error("a secret must have 1 to {SECRET_LEN_MAX} bytes")]
    SecretLength,
    /// A secret is given twice.
    #[error("a secret is given twice")]
    Repeated,
    /// There are others than there should be.
    #[error("expected exactly these secrets: {0}")]
    WrongSet(&'static str),
}

/// The secrets that came with a request.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    renew: Option<RenewSecret>,
    cancel: Option<CancelSecret>,
    upload: Option<UploadSecret>,
    write_enabler: Option<WriteEnabler>,
}

impl Secrets {
    /// Those in `headers`.
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, SecretsError> {
        let mut secrets = Self::default();
        for value in headers.get_all(SECRETS) {
            let text = value.to_str().map_err(|_| SecretsError::Malformed)?.trim();
            let (name, encoded) = text.split_once(' ').ok_or(SecretsError::Malformed)?;
            let secret = BASE64.decode(encoded.trim().as_bytes());
            let secret = Zeroizing::new(secret.map_err(|_| SecretsError::Malformed)?);
            if secret.is_empty() || secret.len() > SECRET_LEN_MAX {
                return Err(SecretsError::SecretLength);
            }
            let is_repeated = match name {
                RENEW => secrets.renew.replace(RenewSecret::new(of_32_bytes(&secret)?)).is_some(),
                CANCEL => {
                    secrets.cancel.replace(CancelSecret::new(of_32_bytes(&secret)?)).is_some()
                }
                UPLOAD => secrets.upload.replace(UploadSecret::new(secret.to_vec())).is_some(),
                WRITE_ENABLER => {
                    let secret = WriteEnabler::new(of_32_bytes(&secret)?);
                    secrets.write_enabler.replace(secret).is_some()
                }
                _ => return Err(SecretsError::Malformed),
            };
            if is_repeated {
                return Err(SecretsError::Repeated);
            }
        }
        Ok(secrets)
    }

    /// Asserts that there are none.
    pub(crate) fn none(self) -> Result<(), SecretsError> {
        match self {
            Self { renew: None, cancel: None, upload: None, write_enabler: None } => Ok(()),
            _ => Err(SecretsError::WrongSet("none")),
        }
    }

    /// The upload secret, if that is all.
    pub(crate) fn upload(self) -> Result<UploadSecret, SecretsError> {
        match self {
            Self { renew: None, cancel: None, upload: Some(upload), write_enabler: None } => {
                Ok(upload)
            }
            _ => Err(SecretsError::WrongSet("upload-secret")),
        }
    }

    /// The secrets of a lease, if that is all.
    pub(crate) fn lease(self) -> Result<LeaseSecrets, SecretsError> {
        match self {
            Self {
                renew: Some(renew),
                cancel: Some(cancel),
                upload: None,
                write_enabler: None,
            } => Ok(LeaseSecrets { renew, cancel }),
            _ => Err(SecretsError::WrongSet("lease-renew-secret, lease-cancel-secret")),
        }
    }

    /// The secrets of a lease and the upload secret, if that is all.
    pub(crate) fn lease_and_upload(self) -> Result<(LeaseSecrets, UploadSecret), SecretsError> {
        match self {
            Self {
                renew: Some(renew),
                cancel: Some(cancel),
                upload: Some(upload),
                write_enabler: None,
            } => Ok((LeaseSecrets { renew, cancel }, upload)),
            _ => Err(SecretsError::WrongSet(
                "lease-renew-secret, lease-cancel-secret, upload-secret",
            )),
        }
    }

    /// The secrets of a lease and the write enabler, if that is all.
    pub(crate) fn lease_and_write_enabler(
        self,
    ) -> Result<(LeaseSecrets, WriteEnabler), SecretsError> {
        match self {
            Self {
                renew: Some(renew),
                cancel: Some(cancel),
                upload: None,
                write_enabler: Some(write_enabler),
            } => Ok((LeaseSecrets { renew, cancel }, write_enabler)),
            _ => Err(SecretsError::WrongSet(
                "lease-renew-secret, lease-cancel-secret, write-enabler",
            )),
        }
    }
}

fn of_32_bytes(secret: &[u8]) -> Result<[u8; 32], SecretsError> {
    secret.try_into().map_err(|_| SecretsError::FixedLength)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (SECRETS, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_swissnum_is_sent_as_tahoe_sends_it() {
        let value = authorization(&Swissnum::from_text("abcd").unwrap());
        assert_eq!(value, "Tahoe-LAFS YWJjZA==");
        let mut headers = HeaderMap::new();
        assert!(!is_authorized(&headers, &value));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Tahoe-LAFS YWJjZQ=="));
        assert!(!is_authorized(&headers, &value));
        headers.insert(AUTHORIZATION, value.clone());
        assert!(is_authorized(&headers, &value));
    }

    #[test]
    fn secrets_come_back() {
        let lease =
            LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) };
        let upload = UploadSecret::new(vec![3; 20]);
        let mut sent = HeaderMap::new();
        for value in lease_headers(&lease) {
            sent.append(SECRETS, value);
        }
        assert_eq!(Secrets::parse(&sent).unwrap().lease().unwrap(), lease);
        assert!(Secrets::parse(&sent).unwrap().none().is_err());
        assert!(Secrets::parse(&sent).unwrap().upload().is_err());
        let enabler = WriteEnabler::new([4; 32]);
        let mut of_slot = sent.clone();
        of_slot.append(SECRETS, write_enabler_header(&enabler));
        assert!(Secrets::parse(&of_slot).unwrap().lease().is_err());
        let both = Secrets::parse(&of_slot).unwrap().lease_and_write_enabler().unwrap();
        assert_eq!(both, (lease.clone(), enabler));
        sent.append(SECRETS, upload_header(&upload));
        assert!(Secrets::parse(&sent).unwrap().lease().is_err());
        assert_eq!(Secrets::parse(&sent).unwrap().lease_and_upload().unwrap(), (lease, upload));
    }

    #[test]
    fn what_is_no_secret() {
        let check = |values: &[&str], error| {
            assert_eq!(Secrets::parse(&headers(values)).unwrap_err(), error, "{values:?}");
        };
        check(&["upload-secret"], SecretsError::Malformed);
        check(&["upload-secret ?"], SecretsError::Malformed);
        check(&["upload-secret YQ"], SecretsError::Malformed);
        check(&["some-secret YQ=="], SecretsError::Malformed);
        check(&["upload-secret "], SecretsError::Malformed);
        check(&["lease-renew-secret YQ=="], SecretsError::FixedLength);
        check(&["write-enabler YQ=="], SecretsError::FixedLength);
        check(&["upload-secret YQ==", "upload-secret YQ=="], SecretsError::Repeated);
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.append(SECRETS, value);
                let _ = Secrets::parse(&headers);
            }
        }
    }
}
