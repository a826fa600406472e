//! Connections of strangers, whatever they speak: accepted a bounded number at a time, given up
//! when the other side is silent for too long, and drained when a port is closed.

mod accept;
mod silence;

pub use accept::{PortLimits, accept_all};
pub use silence::{Silence, WriteStall};
