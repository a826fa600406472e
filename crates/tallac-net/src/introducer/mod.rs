//! Introducers: where servers say that they are there, and clients hear of it (section 6.1).
//!
//! [`IntroducerServer`] is the object that others call. [`IntroducerClient`] stays connected to one
//! introducer, announces what a node offers each time that it is reached, and hears of what others
//! offer.

mod client;
mod server;
mod wire;

pub use client::{IntroducerClient, IntroducerState, News, NodeInfo};
pub use server::{IntroducerLimits, IntroducerServer};
