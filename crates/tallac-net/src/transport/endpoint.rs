//! Where a program of this machine that carries connections is spoken to: Twisted's endpoint
//! texts, as `[tor]` and `[i2p]` have them (section 10.2).

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::{TcpStream, UnixStream};

use super::BoxStream;

/// Longest path of a Unix socket, in bytes.
const UNIX_PATH_LEN_MAX: usize = 107;

/// A port or a socket: `tcp:127.0.0.1:9050`, or `unix:/var/run/tor/socks`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// The host; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// A text is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is of another kind.
    #[error("must be an endpoint like tcp:127.0.0.1:9050 or unix:/path/of/a/socket")]
    UnknownKind,
    /// There is no host.
    #[error("needs a host before its port, as in tcp:127.0.0.1:9050")]
    NoHost,
    /// There is no port, or it is none.
    #[error("needs a port from 1 to 65535, as in tcp:127.0.0.1:9050")]
    BadPort,
    /// The socket's path is none.
    #[error("needs the path of a socket, of at most {UNIX_PATH_LEN_MAX} bytes")]
    BadPath,
    /// A setting that is unknown.
    #[error("has a setting that is unknown here: only timeout may follow")]
    UnknownSetting,
}

impl Endpoint {
    /// A port of this machine.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port }
    }

    /// The socket at a path.
    ///
    /// # Errors
    /// [`EndpointError::BadPath`] when no socket can be there.
    pub fn unix(path: PathBuf) -> Result<Self, EndpointError> {
        match path.as_os_str().len() {
            1..=UNIX_PATH_LEN_MAX => Ok(Self::Unix(path)),
            _ => Err(EndpointError::BadPath),
        }
    }

    /// Connects. What listens there is on this machine, or is trusted as if it were.
    pub(crate) async fn connect(&self) -> io::Result<BoxStream> {
        match self {
            Self::Tcp { host, port } => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await?;
                tcp.set_nodelay(true)?;
                Ok(Box::new(tcp))
            }
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let mut fields = endpoint_fields(text.trim()).into_iter();
        let kind = fields.next().unwrap_or_default();
        let names: &[&str] = match kind.as_str() {
            "tcp" => &["host", "port"],
            "unix" => &["path"],
            _ => return Err(EndpointError::UnknownKind),
        };
        let mut values = vec![String::new(); names.len()];
        let mut next = 0;
        for field in fields {
            match field.split_once('=') {
                Some(("timeout", _)) => {}
                Some((name, value)) => {
                    let index = names.iter().position(|known| *known == name);
                    values[index.ok_or(EndpointError::UnknownSetting)?] = value.to_owned();
                }
                None => {
                    *values.get_mut(next).ok_or(EndpointError::UnknownSetting)? = field;
                    next += 1;
                }
            }
        }
        match values.as_slice() {
            [host, port] => {
                let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
                let host = inner.unwrap_or(host).to_owned();
                if host.is_empty() || host.contains(['[', ']']) {
                    return Err(EndpointError::NoHost);
                }
                let is_decimal = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port| is_decimal && *port != 0);
                Ok(Self::Tcp { host, port: port.ok_or(EndpointError::BadPort)? })
            }
            _ => Self::unix(PathBuf::from(&values[0])),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => {
                write!(f, "tcp:{}:{port}", host.replace('\\', "\\\\").replace(':', "\\:"))
            }
            Self::Unix(path) => {
                let path = path.display().to_string();
                write!(f, "unix:{}", path.replace('\\', "\\\\").replace(':', "\\:"))
            }
        }
    }
}

/// The fields of an endpoint's text: what is between its colons, save those after a backslash.
#[must_use]
pub fn endpoint_fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let last = fields.len() - 1;
        match c {
            ':' => fields.push(String::new()),
            '\\' => fields[last].extend(characters.next()),
            _ => fields[last].push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn endpoints() {
        let cases = [
            ("tcp:127.0.0.1:9050", Ok("tcp:127.0.0.1:9050")),
            (" tcp:localhost:9051 ", Ok("tcp:localhost:9051")),
            ("tcp:host=localhost:port=9050:timeout=9", Ok("tcp:localhost:9050")),
            ("tcp:\\:\\:1:9050", Ok("tcp:\\:\\:1:9050")),
            ("unix:/var/run/tor/control", Ok("unix:/var/run/tor/control")),
            ("unix:path=/a\\:b", Ok("unix:/a\\:b")),
            ("9050", Err(EndpointError::UnknownKind)),
            ("127.0.0.1:9050", Err(EndpointError::UnknownKind)),
            ("", Err(EndpointError::UnknownKind)),
            ("tcp", Err(EndpointError::NoHost)),
            ("tcp::9050", Err(EndpointError::NoHost)),
            ("tcp:[:9050", Err(EndpointError::NoHost)),
            ("tcp:[]:9050", Err(EndpointError::NoHost)),
            ("tcp:[\\:\\:1]:9050", Ok("tcp:\\:\\:1:9050")),
            ("tcp:9050", Err(EndpointError::BadPort)),
            ("tcp:h:0", Err(EndpointError::BadPort)),
            ("tcp:h:65536", Err(EndpointError::BadPort)),
            ("tcp:h:+1", Err(EndpointError::BadPort)),
            ("tcp:h:1:2", Err(EndpointError::UnknownSetting)),
            ("tcp:h:1:bindAddress=x", Err(EndpointError::UnknownSetting)),
            ("unix:", Err(EndpointError::BadPath)),
        ];
        for (text, expected) in cases {
            let found = text.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
        let long = format!("unix:/{}", "x".repeat(107));
        assert_eq!(long.parse::<Endpoint>(), Err(EndpointError::BadPath));
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again_as_it_is_printed(
            text in "(tcp|unix)(:([a-z/.0-9\\[\\]]|\\\\[:\\\\])*){0,2}(:[0-9]{1,5})?",
        ) {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
            }
        }
    }
}
