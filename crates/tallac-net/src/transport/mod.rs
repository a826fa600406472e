//! What carries the protocols: TLS over TCP, and the patience that goes with it.

mod silence;
mod tls;

pub(crate) use silence::{Silence, WriteStall};
pub(crate) use tls::{accept, connect};
