//! RSA keys that users give for mutable files (`--private-key-path`), as the web API takes them.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair;
use data_encoding::{BASE64, BASE64URL};
use zeroize::Zeroizing;

use crate::files;

/// Bytes of the modulus of keys that mutable files have.
const MODULUS_LEN: usize = 256;

/// A private key, as the web API's `private-key` argument takes it.
pub(super) struct PrivateKey(Zeroizing<String>);

impl PrivateKey {
    /// Reads a PEM file, of PKCS #8 or PKCS #1, without a passphrase.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        let text = text.with_context(|| format!("there is no {}", path.display()))?;
        Self::from_pem(&Zeroizing::new(text))
            .with_context(|| format!("cannot use the private key in {}", path.display()))
    }

    fn from_pem(text: &str) -> Result<Self> {
        let (is_pkcs8, der) = if let Some(der) = section(text, "PRIVATE KEY")? {
            (true, der)
        } else if let Some(der) = section(text, "RSA PRIVATE KEY")? {
            (false, der)
        } else {
            bail!("there is no 'BEGIN PRIVATE KEY' in it (keys with a passphrase are not taken)");
        };
        let key = if is_pkcs8 { KeyPair::from_pkcs8(&der) } else { KeyPair::from_der(&der) };
        let key = key.map_err(|_| anyhow::anyhow!("it is no valid RSA key"))?;
        if key.public_modulus_len() != MODULUS_LEN {
            bail!("mutable files have RSA keys of {} bits", MODULUS_LEN * 8);
        }
        let der: Pkcs8V1Der<'_> =
            key.as_der().map_err(|_| anyhow::anyhow!("it cannot be written as PKCS #8"))?;
        Ok(Self(Zeroizing::new(BASE64URL.encode(der.as_ref()))))
    }

    /// The text.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// The bytes between the lines that begin and end a section of a PEM file.
fn section(text: &str, label: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let Some((_, rest)) = text.split_once(&begin) else { return Ok(None) };
    let (body, _) = rest.split_once(&end).context("the end of the key is missing")?;
    let body = Zeroizing::new(body.split_whitespace().collect::<String>());
    let der = BASE64.decode(body.as_bytes()).context("the key is no base64")?;
    Ok(Some(Zeroizing::new(der)))
}
