//! Sequences that are being received: what came so far, and what it makes when it ends.

use std::sync::Arc;

use bytes::Bytes;

use super::wire::{Clid, Introduction, RequestId, SenderObject, WireObject};
use super::{ITEM_WEIGHT, ProtocolError};
use crate::call::{Arguments, Failure};
use crate::value::{Copyable, Value};

/// Longest name of a method, an interface or a type, in bytes.
const NAME_LEN_MAX: usize = 200;

/// Longest text of a failure that is kept, in bytes. Peers send less.
const FAILURE_LEN_MAX: usize = 4096;

/// The type name of failures that are copied.
pub(super) const FAILURE_NAME: &str = "twisted.python.failure.Failure";

/// A value of a message.
pub(super) type Received = Value<WireObject>;

/// Why a message is not taken.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The sender gave it up itself.
    Aborted,
    /// This message is wrong; others may follow.
    Violation(&'static str),
    /// The connection cannot go on.
    Protocol(ProtocolError),
}

impl From<ProtocolError> for Wrong {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

/// What a sequence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Call,
    Arguments,
    Answer,
    Error,
    None,
    Boolean,
    List,
    Tuple,
    Set,
    Dict,
    Text,
    Reference,
    OfSender,
    OfReceiver,
    Gift,
    Copyable(String),
}

impl Kind {
    /// The sequence of a top-level type.
    pub(super) fn top(name: &[u8]) -> Result<Self, Wrong> {
        match name {
            b"call" => Ok(Self::Call),
            b"answer" => Ok(Self::Answer),
            b"error" => Ok(Self::Error),
            b"set-vocab" | b"add-vocab" => {
                Err(ProtocolError::BadSequence("changes of the vocabulary are not taken").into())
            }
            _ => Err(Wrong::Violation("unknown top-level OPEN type")),
        }
    }

    /// The sequence of any other type; nothing where the name of a type follows.
    pub(super) fn inner(name: &[u8]) -> Result<Option<Self>, Wrong> {
        Ok(Some(match name {
            b"arguments" => Self::Arguments,
            b"none" => Self::None,
            b"boolean" => Self::Boolean,
            b"list" => Self::List,
            b"tuple" => Self::Tuple,
            b"set" | b"immutable-set" => Self::Set,
            b"dict" => Self::Dict,
            b"unicode" => Self::Text,
            b"reference" => Self::Reference,
            b"my-reference" => Self::OfSender,
            b"your-reference" => Self::OfReceiver,
            b"their-reference" => Self::Gift,
            b"copyable" => return Ok(None),
            _ => return Err(Wrong::Violation("unknown OPEN type")),
        }))
    }

    /// The sequence that is a copy of something.
    pub(super) fn copyable(name: &Bytes) -> Result<Self, Wrong> {
        short_name(name).map(Self::Copyable)
    }
}

/// A sequence that has begun.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// The number that its CLOSE must have.
    pub(super) count: u64,
    /// Which of the message's sequences it is.
    pub(super) index: usize,
    /// What the message weighed before it.
    pub(super) weight_before: usize,
    /// How high what is in it is.
    pub(super) height: usize,
    /// What came so far; keys and values, names and values in turn.
    pub(super) children: Vec<Received>,
}

impl Frame {
    /// Whether a sequence of that kind may begin in it now. Arguments are in calls, and nothing
    /// else is.
    pub(super) fn admits(&self, kind: &Kind) -> bool {
        match self.kind {
            Kind::Call => self.children.len() == 3 && *kind == Kind::Arguments,
            _ => *kind != Kind::Arguments,
        }
    }

    /// Takes what comes next in it. Of what makes a message, the form is checked at once.
    pub(super) fn push(&mut self, value: Received) -> Result<(), Wrong> {
        let is_first = self.children.is_empty();
        let wrong = match (&self.kind, self.children.len()) {
            (Kind::Call | Kind::Answer | Kind::Error, 0) if request_id(&value).is_none() => {
                "request ID must be an INT"
            }
            (Kind::Call, 1) if clid(&value).is_none() => "object ID must be an INT/NEG",
            (Kind::Call, 2) if !matches!(value, Value::Bytes(_)) => "method name must be a STRING",
            (Kind::Call, 3..) => "too many objects given to CallUnslicer",
            (Kind::Answer | Kind::Error, 2..) => "stop sending me stuff!",
            (Kind::Arguments, _) if is_first && !matches!(value, Value::Int(0..)) => {
                "posarg count must be an INT"
            }
            _ => {
                self.children.push(value);
                return Ok(());
            }
        };
        Err(ProtocolError::BadSequence(wrong).into())
    }

    /// The number of the request that a message is about, once it is there.
    pub(super) fn request(&self) -> Option<RequestId> {
        self.children.first().and_then(request_id)
    }

    /// The value that a sequence makes; those that make none are not asked.
    pub(super) fn into_value(self) -> Result<Received, Wrong> {
        let children = self.children;
        Ok(match self.kind {
            Kind::List => Value::List(children),
            Kind::Tuple => Value::Tuple(children),
            Kind::Set => Value::Set(children),
            Kind::Dict => Value::Dict(pairs(children)?),
            Kind::Copyable(name) => Value::Copyable(Copyable { name, state: named(children)? }),
            Kind::None if children.is_empty() => Value::None,
            Kind::Boolean => match children[..] {
                [Value::Int(value)] => Value::Bool(value != 0),
                _ => return Err(Wrong::Violation("a boolean is one INT token")),
            },
            Kind::Text => match &children[..] {
                [Value::Bytes(utf8)] => Value::Text(text(utf8)?.to_owned()),
                _ => return Err(Wrong::Violation("a text is one string")),
            },
            Kind::OfSender => Value::Object(WireObject::OfSender(sender_object(&children)?)),
            Kind::OfReceiver => match children[..] {
                [ref number @ Value::Int(0..)] => {
                    let clid = clid(number).ok_or(Wrong::Violation("no such clid"))?;
                    Value::Object(WireObject::OfReceiver(clid))
                }
                _ => return Err(Wrong::Violation("your-reference ID must be an INT")),
            },
            Kind::Gift => return Err(Wrong::Violation("gifts are prohibited in this Tub")),
            _ => return Err(Wrong::Violation("a sequence has what does not belong there")),
        })
    }

    /// The arguments of a call.
    pub(super) fn into_arguments(self) -> Result<Arguments<WireObject>, Wrong> {
        let mut children = self.children.into_iter();
        let count = match children.next() {
            Some(Value::Int(count)) => usize::try_from(count).ok(),
            _ => None,
        };
        let ended = Wrong::Violation("'arguments' sequence ended too early");
        let count = count.filter(|&count| count <= children.len()).ok_or(ended)?;
        let positional = children.by_ref().take(count).collect();
        Ok(Arguments { positional, named: named(children.collect())? })
    }

    /// The object and the method that a call is of.
    pub(super) fn call_target(&self) -> Result<(Clid, String), Wrong> {
        match &self.children[..] {
            [_, target, Value::Bytes(method)] => {
                let target = clid(target).ok_or(Wrong::Violation("no such clid"))?;
                Ok((target, short_name(method)?))
            }
            _ => Err(ProtocolError::BadSequence("'call' sequence ended too early").into()),
        }
    }

    /// What answers a call. The request stays.
    pub(super) fn take_answer(&mut self) -> Result<Result<Received, Failure>, Wrong> {
        match (self.children.len(), self.children.pop()) {
            (2, Some(value)) if self.kind == Kind::Answer => Ok(Ok(value)),
            (2, Some(Value::Copyable(copy))) if copy.name == FAILURE_NAME => Ok(Err(failure(copy))),
            (2, _) => Err(Wrong::Violation("an error has no failure in it")),
            _ => Err(ProtocolError::BadSequence("Answer didn't include an answer").into()),
        }
    }
}

/// A value in a sequence that has ended, by its place in the sequence.
pub(super) fn child(value: &Received, position: usize) -> Option<&Received> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => items.get(position),
        Value::Dict(items) => {
            let (key, value) = items.get(position / 2)?;
            Some(if position.is_multiple_of(2) { key } else { value })
        }
        Value::Copyable(copy) => copy.state.get(position / 2).map(|(_, value)| value),
        _ => None,
    }
}

/// What a value weighs by itself.
pub(super) fn weight(value: &Received) -> usize {
    match value {
        Value::Bytes(bytes) => ITEM_WEIGHT + bytes.len(),
        _ => ITEM_WEIGHT,
    }
}

fn request_id(value: &Received) -> Option<RequestId> {
    match value {
        Value::Int(number) => i32::try_from(*number).ok()?.try_into().ok().map(RequestId),
        _ => None,
    }
}

fn clid(value: &Received) -> Option<Clid> {
    match value {
        Value::Int(number) => i32::try_from(*number).ok().map(Clid),
        _ => None,
    }
}

fn text(utf8: &[u8]) -> Result<&str, Wrong> {
    std::str::from_utf8(utf8).map_err(|_| Wrong::Violation("a text is not UTF-8"))
}

fn short_name(utf8: &[u8]) -> Result<String, Wrong> {
    match utf8.len() <= NAME_LEN_MAX {
        true => text(utf8).map(str::to_owned),
        false => Err(Wrong::Violation("a name is too long")),
    }
}

fn pairs(children: Vec<Received>) -> Result<Vec<(Received, Received)>, Wrong> {
    let mut pairs = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let Some(key) = children.next() {
        let value = children.next().ok_or(Wrong::Violation("a key has no value"))?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn named(children: Vec<Received>) -> Result<Vec<(String, Received)>, Wrong> {
    let name = |(name, value)| match name {
        Value::Bytes(name) => Ok((short_name(&name)?, value)),
        _ => Err(Wrong::Violation("a name must be a STRING")),
    };
    pairs(children)?.into_iter().map(name).collect()
}

fn sender_object(children: &[Received]) -> Result<SenderObject, Wrong> {
    let (number, interface, furl) = match children {
        [number] => (number, None, None),
        [number, Value::Bytes(interface)] => (number, Some(interface), None),
        [number, Value::Bytes(interface), Value::Bytes(furl)] => {
            (number, Some(interface), Some(furl))
        }
        _ => return Err(Wrong::Violation("a my-reference has other things in it")),
    };
    let clid = clid(number).ok_or(Wrong::Violation("reference ID must be an INT or NEG"))?;
    let introduction = match interface {
        None => None,
        Some(interface) => {
            let interface = Some(short_name(interface)?).filter(|name| !name.is_empty());
            // One that we cannot read is of no use, and does no harm.
            let furl = furl.and_then(|furl| std::str::from_utf8(furl).ok()?.parse().ok());
            Some(Arc::new(Introduction { interface, furl }))
        }
    };
    Ok(SenderObject { clid, introduction })
}

fn failure(copy: Copyable<WireObject>) -> Failure {
    let mut failure = Failure::new("", "");
    for (name, value) in copy.state {
        let text = match value {
            Value::Bytes(bytes) => {
                String::from_utf8_lossy(&bytes[..bytes.len().min(FAILURE_LEN_MAX)]).into_owned()
            }
            _ => continue,
        };
        match name.as_str() {
            "type" => failure.kind = text,
            "value" => failure.message = text,
            "traceback" => failure.traceback = text,
            _ => {}
        }
    }
    failure
}
