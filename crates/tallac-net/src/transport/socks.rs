//! SOCKS 5, as far as Tor needs it: a connection to a host by name, which the proxy resolves, and
//! no name or password (RFC 1928).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xFF;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Why a proxy did not connect.
#[derive(Debug, thiserror::Error)]
pub enum SocksError {
    /// The connection to the proxy failed.
    #[error("the connection to the proxy failed: {0}")]
    Io(io::Error),
    /// It speaks something else.
    #[error("what listens there is no SOCKS 5 proxy: check socks.port")]
    NotSocks,
    /// It wants a password.
    #[error("the proxy wants a password, which there is no setting for: allow it without one")]
    WantsPassword,
    /// The name is too long for the protocol.
    #[error("the host name is too long")]
    LongName,
    /// It could not connect, or would not.
    #[error("the proxy cannot connect: {}", refusal(*.0))]
    Refused(u8),
}

// Not `#[from]`: the error's own text has that of its cause already.
impl From<io::Error> for SocksError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Has the proxy at the other end of `stream` connect to a port; what follows on `stream` is that
/// connection.
pub(crate) async fn connect<S>(stream: &mut S, host: &str, port: u16) -> Result<(), SocksError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&[VERSION, 1, NO_AUTHENTICATION]).await?;
    stream.flush().await?;
    match read(stream).await? {
        [VERSION, NO_AUTHENTICATION] => {}
        [VERSION, NO_METHOD] => return Err(SocksError::WantsPassword),
        _ => return Err(SocksError::NotSocks),
    }
    stream.write_all(&request(host, port)?).await?;
    stream.flush().await?;
    let [version, status, _, kind] = read(stream).await?;
    if version != VERSION {
        return Err(SocksError::NotSocks);
    }
    if status != 0 {
        return Err(SocksError::Refused(status));
    }
    // Which address it connects from means nothing here, but must be read.
    let len = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<_, 1>(stream).await?[0]),
        _ => return Err(SocksError::NotSocks),
    };
    let mut ignored = vec![0; len + 2];
    stream.read_exact(&mut ignored).await?;
    Ok(())
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, SocksError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(NAME);
            request.push(u8::try_from(host.len()).map_err(|_| SocksError::LongName)?);
            request.extend(host.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// What a status means; those from 0xF0 on are Tor's own.
fn refusal(status: u8) -> &'static str {
    match status {
        1 => "it fails in general; is Tor connected to its network?",
        2 => "its rules forbid it",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "the host refuses",
        6 => "it takes too long",
        7 => "it does not make connections",
        8 => "it does not know that kind of address",
        0xF0 => "the onion service is not found",
        0xF1 => "the onion service's descriptor is invalid",
        0xF2 | 0xF7 => "the onion service cannot be introduced to",
        0xF3 => "no rendezvous with the onion service",
        0xF4 | 0xF5 => "the onion service knows us not",
        0xF6 => "the onion address is invalid",
        _ => "it does not say why",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `connect` sends to a proxy that answers so, and how it ends.
    async fn talk(host: &str, answers: &[u8]) -> (Vec<u8>, String) {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(answers).await.unwrap();
        theirs.shutdown().await.unwrap();
        let end = match connect(&mut ours, host, 443).await {
            Ok(()) => {
                let mut rest = String::new();
                ours.read_to_string(&mut rest).await.unwrap();
                rest
            }
            Err(error) => error.to_string(),
        };
        drop(ours);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        (sent, end)
    }

    #[tokio::test]
    async fn the_name_goes_to_the_proxy_as_it_is() {
        let answers = [&[5, 0][..], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0], b"and on"].concat();
        let (sent, rest) = talk("abc.onion", &answers).await;
        let expected = [&[5, 1, 0][..], &[5, 1, 0, 3, 9], b"abc.onion", &[1, 187]].concat();
        assert_eq!((sent, rest.as_str()), (expected, "and on"));
        let (sent, _) = talk("10.0.0.1", &answers).await;
        assert_eq!(sent[3..], [5, 1, 0, 1, 10, 0, 0, 1, 1, 187]);
        let (sent, _) = talk("::1", &answers).await;
        assert_eq!(sent[6..8], [4, 0]);
        assert_eq!(talk(&"x".repeat(256), &answers).await.1, "the host name is too long");
    }

    #[tokio::test]
    async fn the_address_in_the_answer_has_one_of_three_lengths() {
        let named = [&[5, 0][..], &[5, 0, 0, 3, 2, 9, 9, 0, 0], b"on"].concat();
        assert_eq!(talk("h", &named).await.1, "on");
        let ipv6 = [&[5, 0][..], &[5, 0, 0, 4], &[0; 18], b"on"].concat();
        assert_eq!(talk("h", &ipv6).await.1, "on");
    }

    #[tokio::test]
    async fn what_goes_wrong_is_told() {
        let cases: [(&[u8], &str); 8] = [
            (b"HTTP/1.0 400 Bad Request\r\n", "is no SOCKS 5 proxy"),
            (&[4, 0], "is no SOCKS 5 proxy"),
            (&[5, 0xFF], "wants a password"),
            (&[5, 2], "is no SOCKS 5 proxy"),
            (&[5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0], "cannot connect: the host refuses"),
            (&[5, 0, 5, 0xF0, 0, 1], "cannot connect: the onion service is not found"),
            (&[5, 0, 5, 0, 0, 9], "is no SOCKS 5 proxy"),
            (&[5, 0, 5, 0, 0, 1, 0], "the connection to the proxy failed"),
        ];
        for (answers, expected) in cases {
            let (_, end) = talk("h", answers).await;
            assert!(end.contains(expected), "{answers:?}: {end}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_ends_it(answers: Vec<u8>) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(talk("h", &answers[..answers.len().min(1000)]));
        }
    }
}
