//! Two sides, and a rendezvous server between them that does what it should, or does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod hostile;
mod server;
mod talk;
