//! I2P: connections through a router's SAM port, to peers and from them (section 11.3).

mod client;
mod sam;
mod service;

use std::fmt;
use std::io;
use std::str::FromStr;

use zeroize::Zeroizing;

pub use client::I2p;
pub use service::I2pService;

use super::Endpoint;

/// Where a router's SAM listens if nobody says otherwise.
pub const SAM_PORT_DEFAULT: u16 = 7656;

/// Longest key that is taken, in bytes; today's have some 900.
const KEY_LEN_MAX: usize = 8192;

/// Why I2P does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum I2pError {
    /// Nothing listens where the router should.
    #[error("cannot reach I2P at {endpoint}: {error}. Is it running, with SAM switched on?")]
    Unreachable {
        /// Where it should be.
        endpoint: Endpoint,
        /// What happened.
        error: io::Error,
    },
    /// The connection to it failed.
    #[error("the connection to I2P failed: {0}")]
    Io(io::Error),
    /// Something else listens there.
    #[error("what listens there is no SAM port of I2P: check sam.port")]
    NotSam,
    /// It does not do what it was told.
    #[error("I2P refuses: {result} {reason}")]
    Refused {
        /// Its word for it.
        result: String,
        /// Why, in its words.
        reason: String,
    },
}

// Not `#[from]`: the error's own text has that of its cause already.
impl From<io::Error> for I2pError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<I2pError> for io::Error {
    fn from(error: I2pError) -> Self {
        match error {
            I2pError::Io(error) => error,
            error => Self::other(error),
        }
    }
}

/// The address of a destination: 52 characters of base32, and `.b32.i2p`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct I2pAddress(String);

impl fmt::Display for I2pAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a destination, in I2P's base64. Secret: whoever has it can take its place.
#[derive(Clone)]
pub struct DestinationKey(Zeroizing<String>);

/// A text is no key of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an I2P destination's key is one word of base64, in I2P's own alphabet")]
pub struct DestinationKeyError;

impl DestinationKey {
    /// The key itself, to be told to a router or to be kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for DestinationKey {
    type Err = DestinationKeyError;

    fn from_str(text: &str) -> Result<Self, DestinationKeyError> {
        let text = text.trim_end();
        match text.len() <= KEY_LEN_MAX && sam::is_base64(text) {
            true => Ok(Self(Zeroizing::new(text.to_owned()))),
            false => Err(DestinationKeyError),
        }
    }
}

impl fmt::Debug for DestinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DestinationKey")
    }
}

/// The name of a session, which is nobody else's.
fn session_id() -> io::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!("tallac-{:016x}", u64::from_ne_bytes(random)))
}
