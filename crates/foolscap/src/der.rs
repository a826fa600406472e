//! Just enough DER to find the public key in a certificate of any version, and who signed it.
//!
//! The Python program makes X.509 v1 certificates, which the usual libraries refuse to read.
//! Nothing else of a certificate means anything here: not names, not dates.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// The explicit tag that the version field has; v1 certificates leave that field out.
const VERSION: u8 = 0xa0;

/// Why bytes are no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct DerError;

/// The SubjectPublicKeyInfo of a certificate, header included.
///
/// # Errors
/// [`DerError`] when it is no certificate.
pub fn spki_of(certificate: &[u8]) -> Result<&[u8], DerError> {
    Ok(Parts::of(certificate)?.spki)
}

/// The parts of a certificate that say who signed it.
pub(crate) struct Parts<'a> {
    /// What is signed, header included.
    pub(crate) signed: &'a [u8],
    /// Who signed it, by name.
    pub(crate) issuer: &'a [u8],
    /// Whose it is, by name.
    pub(crate) subject: &'a [u8],
    /// Their key: a SubjectPublicKeyInfo, header included.
    pub(crate) spki: &'a [u8],
    /// What follows: the algorithm of the signature, and the signature.
    seal: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes a certificate apart.
    pub(crate) fn of(certificate: &'a [u8]) -> Result<Self, DerError> {
        let (certificate, rest) = element(certificate, SEQUENCE)?;
        if !rest.is_empty() {
            return Err(DerError);
        }
        let (signed, seal) = element(certificate.content, SEQUENCE)?;
        let mut fields = signed.content;
        if fields.first() == Some(&VERSION) {
            fields = element(fields, VERSION)?.1;
        }
        let (_serial, fields) = element(fields, INTEGER)?;
        let (_algorithm, fields) = element(fields, SEQUENCE)?;
        let (issuer, fields) = element(fields, SEQUENCE)?;
        let (_validity, fields) = element(fields, SEQUENCE)?;
        let (subject, fields) = element(fields, SEQUENCE)?;
        let (spki, _extensions) = element(fields, SEQUENCE)?;
        let (issuer, subject) = (issuer.whole, subject.whole);
        Ok(Self { signed: signed.whole, issuer, subject, spki: spki.whole, seal })
    }

    /// The algorithm of the signature, without header, and the signature.
    pub(crate) fn signature(&self) -> Result<(&'a [u8], &'a [u8]), DerError> {
        let (algorithm, rest) = element(self.seal, SEQUENCE)?;
        let (bits, rest) = element(rest, BIT_STRING)?;
        // Signatures are whole bytes: none of the bits of the last one is unused.
        match (bits.content, rest) {
            ([0, signature @ ..], []) => Ok((algorithm.content, signature)),
            _ => Err(DerError),
        }
    }
}

struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

/// The element that `bytes` begins with, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Result<(Element<'_>, &[u8]), DerError> {
    let [found, first, rest @ ..] = bytes else { return Err(DerError) };
    if *found != tag {
        return Err(DerError);
    }
    let (len, header_len) = match *first {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            // Four bytes of length are far more than any certificate has; 0 would mean "until the
            // end", which DER has not.
            if !(1..=4).contains(&count) {
                return Err(DerError);
            }
            let digits = rest.get(..count).ok_or(DerError)?;
            let len = digits.iter().fold(0u64, |len, digit| len << 8 | u64::from(*digit));
            (usize::try_from(len).map_err(|_| DerError)?, 2 + count)
        }
    };
    let end = header_len.checked_add(len).ok_or(DerError)?;
    let whole = bytes.get(..end).ok_or(DerError)?;
    Ok((Element { whole, content: &whole[header_len..] }, &bytes[end..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = spki_of(&bytes);
        }

        #[test]
        fn lengths_that_lie_are_refused(len: [u8; 4], count in 0u8..=255) {
            let mut bytes = vec![SEQUENCE, count];
            bytes.extend(len);
            let _ = spki_of(&bytes);
        }
    }
}
