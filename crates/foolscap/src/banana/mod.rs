//! Banana (specification sections 6.4 and 6.5): values and messages as bytes, and back.
//!
//! Pure and incremental: bytes go into a [`Decoder`] as they come, however they are cut, and
//! [`Event`]s come out; an [`Encoder`] makes the bytes of a message. Both count the sequences of
//! their direction for the life of a connection. What a peer can make us hold is bounded by
//! [`Limits`].

mod decode;
mod encode;
mod frame;
mod token;
mod vocabulary;
mod wire;

pub use decode::{Decoder, Event, Incoming};
pub use encode::{Encoder, Pieces};
pub use token::{ERROR_LEN_MAX, ProtocolError, Token, Tokenizer};
pub use vocabulary::{VOCABULARY_HASH, VOCABULARY_INDEX};
pub use wire::{Clid, Introduction, RequestId, SenderObject, WireObject};

/// What one value weighs beside the bytes in it: about what it takes in memory.
pub(crate) const ITEM_WEIGHT: usize = 64;

/// How much one message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What a message may weigh: the bytes of its strings, and 64 for each value and sequence in
    /// it. What is referred to counts once more each time. An incoming message that is heavier is
    /// refused by itself, and the connection goes on.
    pub weight_max: usize,
    /// How deep its sequences may be nested.
    pub depth_max: usize,
}

impl Limits {
    /// Weight that is taken unless somebody says otherwise. Tahoe-LAFS sends the whole share of a
    /// mutable file in one message, so this bounds their size.
    pub const WEIGHT_MAX: usize = 128 * 1024 * 1024;

    /// Depth that is taken unless somebody says otherwise. What Tahoe-LAFS sends has fewer than 10.
    pub const DEPTH_MAX: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self { weight_max: Self::WEIGHT_MAX, depth_max: Self::DEPTH_MAX }
    }
}

#[cfg(test)]
mod tests;
