//! Where a peer listens: a host and a port, as connection hints have them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Longest host name that is taken, in bytes.
const HOST_LEN_MAX: usize = 253;

/// A host, by name or number, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    host: String,
    port: u16,
}

/// Why a text is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is no host, or it is none.
    #[error("the host must be a name, an IPv4 address, or an IPv6 address in brackets")]
    BadHost,
    /// There is no port, or it is none.
    #[error("the port must be a number from 1 to 65535")]
    BadPort,
}

impl Location {
    /// That port of that host; an IPv6 address comes without brackets.
    ///
    /// # Errors
    /// [`LocationError`] when it is no host, or the port is 0.
    pub fn new(host: &str, port: u16) -> Result<Self, LocationError> {
        let is_name = !host.is_empty()
            && host.len() <= HOST_LEN_MAX
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if !is_name && host.parse::<Ipv6Addr>().is_err() {
            return Err(LocationError::BadHost);
        }
        if port == 0 {
            return Err(LocationError::BadPort);
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let (host, port) = text.rsplit_once(':').ok_or(LocationError::BadPort)?;
        let is_decimal = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_decimal).ok_or(LocationError::BadPort)?;
        match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) if inner.parse::<Ipv6Addr>().is_ok() => Self::new(inner, port),
            None if !host.contains(':') => Self::new(host, port),
            _ => Err(LocationError::BadHost),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_of_every_kind() {
        for text in ["localhost:1", "127.0.0.1:65535", "[::1]:443", "a-b.example.org:80"] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
        assert_eq!("[fe80::1]:7".parse::<Location>().unwrap().host(), "fe80::1");
    }

    #[test]
    fn what_is_no_location() {
        let bad = [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "host:65536",
            "host:+1",
            "::1:80",
            "[::1]",
            "[a]:1",
            "[127.0.0.1]:1",
            "a b:1",
            "a/b:1",
            "a@b:1",
            "host:1:2",
            "[::1]x:2",
            "é:1",
        ];
        for text in bad {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again_as_it_is_printed(
            text in "([\\[\\]:.a-f0-9%@/ -]|\\PC){0,30}(:[0-9]{1,6})?",
        ) {
            if let Ok(location) = text.parse::<Location>() {
                prop_assert_eq!(location.to_string().parse::<Location>(), Ok(location));
            }
        }
    }
}
