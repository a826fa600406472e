//! Netstrings (specification section 2.1): decimal length, `:`, the bytes, `,`.

/// Why bytes are no netstring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetstringError {
    /// The length is missing, not decimal, or longer than any length can be.
    #[error("a netstring must begin with its length in decimal and a colon")]
    BadLength,
    /// The length says more bytes than there are.
    #[error("a netstring is cut short")]
    Truncated,
    /// The byte after the content is not a comma.
    #[error("a netstring must end with a comma")]
    NoComma,
}

/// Appends the netstring of `bytes` to `out`.
pub fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
    out.push(b',');
}

/// The netstring of `bytes`.
#[must_use]
pub fn netstring(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    push(&mut out, bytes);
    out
}

/// Takes one netstring off the front: its content, and what follows it.
///
/// # Errors
/// [`NetstringError`] when the front is no whole netstring.
pub fn take(input: &[u8]) -> Result<(&[u8], &[u8]), NetstringError> {
    /// Digits of the largest length that fits in 64 bits.
    const DIGITS_MAX: usize = 19;
    let colon = input.iter().take(DIGITS_MAX + 1).position(|&b| b == b':');
    let digits = colon.map(|at| &input[..at]).ok_or(NetstringError::BadLength)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NetstringError::BadLength);
    }
    let len = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse::<usize>().ok())
        .ok_or(NetstringError::BadLength)?;
    let rest = &input[digits.len() + 1..];
    if rest.len() <= len {
        return Err(NetstringError::Truncated);
    }
    let (content, rest) = rest.split_at(len);
    match rest.split_first() {
        Some((b',', rest)) => Ok((content, rest)),
        _ => Err(NetstringError::NoComma),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_netstrings_are_named() {
        for (input, error) in [
            (&b""[..], NetstringError::BadLength),
            (b"3", NetstringError::BadLength),
            (b":abc,", NetstringError::BadLength),
            (b"+3:abc,", NetstringError::BadLength),
            (b"99999999999999999999:a,", NetstringError::BadLength),
            (b"3:ab,", NetstringError::Truncated),
            (b"3:abc", NetstringError::Truncated),
            (b"3:abcd", NetstringError::NoComma),
        ] {
            assert_eq!(take(input), Err(error), "{:?}", String::from_utf8_lossy(input));
        }
    }

    proptest! {
        #[test]
        fn one_comes_off_whole(content: Vec<u8>, rest: Vec<u8>) {
            let mut all = netstring(&content);
            all.extend_from_slice(&rest);
            prop_assert_eq!(take(&all), Ok((&content[..], &rest[..])));
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = take(&bytes);
        }
    }
}
