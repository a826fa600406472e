//! What a grid manager signs, and the two texts of it: what is signed, and what is passed on.

use std::fmt;

use serde_json::{Value, json};

use super::IsoTime;
use crate::base32;
use crate::crypto::{KeyError, Signature, SigningKey, VerifyingKey};

/// Longest text of a certificate that is taken, in bytes; real ones have about 150.
pub const CERTIFICATE_LEN_MAX: usize = 4096;

/// Most certificates that are taken of one server.
pub const CERTIFICATES_MAX: usize = 64;

/// The version that is written, and the only one that is understood.
const VERSION: u64 = 1;

/// What a manager says of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The server's key.
    pub public_key: VerifyingKey,
    /// Until when shares may be put there.
    pub expires: IsoTime,
}

/// A certificate as it is passed on: a text, and a signature of it that may be good or not.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCertificate {
    pub(super) text: String,
    pub(super) signature: Vec<u8>,
}

/// Why something is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is no JSON.
    #[error("{0}")]
    NotJson(String),
    /// It is another kind of value.
    #[error("Grid Manager certificate must be a dict")]
    NotADictionary,
    /// It has other keys.
    #[error("Grid Manager certificate must contain: 'certificate', 'signature'")]
    OtherKeys,
    /// One of the two is no text, or too long.
    #[error("'{0}' must be a text of at most {CERTIFICATE_LEN_MAX} bytes")]
    NotAText(&'static str),
    /// The signature is no base32.
    #[error("'signature' must be in base32 (lower-case a-z and 2-7, no padding)")]
    BadSignature,
    /// What was signed is of a version that is not known here.
    #[error("Unknown certificate version '{0}'")]
    UnknownVersion(String),
    /// What was signed does not name a server's key.
    #[error("its public_key is wrong: {0}")]
    BadKey(#[from] KeyError),
    /// What was signed lacks something, or has it in another form.
    #[error("it must have {0}")]
    Malformed(&'static str),
}

impl Certificate {
    /// The text that is signed: compact, its keys sorted.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{{\"expires\":\"{}\",\"public_key\":\"{}\",\"version\":{VERSION}}}",
            self.expires, self.public_key
        )
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedCertificate {
        let text = self.text();
        SignedCertificate { signature: key.sign(text.as_bytes()).as_bytes().to_vec(), text }
    }

    fn from_text(text: &str) -> Result<Self, CertificateError> {
        let json: Value = parse(text)?;
        let field = |key: &str| json.get(key);
        match field("version") {
            Some(version) if version.as_u64() == Some(VERSION) => {}
            other => {
                let found = other.map_or_else(|| "None".to_owned(), ToString::to_string);
                return Err(CertificateError::UnknownVersion(found.chars().take(20).collect()));
            }
        }
        let text_of = |key| field(key).and_then(Value::as_str);
        let expires = text_of("expires").and_then(|text| text.parse().ok());
        Ok(Self {
            public_key: text_of("public_key")
                .ok_or(CertificateError::Malformed("a public_key"))?
                .parse()?,
            expires: expires.ok_or(CertificateError::Malformed("a moment under expires"))?,
        })
    }
}

impl SignedCertificate {
    /// Reads the text of a certificate's file.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        Self::from_json(&parse(text)?)
    }

    /// Reads one out of an announcement.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_json(json: &Value) -> Result<Self, CertificateError> {
        let keys = json.as_object().ok_or(CertificateError::NotADictionary)?;
        let (Some(text), Some(signature), 2) =
            (keys.get("certificate"), keys.get("signature"), keys.len())
        else {
            return Err(CertificateError::OtherKeys);
        };
        Ok(Self {
            text: bounded("certificate", text)?.to_owned(),
            signature: base32::decode(bounded("signature", signature)?)
                .map_err(|_| CertificateError::BadSignature)?,
        })
    }

    /// As it is put into an announcement.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "certificate": self.text, "signature": base32::encode(&self.signature) })
    }

    /// As it is put into a file, without a newline at its end.
    #[must_use]
    pub fn file_text(&self) -> String {
        let text = json_string(&self.text);
        let signature = base32::encode(&self.signature);
        format!("{{\n    \"certificate\": {text},\n    \"signature\": \"{signature}\"\n}}")
    }

    /// What it says, whoever signed it.
    ///
    /// # Errors
    /// When it says something else than certificates do.
    pub fn unverified(&self) -> Result<Certificate, CertificateError> {
        Certificate::from_text(&self.text)
    }

    /// What it says, if the manager with this key signed it.
    #[must_use]
    pub fn signed_by(&self, manager: &VerifyingKey) -> Option<Certificate> {
        let signature = Signature::new(self.signature.as_slice().try_into().ok()?);
        manager.verify(self.text.as_bytes(), &signature).ok()?;
        self.unverified().ok()
    }
}

impl fmt::Debug for SignedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedCertificate({:?})", self.text)
    }
}

fn parse(text: &str) -> Result<Value, CertificateError> {
    serde_json::from_str(text).map_err(|error| CertificateError::NotJson(error.to_string()))
}

fn bounded<'a>(key: &'static str, value: &'a Value) -> Result<&'a str, CertificateError> {
    let text = value.as_str().filter(|text| text.len() <= CERTIFICATE_LEN_MAX);
    text.ok_or(CertificateError::NotAText(key))
}

/// A text as a JSON string, with all beyond printable ASCII escaped, as Python writes it.
#[must_use]
pub fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for c in Value::from(text).to_string().chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
