//! Where a node listens: Twisted's endpoint texts, as far as Tahoe-LAFS nodes use them (section
//! 10.2): `tcp:3456`, `tcp:3456:interface=127.0.0.1`, `tcp6:3456`, or a bare number.

use std::fmt;
use std::str::FromStr;

use tallac_net::transport::endpoint_fields;

/// A host and a port to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListenAt {
    /// The address of an interface, without brackets; `0.0.0.0` or `::` for all.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// Why a text says nowhere to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// A kind of endpoint that comes with a later version.
    #[error("listening on {0} comes with a later version: use tcp:PORT or tcp6:PORT")]
    Later(&'static str),
    /// A kind of endpoint that is unknown.
    #[error("must be an endpoint like tcp:3456 or tcp:3456:interface=127.0.0.1")]
    UnknownKind,
    /// No number where the port belongs.
    #[error("its port must be a number from 0 to 65535, as in tcp:3456")]
    BadPort,
    /// A setting of the endpoint that is unknown.
    #[error("after the port, only interface=ADDRESS and backlog=NUMBER may follow")]
    UnknownSetting,
}

impl FromStr for ListenAt {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self { host: ALL_IPV4.to_owned(), port: port(text)? });
        }
        let mut fields = endpoint_fields(text).into_iter();
        let all = match fields.next().as_deref() {
            Some("tcp") => ALL_IPV4,
            Some("tcp6") => ALL_IPV6,
            Some("unix") => return Err(ListenError::Later("Unix sockets")),
            Some("ssl") => return Err(ListenError::Later("TLS ports of the web server")),
            Some("systemd") => return Err(ListenError::Later("sockets that systemd opens")),
            _ => return Err(ListenError::UnknownKind),
        };
        let (mut found, mut host) = (None, None);
        for field in fields {
            match field.split_once('=') {
                Some(("port", value)) => found = Some(port(value)?),
                Some(("interface", value)) => host = Some(value.to_owned()),
                Some(("backlog", _)) => {}
                None if found.is_none() => found = Some(port(&field)?),
                _ => return Err(ListenError::UnknownSetting),
            }
        }
        let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| all.to_owned());
        Ok(Self { host, port: found.ok_or(ListenError::BadPort)? })
    }
}

impl fmt::Display for ListenAt {
    /// `host:port`, as an address to bind to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

const ALL_IPV4: &str = "0.0.0.0";
const ALL_IPV6: &str = "::";

fn port(text: &str) -> Result<u16, ListenError> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_decimal).ok_or(ListenError::BadPort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let cases = [
            ("3456", Ok("0.0.0.0:3456")),
            ("tcp:3456", Ok("0.0.0.0:3456")),
            ("tcp:3456:interface=127.0.0.1", Ok("127.0.0.1:3456")),
            ("tcp:port=3456:interface=127.0.0.1:backlog=50", Ok("127.0.0.1:3456")),
            ("tcp:0:interface=127.0.0.1", Ok("127.0.0.1:0")),
            ("tcp:80:interface=\\:\\:1", Ok("[::1]:80")),
            ("tcp6:80", Ok("[::]:80")),
            ("tcp", Err(ListenError::BadPort)),
            ("tcp:", Err(ListenError::BadPort)),
            ("tcp:65536", Err(ListenError::BadPort)),
            ("70000", Err(ListenError::BadPort)),
            ("tcp:+1", Err(ListenError::BadPort)),
            ("tcp:1:2", Err(ListenError::UnknownSetting)),
            ("tcp:1:colour=red", Err(ListenError::UnknownSetting)),
            ("unix:/a", Err(ListenError::Later("Unix sockets"))),
            ("listen:tor", Err(ListenError::UnknownKind)),
            ("localhost:80", Err(ListenError::UnknownKind)),
            ("", Err(ListenError::UnknownKind)),
        ];
        for (text, expected) in cases {
            let found = text.parse::<ListenAt>().map(|at| at.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
    }
}
