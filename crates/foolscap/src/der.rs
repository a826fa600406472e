//! Just enough DER to find the public key in a certificate of any version.
//!
//! The Python program makes X.509 v1 certificates, which the usual libraries refuse to read. Nothing else
//! of a certificate means anything here: not names, not dates, not who signed it.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
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
    let (certificate, rest) = element(certificate, SEQUENCE)?;
    if !rest.is_empty() {
        return Err(DerError);
    }
    let (mut fields, _signature) = element(certificate.content, SEQUENCE)
        .map(|(signed, signature)| (signed.content, signature))?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields, VERSION)?.1;
    }
    let (_serial, fields) = element(fields, INTEGER)?;
    // Signature algorithm, issuer, validity and subject.
    let mut fields = fields;
    for _ in 0..4 {
        fields = element(fields, SEQUENCE)?.1;
    }
    let (spki, _) = element(fields, SEQUENCE)?;
    Ok(spki.whole)
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
