//! Takes the text of a cap apart, field by field.

use super::Malformation;
use crate::base32;

/// What is left of a cap's text.
pub(super) struct Fields<'a>(pub(super) &'a str);

impl<'a> Fields<'a> {
    /// The text up to the next colon, which is dropped.
    fn next(&mut self, field: &'static str) -> Result<&'a str, Malformation> {
        let (next, rest) = self.0.split_once(':').ok_or(Malformation::Missing(field))?;
        self.0 = rest;
        Ok(next)
    }

    /// Bytes in base32, then a colon.
    pub(super) fn bytes<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], Malformation> {
        decode(field, self.next(field)?)
    }

    /// A number, then a colon.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, Malformation> {
        number(field, self.next(field)?)
    }

    /// Bytes in base32 that end the text.
    pub(super) fn last_bytes<const N: usize>(
        self,
        field: &'static str,
    ) -> Result<[u8; N], Malformation> {
        let text = self.line();
        if text.contains(':') {
            return Err(Malformation::Trailing);
        }
        decode(field, text)
    }

    /// Bytes in base32 that end the text, or a colon and then anything: an extension, dropped.
    pub(super) fn last_bytes_extensible<const N: usize>(
        self,
        field: &'static str,
    ) -> Result<[u8; N], Malformation> {
        decode(field, self.0.split_once(':').map_or_else(|| self.line(), |(text, _)| text))
    }

    /// A number that ends the text.
    pub(super) fn last_number(self, field: &'static str) -> Result<u64, Malformation> {
        let text = self.line();
        let digits = leading_digits(text);
        let number = number(field, digits)?;
        if digits.len() < text.len() {
            return Err(Malformation::Trailing);
        }
        Ok(number)
    }

    /// A number, then anything, which is dropped.
    pub(super) fn last_number_unanchored(self, field: &'static str) -> Result<u64, Malformation> {
        number(field, leading_digits(self.0))
    }

    /// All that is left. One newline at the end is no part of it: Tahoe-LAFS takes caps as they
    /// come out of a line of a file.
    pub(super) fn line(&self) -> &'a str {
        self.0.strip_suffix('\n').unwrap_or(self.0)
    }
}

fn decode<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], Malformation> {
    if text.is_empty() {
        return Err(Malformation::Missing(field));
    }
    base32::decode_array(text).map_err(|error| Malformation::BadField { field, error })
}

fn leading_digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

/// Decimal digits and nothing else; zeros in front are accepted, and lost.
fn number(field: &'static str, text: &str) -> Result<u64, Malformation> {
    if text.is_empty() || leading_digits(text).len() < text.len() {
        return Err(Malformation::NotANumber(field));
    }
    text.parse().map_err(|_| Malformation::NumberTooLarge(field))
}
