//! From bytes to messages.

use bytes::{Bytes, BytesMut};

use super::frame::{Frame, Kind, Received, Wrong, child, weight};
use super::token::{ProtocolError, Token, Tokenizer};
use super::wire::{Clid, RequestId, SenderObject, WireObject};
use super::{ITEM_WEIGHT, Limits};
use crate::call::{Arguments, Failure};
use crate::value::Value;

/// A reference that cannot be followed, or that would make a circle.
const DANGLING: Wrong = Wrong::Violation("a reference to nothing that is complete");

/// What came, and the objects that came with it.
#[derive(Debug, PartialEq)]
pub struct Incoming {
    /// What came.
    pub event: Event,
    /// Every `my-reference` in it, in the order of arrival and as often as it was sent: by so much
    /// the peer counts its objects up. Also those of messages that were refused.
    pub references: Vec<SenderObject>,
}

/// What came.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// The peer calls.
    Call {
        /// By what the answer is to be known; nothing if none is wanted.
        request: Option<RequestId>,
        /// The object of ours.
        target: Clid,
        /// The method.
        method: String,
        /// With what.
        arguments: Arguments<WireObject>,
    },
    /// The peer answers a call of ours, or says how it failed.
    Answer {
        /// The call.
        request: RequestId,
        /// What came of it.
        result: Result<Value<WireObject>, Failure>,
    },
    /// Something that we do not take, and whose rest is thrown away.
    RefusedCall {
        /// By what the peer is to be told; nothing if it does not wait.
        request: Option<RequestId>,
        /// What is wrong with it.
        why: Failure,
    },
    /// An answer to a call of ours that we do not take.
    RefusedAnswer {
        /// The call.
        request: RequestId,
        /// What is wrong with the answer.
        why: Failure,
    },
    /// The peer asks whether we are there; it awaits a PONG with the same number.
    Ping(u64),
    /// The peer says that it is there.
    Pong(u64),
}

/// A sequence whose type is not known yet.
#[derive(Debug)]
struct Opening {
    count: u64,
    index: usize,
    is_copyable: bool,
}

/// Where a sequence is that has ended.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The sequence it is in, by its index.
    parent: usize,
    /// Which of that one's children it is.
    position: usize,
    weight: usize,
    height: usize,
}

/// Makes messages of what comes.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    tokenizer: Tokenizer,
    /// The sequences that have begun, outermost first.
    stack: Vec<Frame>,
    opening: Option<Opening>,
    /// How many sequences must end before something is taken again.
    discarding: usize,
    /// Sequences that have begun in the life of the connection, all kinds.
    pub(super) opens: u64,
    /// And when the message began.
    first: u64,
    /// Where the message's sequences are; nothing for those that have not ended.
    places: Vec<Option<Place>>,
    weight: usize,
    arguments: Option<Arguments<WireObject>>,
    references: Vec<SenderObject>,
}

impl Decoder {
    /// One for a connection that begins.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            tokenizer: Tokenizer::new(),
            stack: Vec::new(),
            opening: None,
            discarding: 0,
            opens: 0,
            first: 0,
            places: Vec::new(),
            weight: 0,
            arguments: None,
            references: Vec::new(),
        }
    }

    /// Where bytes that come are appended; it has room for some. What it has already must stay.
    pub fn space(&mut self) -> &mut BytesMut {
        self.tokenizer.space()
    }

    /// The next thing that has come as a whole; nothing until more bytes come.
    ///
    /// # Errors
    /// [`ProtocolError`]: the connection cannot go on.
    #[expect(clippy::should_implement_trait, reason = "no iterator: it goes on when bytes come")]
    pub fn next(&mut self) -> Result<Option<Incoming>, ProtocolError> {
        loop {
            let room = self.limits.weight_max.saturating_sub(self.weight);
            let room = (self.discarding == 0).then_some(room);
            let Some(token) = self.tokenizer.next(room)? else { return Ok(None) };
            let event = match token {
                Token::Ping(number) => return Ok(Some(Event::Ping(number).alone())),
                Token::Pong(number) => return Ok(Some(Event::Pong(number).alone())),
                _ if self.discarding > 0 => {
                    self.discard(&token);
                    continue;
                }
                _ => self.take(token)?,
            };
            if let Some(event) = event {
                let references = std::mem::take(&mut self.references);
                self.forget();
                return Ok(Some(Incoming { event, references }));
            }
        }
    }

    /// Forgets the message.
    fn forget(&mut self) {
        self.stack.clear();
        self.opening = None;
        self.places = Vec::new();
        self.weight = 0;
        self.arguments = None;
        self.references = Vec::new();
    }

    fn discard(&mut self, token: &Token) {
        match token {
            Token::Open(_) => {
                self.opens += 1;
                self.discarding += 1;
            }
            Token::Close(_) => self.discarding -= 1,
            _ => {}
        }
    }

    /// Takes a token of a message; gives the message with its last.
    fn take(&mut self, token: Token) -> Result<Option<Event>, ProtocolError> {
        let before = self.stack.len() + usize::from(self.opening.is_some());
        let (event, depth) = match token {
            Token::Open(count) => (self.open(count), before + 1),
            Token::Close(count) => (self.close(count), before.saturating_sub(1)),
            token => (self.take_simple(token), before),
        };
        match event {
            Ok(event) => Ok(event),
            Err(Wrong::Protocol(error)) => Err(error),
            Err(wrong) => {
                self.discarding = depth;
                Ok(Some(self.refusal(&wrong)))
            }
        }
    }

    /// The event of a message that is refused.
    fn refusal(&self, wrong: &Wrong) -> Event {
        let (why, is_aborted) = match wrong {
            Wrong::Violation(why) => (*why, false),
            _ => ("ABORT received", true),
        };
        let why = Failure::violation(why);
        let message = self.stack.first();
        let request = message.and_then(Frame::request).filter(|request| *request != RequestId(0));
        match request {
            Some(request) if message.is_some_and(|message| message.kind != Kind::Call) => {
                Event::RefusedAnswer { request, why }
            }
            // Who gives up a call itself waits for nothing.
            request => Event::RefusedCall { request: request.filter(|_| !is_aborted), why },
        }
    }

    fn take_simple(&mut self, token: Token) -> Result<Option<Event>, Wrong> {
        let value = match token {
            Token::Int(value) => Value::Int(value),
            Token::Float(value) => Value::Float(value),
            Token::Bytes(bytes) => Value::Bytes(bytes),
            Token::Abort if self.stack.is_empty() => {
                return Err(ProtocolError::BadSequence("ABORT outside of a sequence").into());
            }
            Token::Abort => return Err(Wrong::Aborted),
            // The others are not given to this.
            _ => return Err(Wrong::Violation("a token is too long")),
        };
        self.weigh(weight(&value))?;
        match (self.opening.take(), value) {
            (Some(opening), Value::Bytes(name)) => self.set_kind(opening, &name)?,
            (Some(_), _) => return Err(Wrong::Violation("index token not STRING or VOCAB")),
            (None, value) => match self.stack.last_mut() {
                Some(frame) => frame.push(value)?,
                None => return Err(ProtocolError::BadSequence("top-level must be OPEN").into()),
            },
        }
        Ok(None)
    }

    fn weigh(&mut self, more: usize) -> Result<(), Wrong> {
        self.weight = self.weight.saturating_add(more);
        match self.weight <= self.limits.weight_max {
            true => Ok(()),
            false => Err(Wrong::Violation("the message is too large")),
        }
    }

    fn open(&mut self, count: u64) -> Result<Option<Event>, Wrong> {
        if self.opening.is_some() {
            return Err(ProtocolError::BadSequence("OPEN token followed by OPEN").into());
        }
        if self.stack.is_empty() {
            self.first = self.opens;
        }
        self.opens += 1;
        if self.stack.len() >= self.limits.depth_max {
            return Err(Wrong::Violation("sequences are nested too deep"));
        }
        self.weigh(ITEM_WEIGHT)?;
        self.opening = Some(Opening { count, index: self.places.len(), is_copyable: false });
        self.places.push(None);
        Ok(None)
    }

    /// The type of a sequence is there, or the first word of it.
    fn set_kind(&mut self, mut opening: Opening, name: &Bytes) -> Result<(), Wrong> {
        let kind = match self.stack.last() {
            _ if opening.is_copyable => Some(Kind::copyable(name)?),
            None => Some(Kind::top(name)?),
            Some(_) => Kind::inner(name)?,
        };
        let Some(kind) = kind else {
            opening.is_copyable = true;
            self.opening = Some(opening);
            return Ok(());
        };
        if self.stack.last().is_some_and(|parent| !parent.admits(&kind)) {
            return Err(Wrong::Violation("such a sequence does not belong there"));
        }
        let Opening { count, index, .. } = opening;
        let (weight_before, children) = (self.weight, Vec::new());
        self.stack.push(Frame { kind, count, index, weight_before, height: 0, children });
        Ok(())
    }

    fn close(&mut self, count: u64) -> Result<Option<Event>, Wrong> {
        let is_open = self.opening.is_none();
        let last = self.stack.last_mut().filter(|frame| is_open && frame.count == count);
        let frame = last.ok_or(ProtocolError::BadSequence("lost sync, got another CLOSE"))?;
        match frame.kind {
            Kind::Call => {
                let early = ProtocolError::BadSequence("'call' sequence ended too early");
                let arguments = self.arguments.take().ok_or(early)?;
                let (target, method) = frame.call_target()?;
                let request = frame.request().filter(|request| *request != RequestId(0));
                Ok(Some(Event::Call { request, target, method, arguments }))
            }
            Kind::Answer | Kind::Error => {
                let result = frame.take_answer()?;
                let request = frame.request().filter(|request| *request != RequestId(0));
                let request = request.ok_or(Wrong::Violation("an answer to nothing"))?;
                Ok(Some(Event::Answer { request, result }))
            }
            _ => self.close_inner().map(|()| None),
        }
    }

    /// Gives what a sequence made to the one that it is in.
    fn close_inner(&mut self) -> Result<(), Wrong> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (index, is_of_sender) = (frame.index, frame.kind == Kind::OfSender);
        let mut weight = self.weight - frame.weight_before + ITEM_WEIGHT;
        let mut height = frame.height + 1;
        let value = match frame.kind {
            Kind::Arguments => {
                self.arguments = Some(frame.into_arguments()?);
                return Ok(());
            }
            Kind::Reference => {
                let (at, place) = self.referred(&frame)?;
                // Weighed before it is copied.
                self.weigh(place.weight)?;
                weight += place.weight;
                height = place.height;
                self.locate(at).cloned().ok_or(DANGLING)?
            }
            _ => frame.into_value()?,
        };
        if self.stack.len() + height > self.limits.depth_max {
            return Err(Wrong::Violation("sequences are nested too deep"));
        }
        if let Value::Object(WireObject::OfSender(object)) = &value
            && is_of_sender
        {
            self.references.push(object.clone());
        }
        let Some(parent) = self.stack.last_mut() else { return Ok(()) };
        parent.height = parent.height.max(height);
        let (position, parent_index) = (parent.children.len(), parent.index);
        parent.push(value)?;
        self.places[index] = Some(Place { parent: parent_index, position, weight, height });
        Ok(())
    }

    /// What a `reference` is to: a sequence of this message that has ended.
    fn referred(&self, frame: &Frame) -> Result<(usize, Place), Wrong> {
        let number = match frame.children[..] {
            [Value::Int(number)] => u64::try_from(number).ok(),
            _ => None,
        };
        number
            .and_then(|number| usize::try_from(number.checked_sub(self.first)?).ok())
            .and_then(|index| Some((index, (*self.places.get(index)?)?)))
            .ok_or(DANGLING)
    }

    /// The value that a sequence made, wherever it is now.
    fn locate(&self, mut index: usize) -> Option<&Received> {
        let mut path = Vec::new();
        loop {
            let place = (*self.places.get(index)?)?;
            if let Ok(at) = self.stack.binary_search_by_key(&place.parent, |frame| frame.index) {
                let root = self.stack[at].children.get(place.position)?;
                return path.iter().rev().try_fold(root, |value, &at| child(value, at));
            }
            path.push(place.position);
            index = place.parent;
        }
    }
}

impl Event {
    const fn alone(self) -> Incoming {
        Incoming { event: self, references: Vec::new() }
    }
}
