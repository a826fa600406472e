//! Peers on the wire: the identities that nodes go by, and the storage protocol over HTTPS
//! ("Great Black Swamp", GBS), and introducers, both sides of each (specification sections 6.1, 6.2
//! and 7).
//!
//! [`gbs::GbsClient`] is a [`tallac_core::storage::StorageServer`] somewhere else;
//! [`gbs::GbsServer`] lets others reach anything that implements that trait.

pub mod foolscap_storage;
#[doc(hidden)]
pub mod fuzzing;
pub mod gbs;
pub mod helper;
pub mod identity;
pub mod introducer;
pub mod switch;
pub mod transport;
