//! What tests need: a storage server in memory with faults to order, and the conformance suite
//! that every storage server keeps to. For development only.

pub mod conformance;
pub mod sim;

pub use sim::{Advisory, Call, Fault, Operation, SimServer};
