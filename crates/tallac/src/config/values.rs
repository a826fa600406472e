//! Values of settings: numbers, sizes, booleans, and where to listen (section 10.1).

/// An address to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAt {
    /// Address of the interface; `0.0.0.0` for all.
    pub(crate) host: String,
    /// 0 lets the system choose.
    pub(crate) port: u16,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("'{0}' is no boolean; write true or false")]
    Boolean(String),
    #[error("'{0}' is no whole number from {1} to {2}")]
    Number(String, u64, u64),
    #[error("'{0}' is no size; write bytes, or a number with K, M, G, T, KiB, MiB and so on")]
    Size(String),
    #[error("'{0}' is no place to listen; write tcp:PORT or tcp:PORT:interface=ADDRESS")]
    Endpoint(String),
    #[error("'{0}' cannot be listened at by this version; write tcp:PORT:interface=ADDRESS")]
    EndpointKind(String),
}

/// A boolean as `ConfigParser` reads it.
pub(super) fn boolean(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err(ValueError::Boolean(text.to_owned())),
    }
}

/// A whole number in a range.
pub(super) fn number(text: &str, min: u64, max: u64) -> Result<u64, ValueError> {
    let parsed = text.trim().parse().ok().filter(|n| (min..=max).contains(n));
    parsed.ok_or_else(|| ValueError::Number(text.to_owned(), min, max))
}

/// A size such as `1G` (10^9) or `5 MiB`-less-the-space (5 * 2^20), in bytes; nothing is 0.
pub(super) fn size(text: &str) -> Result<u64, ValueError> {
    let bad = || ValueError::Size(text.to_owned());
    let upper = text.trim().to_ascii_uppercase();
    if upper.is_empty() {
        return Ok(0);
    }
    let digits = upper.find(|c: char| !c.is_ascii_digit()).unwrap_or(upper.len());
    let (number, suffix) = upper.split_at(digits);
    let suffix = suffix.strip_suffix('B').unwrap_or(suffix);
    let (prefix, base) = match suffix.strip_suffix('I') {
        Some(prefix) => (prefix, 1024u64),
        None => (suffix, 1000),
    };
    let power = match prefix {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(base.pow(power)).ok_or_else(bad)
}

/// A Twisted endpoint of the kind `tcp:3456:interface=127.0.0.1`, or a bare port.
pub(super) fn listen_at(text: &str) -> Result<ListenAt, ValueError> {
    let bad = || ValueError::Endpoint(text.to_owned());
    let text = text.trim();
    let mut fields = text.split(':');
    let first = fields.next().ok_or_else(bad)?;
    let port = match first {
        "tcp" => fields.next().ok_or_else(bad)?,
        port if port.bytes().all(|b| b.is_ascii_digit()) => port,
        _ => return Err(ValueError::EndpointKind(text.to_owned())),
    };
    let port = port.strip_prefix("port=").unwrap_or(port).parse().map_err(|_| bad())?;
    let mut at = ListenAt { host: "0.0.0.0".to_owned(), port };
    for field in fields {
        match field.split_once('=') {
            Some(("interface", host)) => host.clone_into(&mut at.host),
            Some(("backlog", _)) => {}
            _ => return Err(bad()),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        let good = [
            ("", 0),
            ("0", 0),
            ("123", 123),
            ("1K", 1000),
            ("1kb", 1000),
            ("1KiB", 1024),
            ("2GI", 2 << 30),
            ("1G", 1_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("7B", 7),
        ];
        for (text, expected) in good {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for text in ["-1", "1 X", "G", "1.5G", "99E", "1GG"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places_to_listen() {
        let at = |host: &str, port| Ok(ListenAt { host: host.to_owned(), port });
        assert_eq!(listen_at("tcp:3456:interface=127.0.0.1"), at("127.0.0.1", 3456));
        assert_eq!(listen_at("3456"), at("0.0.0.0", 3456));
        assert_eq!(listen_at("tcp:port=3456"), at("0.0.0.0", 3456));
        for text in ["tcp", "tcp:x", "ssl:443", "unix:/x", "tcp:1:color=red", "tcp:70000", ""] {
            assert!(listen_at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_and_numbers() {
        assert_eq!((boolean("Yes"), boolean("off")), (Ok(true), Ok(false)));
        assert!(boolean("maybe").is_err());
        assert_eq!(number("256", 1, 256), Ok(256));
        for text in ["0", "257", "x", "-1", ""] {
            assert!(number(text, 1, 256).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_an_error(
            text in "(tcp|port=|interface=|[:0-9kKiIbB. -]|\\PC){0,20}",
        ) {
            let _ = boolean(&text);
            let _ = size(&text);
            let _ = listen_at(&text);
            if let Ok(number) = number(&text, 1, 256) {
                prop_assert!((1..=256).contains(&number));
            }
        }
    }
}
