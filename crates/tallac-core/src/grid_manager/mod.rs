//! Grid managers (section 11.5): whoever runs a grid may vouch for its servers with certificates,
//! and clients that trust a manager put shares only on servers that have one.
//!
//! A certificate is a text that the manager signed. What is checked is the text as it came, byte
//! by byte; only then does what it says count. Downloads ask nobody's permission.

mod certificate;
mod managers;
mod time;

pub use certificate::{
    CERTIFICATE_LEN_MAX, CERTIFICATES_MAX, Certificate, CertificateError, SignedCertificate,
    json_string,
};
pub use managers::{GridManagers, UploadPermit};
pub use time::{IsoTime, IsoTimeError};

#[cfg(test)]
mod vectors;
