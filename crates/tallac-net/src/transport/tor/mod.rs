//! Tor: connections through its SOCKS port, and onion services through its control port
//! (section 11.2).

mod client;
mod control;
mod launch;
mod onion;
mod reply;
mod service;

use std::io;
use std::path::PathBuf;

pub use client::{SocksPort, Tor};
pub use control::Control;
pub use launch::{Launch, Launched};
pub use onion::{OnionAddress, OnionKey, OnionKeyError};
pub(crate) use reply::value_of;
pub use service::{OnionService, TorService};

use super::Endpoint;
use super::socks::SocksError;
use reply::NotControl;

/// Why Tor does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum TorError {
    /// Nothing listens where Tor should.
    #[error("cannot reach Tor at {endpoint}: {error}. Is it running?")]
    Unreachable {
        /// Where it should be.
        endpoint: Endpoint,
        /// What happened.
        error: io::Error,
    },
    /// The connection to it failed.
    #[error("the connection to Tor failed: {0}")]
    Io(io::Error),
    /// Something else listens there.
    #[error("{}: check control.port", NotControl)]
    NotControl,
    /// It does not answer.
    #[error("Tor does not answer to {command}")]
    Silent {
        /// What it was told.
        command: &'static str,
    },
    /// It does not do what it was told.
    #[error("Tor refuses {command}: {status} {reason}")]
    Refused {
        /// What it was told.
        command: &'static str,
        /// Its status.
        status: u16,
        /// Why, in its words.
        reason: String,
    },
    /// The file that proves that we may give commands cannot be read.
    #[error(
        "cannot read Tor's cookie {}, which proves that this node may control it: {error}. On \
         Debian, join the group debian-tor",
        file.display()
    )]
    Cookie {
        /// The file.
        file: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// It wants a password.
    #[error("Tor wants a password, which there is no setting for: set CookieAuthentication 1")]
    NoMethod,
    /// It cannot prove that it made its own cookie.
    #[error("what listens at control.port does not know Tor's cookie, and is not trusted")]
    NotOurTor,
    /// It takes no connections.
    #[error("Tor has no SOCKS port: set SocksPort in its torrc")]
    NoSocksPort,
    /// Its proxy did not connect.
    #[error(transparent)]
    Socks(#[from] SocksError),
    /// It could not be started.
    #[error("cannot launch Tor: {0}")]
    Launch(String),
    /// It ended.
    #[error("Tor ended: {0}")]
    Ended(String),
}

impl From<NotControl> for TorError {
    fn from(_: NotControl) -> Self {
        Self::NotControl
    }
}

// Not `#[from]`: the error's own text has that of its cause already.
impl From<io::Error> for TorError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TorError> for io::Error {
    fn from(error: TorError) -> Self {
        match error {
            TorError::Io(error) => error,
            error => Self::other(error),
        }
    }
}

/// For fuzzing: reads a text as answers of Tor, and as pairs, which a router of I2P says too.
pub(crate) fn parse_as_every_answer(text: &str) {
    let mut partial = reply::Partial::default();
    for line in text.lines() {
        let Ok(reply) = partial.push(line) else { break };
        if let Some(line) = reply.as_ref().and_then(|reply| reply.after("AUTH ")) {
            let _ = (value_of(line, "METHODS"), reply::values(line));
        }
    }
    for keyword in ["RESULT", "COOKIEFILE"] {
        let _ = value_of(text, keyword);
    }
    let _ = reply::values(text);
}
