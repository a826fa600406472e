//! Tor's control port: proving that we may use it, and the few commands that a node needs.

use std::io;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use data_encoding::{HEXLOWER_PERMISSIVE, HEXUPPER};
use subtle::ConstantTimeEq as _;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::TorError;
use super::onion::{OnionAddress, OnionKey};
use super::reply::{NotControl, Partial, Reply, value_of, values};
use crate::transport::lines::Lines;
use crate::transport::{BoxStream, Endpoint};

/// How long Tor may take for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The length of Tor's cookie, and of the nonces, in bytes.
const COOKIE_LEN: usize = 32;

const SERVER_KEY: &[u8] = b"Tor safe cookie authentication server-to-controller hash";
const CLIENT_KEY: &[u8] = b"Tor safe cookie authentication controller-to-server hash";

/// The status of an answer when all is well.
const OK: u16 = 250;

/// The first status of what Tor tells unasked.
const EVENT: u16 = 600;

/// A connection to Tor's control port, on which we may give commands.
pub struct Control {
    lines: Lines<BoxStream>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    /// Connects, and proves that we may give commands: by the cookie that only Tor's own users can
    /// read, or by nothing if Tor wants no proof.
    ///
    /// # Errors
    /// Why there is no use of it.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, TorError> {
        let connect = tokio::time::timeout(ANSWER_TIMEOUT, endpoint.connect());
        let stream = connect.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream =
            stream.map_err(|error| TorError::Unreachable { endpoint: endpoint.clone(), error })?;
        let mut control = Self { lines: Lines::new(stream) };
        control.authenticate().await?;
        Ok(control)
    }

    async fn authenticate(&mut self) -> Result<(), TorError> {
        let info = self.command("PROTOCOLINFO", "1").await?;
        let auth = info.after("AUTH ").ok_or(NotControl)?;
        let methods = value_of(auth, "METHODS").ok_or(NotControl)?;
        let has = |method| methods.split(',').any(|known| known == method);
        let mut problem = None;
        if let Some(file) = value_of(auth, "COOKIEFILE")
            && (has("SAFECOOKIE") || has("COOKIE"))
        {
            match read_cookie(Path::new(&file)).await {
                Ok(cookie) if has("SAFECOOKIE") => return self.prove_cookie(&cookie).await,
                Ok(cookie) => {
                    return self.command("AUTHENTICATE", &hex(&*cookie)).await.map(drop);
                }
                Err(error) => problem = Some(TorError::Cookie { file: file.into(), error }),
            }
        }
        match problem {
            _ if has("NULL") => self.command("AUTHENTICATE", "").await.map(drop),
            Some(problem) => Err(problem),
            None => Err(TorError::NoMethod),
        }
    }

    /// Proves that we can read the cookie without telling it, and has Tor prove the same.
    async fn prove_cookie(&mut self, cookie: &[u8; COOKIE_LEN]) -> Result<(), TorError> {
        let mut nonce = [0; COOKIE_LEN];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let asked = format!("SAFECOOKIE {}", hex(&nonce));
        let challenge = self.command("AUTHCHALLENGE", &asked).await?;
        let challenge = challenge.after("AUTHCHALLENGE ").ok_or(NotControl)?;
        let bytes = |keyword| -> Option<[u8; COOKIE_LEN]> {
            let text = value_of(challenge, keyword)?;
            HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
        };
        let server_hash = bytes("SERVERHASH").ok_or(NotControl)?;
        let server_nonce = bytes("SERVERNONCE").ok_or(NotControl)?;
        let proof = |key| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key);
            let mut context = hmac::Context::with_key(&key);
            for part in [cookie, &nonce, &server_nonce] {
                context.update(part);
            }
            context.sign()
        };
        if !bool::from(proof(SERVER_KEY).as_ref().ct_eq(&server_hash)) {
            return Err(TorError::NotOurTor);
        }
        self.command("AUTHENTICATE", &hex(proof(CLIENT_KEY).as_ref())).await.map(drop)
    }

    /// Where Tor takes connections by SOCKS.
    pub(super) async fn socks_port(&mut self) -> Result<Endpoint, TorError> {
        let info = self.command("GETINFO", "net/listeners/socks").await?;
        let listeners = info.after("net/listeners/socks=").ok_or(NotControl)?;
        values(listeners).iter().find_map(|text| listener(text)).ok_or(TorError::NoSocksPort)
    }

    /// Has Tor end when this connection does.
    pub(super) async fn take_ownership(&mut self) -> Result<(), TorError> {
        self.command("TAKEOWNERSHIP", "").await.map(drop)
    }

    /// Makes an onion service with a new key, which goes on as long as this connection does.
    ///
    /// # Errors
    /// Why Tor does not make it.
    pub async fn add_new_onion(
        &mut self,
        external_port: u16,
        local_port: u16,
    ) -> Result<(OnionAddress, OnionKey), TorError> {
        let port = format!("NEW:BEST Port={external_port},127.0.0.1:{local_port}");
        let reply = self.command("ADD_ONION", &port).await?;
        let key = reply.after("PrivateKey=").ok_or(NotControl)?;
        let key = key.parse().map_err(|_| NotControl)?;
        Ok((onion_address(&reply)?, key))
    }

    /// Makes the onion service with that key, which goes on as long as this connection does.
    ///
    /// # Errors
    /// Why Tor does not make it.
    pub async fn add_onion(
        &mut self,
        key: &OnionKey,
        external_port: u16,
        local_port: u16,
    ) -> Result<OnionAddress, TorError> {
        let key = key.expose();
        let asked = Zeroizing::new(format!("{key} Port={external_port},127.0.0.1:{local_port}"));
        onion_address(&self.command("ADD_ONION", &asked).await?)
    }

    /// Ends an onion service.
    ///
    /// # Errors
    /// Why Tor does not end it.
    pub async fn remove_onion(&mut self, address: &OnionAddress) -> Result<(), TorError> {
        self.command("DEL_ONION", address.service_id()).await.map(drop)
    }

    /// Has Tor tell of the descriptors of onion services.
    pub(super) async fn follow_descriptors(&mut self) -> Result<(), TorError> {
        self.command("SETEVENTS", "HS_DESC").await.map(drop)
    }

    /// Waits for what Tor tells unasked.
    pub(super) async fn event(&mut self) -> Result<Reply, TorError> {
        loop {
            let reply = self.reply().await?;
            if reply.status >= EVENT {
                return Ok(reply);
            }
        }
    }

    /// Gives a command and waits for its answer. Neither is ever logged: there may be keys in them.
    async fn command(&mut self, name: &'static str, asked: &str) -> Result<Reply, TorError> {
        let line = Zeroizing::new(match asked {
            "" => format!("{name}\r\n"),
            asked => format!("{name} {asked}\r\n"),
        });
        let exchange = async {
            self.lines.write(&line).await?;
            loop {
                let reply = self.reply().await?;
                if reply.status < EVENT {
                    return Ok(reply);
                }
            }
        };
        let reply = tokio::time::timeout(ANSWER_TIMEOUT, exchange);
        match reply.await.unwrap_or(Err(TorError::Silent { command: name }))? {
            reply if reply.status == OK => Ok(reply),
            reply => Err(TorError::Refused {
                command: name,
                status: reply.status,
                reason: printable(reply.text()),
            }),
        }
    }

    async fn reply(&mut self) -> Result<Reply, TorError> {
        let mut partial = Partial::default();
        loop {
            if let Some(reply) = partial.push(&self.lines.read().await?)? {
                return Ok(reply);
            }
        }
    }
}

fn onion_address(reply: &Reply) -> Result<OnionAddress, TorError> {
    let id = reply.after("ServiceID=").ok_or(NotControl)?;
    Ok(OnionAddress::of_service_id(id).ok_or(NotControl)?)
}

/// A listener as Tor tells it: `127.0.0.1:9050`, or `unix:/path`.
fn listener(text: &str) -> Option<Endpoint> {
    if text.starts_with("unix:") {
        return text.parse().ok();
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = match host {
        "0.0.0.0" | "[::]" => "127.0.0.1",
        host => host.trim_start_matches('[').trim_end_matches(']'),
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(Endpoint::Tcp { host: host.to_owned(), port })
}

async fn read_cookie(file: &Path) -> io::Result<Zeroizing<[u8; COOKIE_LEN]>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let opened = tokio::fs::File::open(file).await?;
    opened.take(COOKIE_LEN as u64 + 1).read_to_end(&mut bytes).await?;
    let cookie = bytes.as_slice().try_into();
    cookie.map(Zeroizing::new).map_err(|_| io::Error::other("it has not 32 bytes"))
}

fn hex(bytes: &[u8]) -> String {
    HEXUPPER.encode(bytes)
}

/// A reason that Tor gives, fit to be shown.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_ports_or_sockets() {
        let cases = [
            ("127.0.0.1:9050", Some("tcp:127.0.0.1:9050")),
            ("0.0.0.0:9150", Some("tcp:127.0.0.1:9150")),
            ("[::1]:9050", Some("tcp:\\:\\:1:9050")),
            ("unix:/run/tor/socks", Some("unix:/run/tor/socks")),
            ("127.0.0.1:0", None),
            ("9050", None),
        ];
        for (text, expected) in cases {
            let found = listener(text).map(|endpoint| endpoint.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
