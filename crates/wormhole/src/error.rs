//! What can go wrong between two machines, and what to do about it.

use crate::MESSAGE_LEN_MAX;
use crate::code::CodeError;

/// Why two machines did not get to talk. The code is never repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the rendezvous server is none.
    #[error("'{0}' is no address of a rendezvous server: write one like ws://example.org:4000/v1")]
    BadUrl(String),
    /// What was typed is no code.
    #[error(transparent)]
    BadCode(#[from] CodeError),
    /// The rendezvous server is not there, or is none.
    #[error(
        "cannot reach the rendezvous server at {address}: {problem}. See that this machine is \
         online, or name another server"
    )]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What happened.
        problem: String,
    },
    /// The rendezvous server went away, or stopped answering.
    #[error("the rendezvous server went away ({0}): try again with a new code")]
    Lost(String),
    /// The rendezvous server does not want to help.
    #[error("the rendezvous server refuses: {0}")]
    Refused(String),
    /// Others use the same code.
    #[error("this code was used already, or somebody else tries it: ask for a new one")]
    Crowded,
    /// The two sides have different codes, or somebody between them guesses.
    #[error(
        "the code does not match: it was mistyped, or somebody tried to guess it. Ask for a new one"
    )]
    WrongCode,
    /// The other side does not answer.
    #[error(
        "the other side did not answer in time: see that it still waits, or ask for a new code"
    )]
    NoAnswer,
    /// The rendezvous server, or the other side, says what makes no sense.
    #[error("{0}: it speaks another protocol, or is broken")]
    Nonsense(&'static str),
    /// A message is too long to be sent.
    #[error("a message has at most {MESSAGE_LEN_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// The system has no randomness to give.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(#[from] getrandom::Error),
}
