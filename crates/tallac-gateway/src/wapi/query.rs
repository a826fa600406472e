//! The arguments of a URL, `?name=value&name=value`, and of a form in the same syntax (section
//! 8.1).

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::error::WebError;

/// The arguments of one request, decoded. They may hold caps and keys.
#[derive(Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({} arguments)", self.pairs.len())
    }
}

impl Query {
    /// The arguments in what follows the question mark.
    pub(super) fn parse(raw: Option<&str>) -> Result<Self, WebError> {
        let pairs = split(raw.unwrap_or_default());
        let pairs = pairs
            .map(|(name, value)| Ok((decode(name)?, decode(value)?)))
            .collect::<Result<_, WebError>>()?;
        Ok(Self { pairs })
    }

    /// These arguments.
    pub(super) const fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of an argument; of the first, where there are several.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The raw arguments; one without `=` has an empty value.
pub(super) fn split(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The text that a raw name or value stands for.
pub(super) fn decode(raw: &str) -> Result<String, WebError> {
    let spaced: Cow<'_, str> =
        if raw.contains('+') { raw.replace('+', " ").into() } else { raw.into() };
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| WebError::NotUtf8("argument"))
}

/// Longest value that is taken for a word.
const WORD_LEN_MAX: usize = 24;

/// Whether a value may be repeated in a log or an error: no cap looks like this.
pub(super) fn is_word(value: &str) -> bool {
    value.len() <= WORD_LEN_MAX
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The value, if it may be repeated.
pub(super) fn quotable(value: &str) -> String {
    if is_word(value) { value } else { "(not shown)" }.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_value_counts_decoded() {
        let query = Query::parse(Some("t=+json%20&a=%C3%A9+b&a=2&&c&d=x=y")).unwrap();
        assert_eq!(query.value("t"), Some(" json "));
        assert_eq!(query.value("a"), Some("é b"));
        assert_eq!(query.value("c"), Some(""));
        assert_eq!(query.value("d"), Some("x=y"));
        assert_eq!(query.value("e"), None);
        assert_eq!(Query::parse(None).unwrap().value("t"), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        for bad in ["t=%ff", "%80=x", "a=%C3"] {
            Query::parse(Some(bad)).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_query_is_too_odd(raw in "(t=|%[0-9a-fA-F]{0,2}|[&=+]|\\PC){0,30}") {
            if let Ok(query) = Query::parse(Some(&raw)) {
                prop_assert!(query.pairs.len() <= raw.len());
            }
        }

        #[test]
        fn what_is_encoded_is_read(name in "\\PC{1,10}", value in "\\PC{0,20}") {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let raw = format!("{}={}", encode(&name), encode(&value));
            let query = Query::parse(Some(&raw)).unwrap();
            prop_assert_eq!(query.value(&name), Some(value.as_str()));
        }
    }
}
