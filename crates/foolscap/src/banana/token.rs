//! Tokens (specification section 6.4): a number in base 128, a type byte, and for some a body.

use bytes::{Buf, Bytes, BytesMut};

use super::vocabulary;

/// Longest text of an ERROR token, in bytes.
pub const ERROR_LEN_MAX: usize = 1000;

/// Digits that a number may have, leading zeros included.
const DIGITS_MAX: usize = 64;

/// Longest magnitude of a whole number, in bytes.
const MAGNITUDE_LEN_MAX: u64 = 16;

/// Longest body that is thrown away as it comes. Who announces more cannot be served further.
const SKIPPED_LEN_MAX: u64 = 1 << 32;

/// Strings up to this long are copied, so that they do not keep all that came with them.
const COPIED_LEN_MAX: usize = 4096;

/// Room for what is read, in bytes.
const READ_LEN: usize = 8 * 1024;

/// And when a long string is awaited. It is not allocated whole at a peer's mere word.
const LONG_READ_LEN: usize = 1024 * 1024;

/// The type bytes.
pub(super) mod kind {
    pub(in super::super) const INT: u8 = 0x81;
    pub(in super::super) const STRING: u8 = 0x82;
    pub(in super::super) const NEG: u8 = 0x83;
    pub(in super::super) const FLOAT: u8 = 0x84;
    pub(in super::super) const LONGINT: u8 = 0x85;
    pub(in super::super) const LONGNEG: u8 = 0x86;
    pub(in super::super) const VOCAB: u8 = 0x87;
    pub(in super::super) const OPEN: u8 = 0x88;
    pub(in super::super) const CLOSE: u8 = 0x89;
    pub(in super::super) const ABORT: u8 = 0x8a;
    pub(in super::super) const ERROR: u8 = 0x8d;
    pub(in super::super) const PING: u8 = 0x8e;
    pub(in super::super) const PONG: u8 = 0x8f;
}

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// INT, NEG, LONGINT or LONGNEG.
    Int(i128),
    /// FLOAT.
    Float(f64),
    /// STRING, or VOCAB looked up.
    Bytes(Bytes),
    /// A string or number whose body is longer than is taken, or is not wanted; it is thrown away.
    Skipped,
    /// OPEN: a sequence begins.
    Open(u64),
    /// CLOSE: it ends.
    Close(u64),
    /// ABORT: the sender gives up the innermost sequence.
    Abort,
    /// PING, to be answered with the same number.
    Ping(u64),
    /// PONG, the answer.
    Pong(u64),
}

/// The peer broke the protocol, so that the connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A number has more digits than any.
    #[error("token prefix is limited to {DIGITS_MAX} bytes")]
    HeaderTooLong,
    /// A number is larger than any that is used.
    #[error("a number of a token is too large")]
    NumberTooLarge,
    /// A type byte means nothing.
    #[error("Invalid Type Byte {0:#x}")]
    UnknownKind(u8),
    /// A number stands for no word.
    #[error("a VOCAB token has no word: {0}")]
    UnknownWord(u64),
    /// A body is so long that not even its end can be awaited.
    #[error("a token has a body of {0} bytes")]
    BodyTooLong(u64),
    /// The text of an ERROR is too long.
    #[error("oversized ERROR token")]
    ErrorTooLong,
    /// The tokens make no message.
    #[error("{0}")]
    BadSequence(&'static str),
    /// The peer gives up, and says why.
    #[error("the peer gave up: {0}")]
    PeerGaveUp(String),
}

impl ProtocolError {
    /// What the peer is told before the connection ends; nothing when it was the one to end it.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        (!matches!(self, Self::PeerGaveUp(_))).then(|| self.to_string())
    }
}

/// A body that is awaited.
#[derive(Debug, Clone, Copy)]
enum Body {
    String(usize),
    Magnitude { len: usize, is_negative: bool },
    Float,
    Error(usize),
}

impl Body {
    const fn len(self) -> usize {
        match self {
            Self::String(len) | Self::Magnitude { len, .. } | Self::Error(len) => len,
            Self::Float => 8,
        }
    }
}

/// Cuts bytes into tokens.
#[derive(Debug, Default)]
pub struct Tokenizer {
    buffer: BytesMut,
    /// The body of the token that has begun.
    body: Option<Body>,
    /// Bytes to throw away.
    skip: u64,
}

impl Tokenizer {
    /// One that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where bytes that come are appended; it has room for some. What it has already must stay.
    pub fn space(&mut self) -> &mut BytesMut {
        let missing = self.body.map_or(0, |body| body.len().saturating_sub(self.buffer.len()));
        self.buffer.reserve(missing.clamp(READ_LEN, LONG_READ_LEN));
        &mut self.buffer
    }

    /// The next token that is there. Strings longer than `room` are skipped; all bodies are where
    /// there is no room.
    ///
    /// # Errors
    /// [`ProtocolError`], after which there is no way on.
    pub fn next(&mut self, room: Option<usize>) -> Result<Option<Token>, ProtocolError> {
        self.throw_away();
        if self.skip > 0 {
            return Ok(None);
        }
        if let Some(body) = self.body {
            return self.finish(body);
        }
        let Some((number, kind)) = self.header()? else { return Ok(None) };
        let body = match kind {
            kind::STRING => match room {
                Some(room) if number <= as_u64(room) => Body::String(as_usize(number)),
                _ => return self.skip_body(number),
            },
            kind::LONGINT | kind::LONGNEG => {
                if room.is_none() || number > MAGNITUDE_LEN_MAX {
                    return self.skip_body(number);
                }
                let is_negative = kind == kind::LONGNEG;
                Body::Magnitude { len: as_usize(number), is_negative }
            }
            kind::FLOAT => Body::Float,
            kind::ERROR if number > as_u64(ERROR_LEN_MAX) => {
                return Err(ProtocolError::ErrorTooLong);
            }
            kind::ERROR => Body::Error(as_usize(number)),
            _ => return simple(number, kind).map(Some),
        };
        self.finish(body)
    }

    /// Takes a header and its type byte off the front, if they are there.
    fn header(&mut self) -> Result<Option<(u64, u8)>, ProtocolError> {
        let seen = self.buffer.iter().take(DIGITS_MAX + 1).position(|&byte| byte >= 0x80);
        let Some(len) = seen else {
            return match self.buffer.len() > DIGITS_MAX {
                true => Err(ProtocolError::HeaderTooLong),
                false => Ok(None),
            };
        };
        let mut number: u64 = 0;
        for &digit in self.buffer[..len].iter().rev() {
            number = number
                .checked_mul(128)
                .and_then(|number| number.checked_add(u64::from(digit)))
                .ok_or(ProtocolError::NumberTooLarge)?;
        }
        let kind = self.buffer[len];
        self.buffer.advance(len + 1);
        Ok(Some((number, kind)))
    }

    /// Gives the token of a body that is there; else remembers that it is awaited.
    fn finish(&mut self, body: Body) -> Result<Option<Token>, ProtocolError> {
        if self.buffer.len() < body.len() {
            self.body = Some(body);
            return Ok(None);
        }
        self.body = None;
        let bytes = self.take(body.len());
        match body {
            Body::String(_) => Ok(Some(Token::Bytes(bytes))),
            Body::Float => Ok(Some(Token::Float((&bytes[..]).get_f64()))),
            Body::Error(_) => {
                let text = String::from_utf8_lossy(&bytes);
                Err(ProtocolError::PeerGaveUp(text.escape_debug().to_string()))
            }
            Body::Magnitude { is_negative, .. } => {
                let magnitude =
                    bytes.iter().fold(0_u128, |value, &byte| value << 8 | u128::from(byte));
                // What does not fit is as if it had been too long.
                let value = i128::try_from(magnitude).ok();
                let value = value.map(|value| if is_negative { -value } else { value });
                Ok(Some(value.map_or(Token::Skipped, Token::Int)))
            }
        }
    }

    /// Takes bytes that are there off the front.
    fn take(&mut self, len: usize) -> Bytes {
        if len <= COPIED_LEN_MAX {
            let bytes = Bytes::copy_from_slice(&self.buffer[..len]);
            self.buffer.advance(len);
            return bytes;
        }
        let bytes = self.buffer.split_to(len).freeze();
        if self.buffer.len() <= COPIED_LEN_MAX {
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        bytes
    }

    fn skip_body(&mut self, len: u64) -> Result<Option<Token>, ProtocolError> {
        if len > SKIPPED_LEN_MAX {
            return Err(ProtocolError::BodyTooLong(len));
        }
        self.skip = len;
        self.throw_away();
        Ok(Some(Token::Skipped))
    }

    fn throw_away(&mut self) {
        let len = self.buffer.len().min(as_usize(self.skip));
        self.buffer.advance(len);
        self.skip -= as_u64(len);
    }
}

/// The token of a type that has no body.
fn simple(number: u64, kind: u8) -> Result<Token, ProtocolError> {
    Ok(match kind {
        kind::INT => Token::Int(number.into()),
        kind::NEG => Token::Int(-i128::from(number)),
        kind::VOCAB => {
            Token::Bytes(vocabulary::word(number).ok_or(ProtocolError::UnknownWord(number))?)
        }
        kind::OPEN => Token::Open(number),
        kind::CLOSE => Token::Close(number),
        kind::ABORT => Token::Abort,
        kind::PING => Token::Ping(number),
        kind::PONG => Token::Pong(number),
        _ => return Err(ProtocolError::UnknownKind(kind)),
    })
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn as_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
