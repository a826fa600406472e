//! How two tubs come to an understanding (section 6.3), without any input or output: what each
//! side says, what it makes of what the other says, and which of two connections stays.
//!
//! The dialler asks in plain HTTP for a tub id, both switch to TLS, both say [hello](Greeting), and
//! the side with the greater tub id, the master, [decides](Offer) for both.

mod block;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::banana::{VOCABULARY_HASH, VOCABULARY_INDEX};
use crate::tub_id::{TubId, base32};

pub(crate) use block::{BLOCK_LEN_MAX, Block, block_end};

/// The version of the protocol that we speak, the only one that anybody speaks.
const VERSION: u32 = 3;

/// Words that both sides know by number from the start, and the hash by which they make sure.
/// Table 0 is empty. Table 1 is the codec's.
const VOCABULARY: u32 = VOCABULARY_INDEX;

/// What the server answers in plain, before TLS begins.
pub(crate) const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: TLS/1.0, PB/1.0\r\n\
    Connection: Upgrade\r\n\r\n";

/// Longest text of a peer's that an error of ours repeats, in characters.
const QUOTE_LEN_MAX: usize = 200;

/// Why a negotiation came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NegotiationError {
    /// The first bytes are not those of this protocol.
    #[error("the peer does not speak Foolscap: {0}")]
    NotOurs(&'static str),
    /// A block that never ends.
    #[error("a block of the negotiation has more than {BLOCK_LEN_MAX} bytes")]
    TooLong,
    /// It is well-formed and wrong.
    #[error("the peer negotiates badly: {0}")]
    Bad(&'static str),
    /// The tub that the dialler wants is another.
    #[error("unknown TubID {0}")]
    UnknownTub(TubId),
    /// The peer is not who it says it is.
    #[error("TubID mismatch: the certificate is another's")]
    Mismatch,
    /// The peer is not whom we wanted.
    #[error("connected to the wrong tub: there is {0}")]
    WrongTub(TubId),
    /// The peer's certificate is none of its own making.
    #[error("the peer's certificate is not self-signed")]
    NotSelfSigned,
    /// There is a connection already.
    #[error("Duplicate connection")]
    Duplicate,
    /// The tub takes no more connections.
    #[error("the tub was stopped")]
    Stopped,
    /// The tub has as many connections as it may.
    #[error("the tub has too many connections")]
    Full,
    /// The peer gave up, with these words.
    #[error("the peer refused: {0}")]
    Refused(String),
}

impl NegotiationError {
    /// What a peer says, fit to be repeated in a log.
    fn refused(words: &str) -> Self {
        let words = words.chars().filter(|c| !c.is_control()).take(QUOTE_LEN_MAX).collect();
        Self::Refused(words)
    }

    /// The block that tells a peer, once TLS stands.
    pub(crate) fn block(&self) -> String {
        format!("banana-decision-version: 1\r\nerror: {self}\r\n\r\n")
    }

    /// The response that tells a peer, before TLS.
    pub(crate) fn response(&self) -> String {
        format!("HTTP/1.1 500 Internal Server Error: {self}\r\n\r\n")
    }
}

/// What a dialler begins with.
pub(crate) fn request(target: TubId, host: &str) -> String {
    format!(
        "GET /id/{target} HTTP/1.1\r\nHost: {host}\r\n\
         Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n"
    )
}

/// Checks that a dialler wants this tub. `header` is what came before the empty line.
pub(crate) fn check_request(header: &[u8], us: TubId) -> Result<(), NegotiationError> {
    let line = header.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (Some(b"GET"), Some(path)) = (words.next(), words.next()) else {
        return Err(NegotiationError::NotOurs("its request is none"));
    };
    let tub_id = path.strip_prefix(b"/id/").and_then(|id| std::str::from_utf8(id).ok());
    let tub_id = tub_id.ok_or(NegotiationError::NotOurs("it asks for no tub id"))?;
    let tub_id = tub_id.parse().map_err(|_| NegotiationError::Bad("that is no tub id"))?;
    match tub_id == us {
        true => Ok(()),
        false => Err(NegotiationError::UnknownTub(tub_id)),
    }
}

/// Checks that the server agreed to go on with TLS.
pub(crate) fn check_response(header: &[u8]) -> Result<(), NegotiationError> {
    let text = std::str::from_utf8(header)
        .map_err(|_| NegotiationError::NotOurs("its response is no text"))?;
    let line = text.lines().next().unwrap_or_default();
    match line.split_ascii_whitespace().nth(1) {
        Some("101") if text.contains("Upgrade: TLS/1.0") => Ok(()),
        Some("101") => Err(NegotiationError::NotOurs("it will not switch to TLS")),
        Some(_) if line.starts_with("HTTP/") => Err(NegotiationError::refused(line)),
        _ => Err(NegotiationError::NotOurs("its response is none")),
    }
}

/// A run of a tub: 16 hex digits, so that a peer notices when we were started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incarnation(String);

impl Incarnation {
    /// A new one.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        let mut text = String::new();
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap_or_default());
        Ok(Self(text))
    }

    /// Always the same one, for fuzzing.
    pub(crate) fn fixed() -> Self {
        Self("0123456789abcdef".to_owned())
    }
}

/// A connection as its master numbers it, so that the peer can say which one it knew last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    master: String,
    sequence: u64,
}

impl Number {
    fn parse(text: &str) -> Result<Self, NegotiationError> {
        let bad =
            NegotiationError::Bad("the number of a connection is an incarnation and a number");
        let (master, sequence) = text.split_once(' ').ok_or(bad.clone())?;
        let sequence = sequence.trim().parse().map_err(|_| bad)?;
        Ok(Self { master: master.to_owned(), sequence })
    }
}

/// We, as we introduce ourselves.
#[derive(Debug, Clone)]
pub(crate) struct Us {
    /// Who we are.
    pub(crate) tub_id: TubId,
    /// Since when.
    pub(crate) incarnation: Incarnation,
}

/// The side that we are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// We dialled, and want this tub.
    Dialler(TubId),
    /// We were dialled.
    Listener,
}

/// TLS stands: now both say hello.
#[derive(Debug)]
pub(crate) struct Greeting {
    us: Us,
    role: Role,
    peer: TubId,
}

/// What follows a peer's hello.
#[derive(Debug)]
pub(crate) enum Greeted {
    /// The decision is ours.
    Decide(Offer),
    /// The decision is the peer's.
    Await(Awaiting),
}

impl Greeting {
    /// With the peer that has this certificate. TLS has proved that it holds the private key, and
    /// the tub id is the hash of the certificate.
    pub(crate) fn new(us: Us, role: Role, certificate: &[u8]) -> Result<Self, NegotiationError> {
        let peer = TubId::of_certificate(certificate);
        if let Role::Dialler(target) = role
            && target != peer
        {
            return Err(NegotiationError::WrongTub(peer));
        }
        if peer == us.tub_id {
            return Err(NegotiationError::Bad("it is we ourselves"));
        }
        Ok(Self { us, role, peer })
    }

    /// Whom we greet.
    pub(crate) const fn peer(&self) -> TubId {
        self.peer
    }

    /// Our hello. `last` is the number of our last connection to this peer, if it was the master.
    pub(crate) fn hello(&self, last: Option<&Number>) -> String {
        let mut hello = format!(
            "banana-negotiation-range: {VERSION} {VERSION}\r\n\
             initial-vocab-table-range: 0 {VOCABULARY}\r\n"
        );
        if matches!(self.role, Role::Dialler(_)) {
            let (master, sequence) = last.map_or(("none", 0), |n| (n.master.as_str(), n.sequence));
            hello += &format!("last-connection: {master} {sequence}\r\n");
        }
        let (incarnation, tub_id) = (&self.us.incarnation.0, base32(self.us.tub_id.as_bytes()));
        hello + &format!("my-incarnation: {incarnation}\r\nmy-tub-id: {tub_id}\r\n\r\n")
    }

    /// Takes the peer's hello.
    pub(crate) fn greeted(self, block: &Block) -> Result<Greeted, NegotiationError> {
        if let Some(error) = block.value("error") {
            return Err(NegotiationError::refused(error));
        }
        let (least, most) = block
            .range("banana-negotiation-range")?
            .ok_or(NegotiationError::NotOurs("its hello has no range of versions"))?;
        if !(least..=most).contains(&VERSION) {
            return Err(NegotiationError::Bad("no version of the protocol is common to us"));
        }
        let claimed = block.value("my-tub-id").and_then(|id| id.parse::<TubId>().ok());
        if claimed != Some(self.peer) {
            return Err(NegotiationError::Mismatch);
        }
        // Compared as the texts are; the bytes would be in another order.
        if base32(self.us.tub_id.as_bytes()) < base32(self.peer.as_bytes()) {
            return Ok(Greeted::Await(Awaiting { peer: self.peer }));
        }
        let (least, most) = block.range("initial-vocab-table-range")?.unwrap_or((0, 0));
        if !(least..=most).contains(&VOCABULARY) {
            return Err(NegotiationError::Bad("it does not know the common words"));
        }
        let last = match block.value("last-connection") {
            Some("none 0" | "none") => Last::None,
            Some(text) => Last::Number(Number::parse(text)?),
            None => Last::Unsaid,
        };
        let incarnation = block.value("my-incarnation").unwrap_or_default().to_owned();
        Ok(Greeted::Decide(Offer { us: self.us, peer: self.peer, incarnation, last }))
    }
}

/// The connection that a peer says it knew last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Last {
    /// It knows of none.
    None,
    /// This one.
    Number(Number),
    /// Only diallers say.
    Unsaid,
}

/// A connection as its master remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Mastered {
    /// The peer's incarnation.
    incarnation: String,
    sequence: u64,
}

/// A peer wants a connection, and we are the master.
#[derive(Debug)]
pub(crate) struct Offer {
    us: Us,
    peer: TubId,
    incarnation: String,
    last: Last,
}

impl Offer {
    /// Who wants it.
    pub(crate) const fn peer(&self) -> TubId {
        self.peer
    }

    /// Whether it takes the place of a connection that there is already, whose end we may not have
    /// noticed.
    pub(crate) fn replaces(&self, existing: &Mastered) -> bool {
        match &self.last {
            // We dialled it, or it cannot say which run of its own this is.
            Last::Unsaid => false,
            _ if self.incarnation.is_empty() => false,
            // It was started anew.
            _ if self.incarnation != existing.incarnation => true,
            // It dials all our hints at once, or has not heard yet of the connection that we know.
            Last::None => false,
            // We were started anew; or it knows the one that we know, and wants another.
            Last::Number(last) => {
                last.master != self.us.incarnation.0 || last.sequence == existing.sequence
            }
        }
    }

    /// Accepts it: what to tell the peer, and what to remember. The number must be greater than any
    /// that this peer's connections had.
    pub(crate) fn accept(self, sequence: u64) -> (String, Mastered) {
        let master = &self.us.incarnation.0;
        let decision = format!(
            "banana-decision-version: {VERSION}\r\n\
             current-connection: {master} {sequence}\r\n\
             initial-vocab-table-index: {VOCABULARY} {VOCABULARY_HASH}\r\n\r\n"
        );
        (decision, Mastered { incarnation: self.incarnation, sequence })
    }
}

/// The peer is the master, and is deciding.
#[derive(Debug)]
pub(crate) struct Awaiting {
    peer: TubId,
}

/// The peer's decision: to go on.
#[derive(Debug)]
pub(crate) struct Decided {
    /// Who the peer is.
    pub(crate) peer: TubId,
    /// The number that it gave the connection.
    pub(crate) number: Option<Number>,
}

impl Awaiting {
    /// Takes the decision.
    pub(crate) fn decided(self, block: &Block) -> Result<Decided, NegotiationError> {
        if let Some(error) = block.value("error") {
            return Err(NegotiationError::refused(error));
        }
        if block.value("banana-decision-version") != Some("3") {
            return Err(NegotiationError::Bad("it decided for another version of the protocol"));
        }
        let mut words = block.value("initial-vocab-table-index").unwrap_or("0").split(' ');
        if (words.next(), words.next()) != (Some("1"), Some(VOCABULARY_HASH)) {
            return Err(NegotiationError::Bad("it decided for other words than the common ones"));
        }
        let number = block.value("current-connection").map(Number::parse).transpose()?;
        Ok(Decided { peer: self.peer, number })
    }
}
