//! SAM 3, by which an I2P router is spoken to: lines of two words and `KEY=value` pairs.

use std::io;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use tokio::io::BufReader;

use super::{DestinationKey, I2pAddress, I2pError};
use crate::transport::lines::Lines;
use crate::transport::tor::value_of;
use crate::transport::{BoxStream, Endpoint};

/// How long a router may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a router may take to make the tunnels of a session.
const SESSION_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a router may take to find a peer and to connect to it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// Ed25519, by the number that all routers know it by.
const SIGNATURE_TYPE: &str = "SIGNATURE_TYPE=7";

/// The result when all is well.
const OK: &str = "OK";

/// A connection to a router's SAM port, of which nothing was asked yet.
pub(super) struct Sam {
    lines: Lines<BoxStream>,
    /// Whether the router knows ports, which it does since SAM 3.2.
    has_ports: bool,
}

impl Sam {
    pub(super) async fn connect(endpoint: &Endpoint) -> Result<Self, I2pError> {
        let connect = tokio::time::timeout(HELLO_TIMEOUT, endpoint.connect());
        let stream = connect.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream =
            stream.map_err(|error| I2pError::Unreachable { endpoint: endpoint.clone(), error })?;
        let mut sam = Self { lines: Lines::new(stream), has_ports: false };
        let hello = "HELLO VERSION MIN=3.0 MAX=3.2";
        let reply = sam.ask(hello, "HELLO REPLY", HELLO_TIMEOUT).await?;
        let version = value_of(&reply, "VERSION").ok_or(I2pError::NotSam)?;
        sam.has_ports = !["3", "3.0", "3.1"].contains(&version.as_str());
        Ok(sam)
    }

    /// Makes a destination: its address and the key that it comes from.
    pub(super) async fn generate(mut self) -> Result<(I2pAddress, DestinationKey), I2pError> {
        let asked = format!("DEST GENERATE {SIGNATURE_TYPE}");
        let reply = self.ask(&asked, "DEST REPLY", HELLO_TIMEOUT).await?;
        let (public, key) = (value_of(&reply, "PUB"), value_of(&reply, "PRIV"));
        let public = public.ok_or(I2pError::NotSam)?;
        let key = key.and_then(|key| key.parse().ok()).ok_or(I2pError::NotSam)?;
        Ok((address_of(&public).ok_or(I2pError::NotSam)?, key))
    }

    /// Makes a session, whose streams have one end at a destination of ours: that of a key, or one
    /// that nobody ever hears of. It lasts as long as what is given back.
    pub(super) async fn session(
        mut self,
        id: &str,
        key: Option<(&DestinationKey, u16)>,
    ) -> Result<Self, I2pError> {
        let (destination, settings) = match key {
            Some((key, port)) if self.has_ports => (key.expose(), format!("FROM_PORT={port}")),
            Some((key, _)) => (key.expose(), String::new()),
            None => ("TRANSIENT", SIGNATURE_TYPE.to_owned()),
        };
        let asked = zeroize::Zeroizing::new(format!(
            "SESSION CREATE STYLE=STREAM ID={id} DESTINATION={destination} {settings}"
        ));
        // What is answered is the key again.
        let reply = self.ask(asked.trim_end(), "SESSION STATUS", SESSION_TIMEOUT);
        zeroize::Zeroizing::new(reply.await?);
        Ok(self)
    }

    /// Keeps a session: answers the router when it asks whether we are still there. Ends when the
    /// router ends the session.
    pub(super) async fn keep(mut self) -> I2pError {
        loop {
            let answered = match self.lines.read().await {
                Ok(line) => match line.strip_prefix("PING") {
                    Some(text) => self.lines.write(&format!("PONG{text}\n")).await,
                    None => Ok(()),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = answered {
                return I2pError::Io(error);
            }
        }
    }

    /// Connects from a session to a peer; what follows on the stream is that connection.
    pub(super) async fn stream(
        mut self,
        id: &str,
        host: &str,
        port: u16,
    ) -> Result<BufReader<BoxStream>, I2pError> {
        let lookup = format!("NAMING LOOKUP NAME={host}");
        let found = self.ask(&lookup, "NAMING REPLY", CONNECT_TIMEOUT).await?;
        let peer = value_of(&found, "VALUE").filter(|peer| is_base64(peer));
        let peer = peer.ok_or(I2pError::NotSam)?;
        let port = match self.has_ports {
            true => format!(" TO_PORT={port}"),
            false => String::new(),
        };
        let asked = format!("STREAM CONNECT ID={id} DESTINATION={peer}{port} SILENT=false");
        self.ask(&asked, "STREAM STATUS", CONNECT_TIMEOUT).await?;
        Ok(self.lines.into_stream())
    }

    /// Has the router connect to a port of 127.0.0.1 for each peer that connects to the session,
    /// as long as what is given back lasts.
    pub(super) async fn forward(mut self, id: &str, port: u16) -> Result<Self, I2pError> {
        let asked = format!("STREAM FORWARD ID={id} PORT={port} HOST=127.0.0.1 SILENT=true");
        self.ask(&asked, "STREAM STATUS", HELLO_TIMEOUT).await?;
        Ok(self)
    }

    /// Asks for something; gives the pairs of the answer, which begins with `kind`.
    async fn ask(
        &mut self,
        asked: &str,
        kind: &str,
        patience: Duration,
    ) -> Result<String, I2pError> {
        let line = zeroize::Zeroizing::new(format!("{asked}\n"));
        let exchange = async {
            self.lines.write(&line).await?;
            self.lines.read().await
        };
        let silent = || Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
        let answer = tokio::time::timeout(patience, exchange).await.unwrap_or_else(|_| silent())?;
        let pairs = answer.strip_prefix(kind).ok_or(I2pError::NotSam)?;
        match value_of(pairs, "RESULT") {
            // Only a made destination comes without a result.
            None if pairs.contains("PRIV=") => Ok(pairs.to_owned()),
            None => Err(I2pError::NotSam),
            Some(result) if result == OK => Ok(pairs.to_owned()),
            Some(result) => Err(I2pError::Refused {
                result: printable(&result),
                reason: printable(&value_of(pairs, "MESSAGE").unwrap_or_default()),
            }),
        }
    }
}

/// The address of a destination in I2P's base64.
fn address_of(destination: &str) -> Option<I2pAddress> {
    let standard = destination.replace('-', "+").replace('~', "/");
    let bytes = data_encoding::BASE64.decode(standard.as_bytes()).ok()?;
    let hash = BASE32_NOPAD.encode(&Sha256::digest(bytes)).to_lowercase();
    Some(I2pAddress(format!("{hash}.b32.i2p")))
}

/// Whether a text is in I2P's base64, so that it is one word.
pub(super) fn is_base64(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"-~=".contains(&byte);
    !text.is_empty() && text.bytes().all(is_digit)
}

/// A reason that a router gives, fit to be shown.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
