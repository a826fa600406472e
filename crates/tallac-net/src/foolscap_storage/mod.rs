//! The storage protocol over Foolscap, the older of the two (specification sections 6.6 and 6.7).
//!
//! Everything that both sides must agree on is written once: `messages` (arguments and answers),
//! `failures` (what an error is called). [`FoolscapClient`] and [`FoolscapStorage`] join them to
//! a tub.

mod client;
mod failures;
mod messages;
mod server;
pub(crate) mod values;

pub(crate) use messages::{parse_as_every_answer, parse_as_every_argument};

pub use client::FoolscapClient;
pub use server::FoolscapStorage;

/// The interface of a storage server.
const STORAGE_SERVER: &str = "RIStorageServer.tahoe.allmydata.com";

/// The interface of what shares are written through.
const BUCKET_WRITER: &str = "RIBucketWriter";

/// The interface of what immutable shares are read through.
const BUCKET_READER: &str = "RIBucketReader";
