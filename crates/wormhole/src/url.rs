//! Where a rendezvous server is: `ws://host:port/path`.

use crate::error::Error;

/// The port when none is told.
const PORT: u16 = 80;

/// Longest address that is taken.
const LEN_MAX: usize = 1024;

/// Where a rendezvous server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) text: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Url {
    /// Reads it. Only `ws` is spoken: what is said is sealed from one side to the other anyway.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadUrl(text.chars().take(LEN_MAX).collect());
        let rest = text.strip_prefix("ws://").filter(|_| text.len() <= LEN_MAX).ok_or_else(bad)?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(bad());
        }
        Ok(Self { text: text.to_owned(), host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let url = Url::parse(text).ok();
            assert_eq!(url.as_ref().map(|url| (url.host.as_str(), url.port)), expected, "{text}");
        };
        check("ws://wormhole.tahoe-lafs.org:4000/v1", Some(("wormhole.tahoe-lafs.org", 4000)));
        check("ws://localhost/v1", Some(("localhost", 80)));
        check("ws://[::1]:4000/v1", Some(("::1", 4000)));
        check("ws://[::1]/v1", Some(("::1", 80)));
        for text in ["", "http://x/", "wss://x/", "ws://", "ws:///v1", "ws://x:y/", "ws://a b/"] {
            check(text, None);
        }
    }
}
