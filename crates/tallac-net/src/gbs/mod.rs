//! The storage protocol over HTTPS, "Great Black Swamp" (specification section 7).
//!
//! Everything that both sides must agree on is written once: `path` (which operation), `auth` (the
//! swissnum and the secrets), `range` (which bytes), `messages` (the bodies), `status` (what an
//! error is called). [`GbsClient`] and [`GbsServer`] join them to sockets.

mod auth;
mod client;
mod messages;
mod path;
mod range;
mod server;
mod status;

pub use client::{ClientLimits, GbsClient, GbsClientError};
pub use server::{GbsServer, ServerLimits};

/// The media type of every message that is not share data.
const CBOR: &str = "application/cbor";

/// The media type of share data.
const OCTETS: &str = "application/octet-stream";
