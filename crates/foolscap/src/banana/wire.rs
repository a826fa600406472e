//! Objects and calls as numbers, which is how they cross a connection.

use std::fmt;
use std::sync::Arc;

use crate::furl::Furl;

/// What one side calls an object of its own on one connection. 0 is the side itself; negative ones
/// are bound methods, which we never send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clid(pub i32);

impl Clid {
    /// The side itself, which gives out what it has registered.
    pub const BROKER: Self = Self(0);
}

impl fmt::Display for Clid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the caller calls a call that it waits for: 1 to 2^31-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u32);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireObject {
    /// `my-reference`: one of whoever sends the message.
    OfSender(SenderObject),
    /// `your-reference`: one of whoever receives it, come home.
    OfReceiver(Clid),
}

/// An object of the sender. Each time one is sent, the receiver holds it once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderObject {
    /// Its number.
    pub clid: Clid,
    /// What it is. Sent with the first reference to it that the receiver holds.
    pub introduction: Option<Arc<Introduction>>,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// The name of its interface, if it has one.
    pub interface: Option<String>,
    /// Its FURL, if the object is registered.
    pub furl: Option<Furl>,
}
