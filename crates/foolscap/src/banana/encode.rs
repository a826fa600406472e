//! From messages to bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::frame::FAILURE_NAME;
use super::token::{ERROR_LEN_MAX, kind};
use super::wire::{Clid, RequestId, SenderObject, WireObject};
use super::{ITEM_WEIGHT, Limits, vocabulary};
use crate::call::{Arguments, CallError, Failure};
use crate::value::{Copyable, Value};

/// Strings this long become pieces of their own, and are not copied.
const PIECE_LEN: usize = 4096;

/// Longest texts of a failure that peers take, in bytes.
const FAILURE_MESSAGE_LEN_MAX: usize = 1000;
const FAILURE_KIND_LEN_MAX: usize = 200;
const FAILURE_TRACEBACK_LEN_MAX: usize = 1900;

/// What peers are told instead of where something failed.
const NO_TRACEBACK: &str = "Traceback unavailable\n";

/// The bytes of a message, in pieces to be sent one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces(Vec<Bytes>);

impl Pieces {
    /// How many bytes they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Makes the bytes of messages. They count what was sent before, so they must be sent in the order
/// in which they were made.
#[derive(Debug)]
pub struct Encoder {
    limits: Limits,
    pub(super) opens: u64,
}

impl Encoder {
    /// One for a connection that begins.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, opens: 0 }
    }

    /// A call of an object of the peer; the answer is to be known by `request`, if one is wanted.
    ///
    /// # Errors
    /// [`CallError::TooLarge`]; nothing happened then.
    pub fn call(
        &mut self,
        request: Option<RequestId>,
        target: Clid,
        method: &str,
        arguments: &Arguments<WireObject>,
    ) -> Result<Pieces, CallError> {
        let mut named: Vec<_> = arguments.named.iter().collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        self.message(|writer| {
            writer.sequence("call", |writer| {
                writer.int(request.map_or(0, |request| request.0.into()));
                writer.int(target.0.into());
                writer.bytes(method.as_bytes());
                writer.sequence("arguments", |writer| {
                    writer.int(arguments.positional.len().try_into().unwrap_or(i128::MAX));
                    writer.values(&arguments.positional)?;
                    named.iter().try_for_each(|(name, value)| writer.named(name, value))
                })
            })
        })
    }

    /// An answer to a call of the peer.
    ///
    /// # Errors
    /// [`CallError::TooLarge`]; nothing happened then, and the peer still waits.
    pub fn answer(
        &mut self,
        request: RequestId,
        value: &Value<WireObject>,
    ) -> Result<Pieces, CallError> {
        self.message(|writer| {
            writer.sequence("answer", |writer| {
                writer.int(request.0.into());
                writer.value(value)
            })
        })
    }

    /// Says that a call of the peer failed. Texts that are longer than peers take are cut.
    pub fn error(&mut self, request: RequestId, failure: &Failure) -> Pieces {
        let traceback = match failure.traceback.as_str() {
            "" => NO_TRACEBACK,
            traceback => cut(traceback, FAILURE_TRACEBACK_LEN_MAX),
        };
        let kind = cut(&failure.kind, FAILURE_KIND_LEN_MAX);
        let message = cut(&failure.message, FAILURE_MESSAGE_LEN_MAX);
        let parents = [kind, "builtins.Exception", "builtins.BaseException", "builtins.object"];
        let mut writer = Writer::new(self.opens, Limits::default());
        let written = writer.sequence("error", |writer| {
            writer.int(request.0.into());
            writer.sequence("copyable", |writer| {
                writer.bytes(FAILURE_NAME.as_bytes());
                for (name, text) in [("value", message), ("type", kind), ("traceback", traceback)] {
                    writer.bytes(name.as_bytes());
                    writer.bytes(text.as_bytes());
                }
                writer.bytes(b"parents");
                writer.sequence("list", |writer| {
                    parents.iter().for_each(|parent| writer.bytes(parent.as_bytes()));
                    Ok(())
                })
            })
        });
        debug_assert!(written.is_ok(), "a failure is always within the limits");
        self.opens = writer.opens;
        writer.finish()
    }

    /// Asks whether the peer is there.
    #[must_use]
    pub fn ping(number: u64) -> Bytes {
        token(number, kind::PING)
    }

    /// Answers a PING.
    #[must_use]
    pub fn pong(number: u64) -> Bytes {
        token(number, kind::PONG)
    }

    /// Says why the connection ends.
    #[must_use]
    pub fn give_up(why: &str) -> Bytes {
        let why = cut(why, ERROR_LEN_MAX);
        let mut out = BytesMut::new();
        push_token(&mut out, as_u64(why.len()), kind::ERROR);
        out.put_slice(why.as_bytes());
        out.freeze()
    }

    fn message(
        &mut self,
        write: impl FnOnce(&mut Writer) -> Result<(), CallError>,
    ) -> Result<Pieces, CallError> {
        let mut writer = Writer::new(self.opens, self.limits);
        write(&mut writer)?;
        if writer.weight > self.limits.weight_max {
            return Err(CallError::TooLarge);
        }
        self.opens = writer.opens;
        Ok(writer.finish())
    }
}

/// A PING or PONG; no digit stands for 0 there, as Python has it.
fn token(number: u64, kind: u8) -> Bytes {
    if number == 0 {
        return Bytes::copy_from_slice(&[kind]);
    }
    let mut out = BytesMut::new();
    push_token(&mut out, number, kind);
    out.freeze()
}

fn push_token(out: &mut BytesMut, mut number: u64, kind: u8) {
    loop {
        out.put_u8((number & 0x7f) as u8);
        number >>= 7;
        if number == 0 {
            break;
        }
    }
    out.put_u8(kind);
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Writes one message.
struct Writer {
    limits: Limits,
    opens: u64,
    depth: usize,
    weight: usize,
    pieces: Vec<Bytes>,
    current: BytesMut,
}

impl Writer {
    fn new(opens: u64, limits: Limits) -> Self {
        let (pieces, current) = (Vec::new(), BytesMut::new());
        Self { limits, opens, depth: 0, weight: 0, pieces, current }
    }

    fn finish(mut self) -> Pieces {
        self.pieces.push(self.current.freeze());
        Pieces(self.pieces)
    }

    fn sequence(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut Self) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        self.weight = self.weight.saturating_add(ITEM_WEIGHT);
        if self.depth >= self.limits.depth_max || self.weight > self.limits.weight_max {
            return Err(CallError::TooLarge);
        }
        self.depth += 1;
        let count = self.opens;
        self.opens += 1;
        push_token(&mut self.current, count, kind::OPEN);
        self.bytes(name.as_bytes());
        content(self)?;
        push_token(&mut self.current, count, kind::CLOSE);
        self.depth -= 1;
        Ok(())
    }

    fn values(&mut self, values: &[Value<WireObject>]) -> Result<(), CallError> {
        values.iter().try_for_each(|value| self.value(value))
    }

    fn named(&mut self, name: &str, value: &Value<WireObject>) -> Result<(), CallError> {
        self.bytes(name.as_bytes());
        self.value(value)
    }

    fn value(&mut self, value: &Value<WireObject>) -> Result<(), CallError> {
        match value {
            Value::None => self.sequence("none", |_| Ok(())),
            Value::Bool(value) => self.sequence("boolean", |writer| {
                writer.int(i128::from(*value));
                Ok(())
            }),
            Value::Int(value) => {
                self.int(*value);
                Ok(())
            }
            Value::Float(value) => {
                self.weight = self.weight.saturating_add(ITEM_WEIGHT);
                self.current.put_u8(kind::FLOAT);
                self.current.put_f64(*value);
                Ok(())
            }
            Value::Bytes(bytes) => {
                self.shared_bytes(bytes);
                Ok(())
            }
            Value::Text(text) => self.sequence("unicode", |writer| {
                writer.bytes(text.as_bytes());
                Ok(())
            }),
            Value::List(items) => self.sequence("list", |writer| writer.values(items)),
            Value::Tuple(items) => self.sequence("tuple", |writer| writer.values(items)),
            Value::Set(items) => self.sequence("set", |writer| writer.values(items)),
            Value::Dict(items) => self.dict(items),
            Value::Copyable(copy) => self.copyable(copy),
            Value::Object(object) => self.object(object),
        }
    }

    fn dict(&mut self, items: &[(Value<WireObject>, Value<WireObject>)]) -> Result<(), CallError> {
        let mut items: Vec<_> = items.iter().collect();
        // Keys of different kinds have no order in Python either.
        if items.iter().all(|(key, _)| matches!(key, Value::Bytes(_)))
            || items.iter().all(|(key, _)| matches!(key, Value::Int(_)))
            || items.iter().all(|(key, _)| matches!(key, Value::Text(_)))
        {
            items.sort_by(|(a, _), (b, _)| match (a, b) {
                (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
                (Value::Int(a), Value::Int(b)) => a.cmp(b),
                (Value::Text(a), Value::Text(b)) => a.cmp(b),
                _ => std::cmp::Ordering::Equal,
            });
        }
        self.sequence("dict", |writer| {
            items.iter().try_for_each(|(key, value)| {
                writer.value(key)?;
                writer.value(value)
            })
        })
    }

    fn copyable(&mut self, copy: &Copyable<WireObject>) -> Result<(), CallError> {
        self.sequence("copyable", |writer| {
            writer.bytes(copy.name.as_bytes());
            copy.state.iter().try_for_each(|(name, value)| writer.named(name, value))
        })
    }

    fn object(&mut self, object: &WireObject) -> Result<(), CallError> {
        match object {
            WireObject::OfReceiver(clid) => self.sequence("your-reference", |writer| {
                writer.int(clid.0.into());
                Ok(())
            }),
            WireObject::OfSender(SenderObject { clid, introduction }) => {
                self.sequence("my-reference", |writer| {
                    writer.int(clid.0.into());
                    if let Some(introduction) = introduction {
                        let interface = introduction.interface.as_deref().unwrap_or_default();
                        writer.bytes(interface.as_bytes());
                        if let Some(furl) = &introduction.furl {
                            writer.bytes(furl.expose_text().as_bytes());
                        }
                    }
                    Ok(())
                })
            }
        }
    }

    fn int(&mut self, value: i128) {
        self.weight = self.weight.saturating_add(ITEM_WEIGHT);
        let magnitude = value.unsigned_abs();
        let is_negative = value < 0;
        // What fits in 32 bits with a sign.
        match u64::try_from(magnitude) {
            Ok(small) if small < 1 << 31 || (is_negative && small == 1 << 31) => {
                let kind = if is_negative { kind::NEG } else { kind::INT };
                push_token(&mut self.current, small, kind);
            }
            _ => {
                let bytes = magnitude.to_be_bytes();
                let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
                let kind = if is_negative { kind::LONGNEG } else { kind::LONGINT };
                push_token(&mut self.current, as_u64(bytes.len() - zeros), kind);
                self.current.put_slice(&bytes[zeros..]);
            }
        }
    }

    /// A word by its number, or a string.
    fn bytes(&mut self, bytes: &[u8]) {
        self.weight = self.weight.saturating_add(ITEM_WEIGHT + bytes.len());
        match vocabulary::number(bytes) {
            Some(number) => push_token(&mut self.current, number, kind::VOCAB),
            None => {
                push_token(&mut self.current, as_u64(bytes.len()), kind::STRING);
                self.current.put_slice(bytes);
            }
        }
    }

    fn shared_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < PIECE_LEN {
            return self.bytes(bytes);
        }
        self.weight = self.weight.saturating_add(ITEM_WEIGHT + bytes.len());
        push_token(&mut self.current, as_u64(bytes.len()), kind::STRING);
        self.pieces.push(self.current.split().freeze());
        self.pieces.push(bytes.clone());
    }
}
