//! What a client does with a grid of storage servers: upload and download of immutable files,
//! mutable files, directories; check and repair of all of them.
//!
//! Servers are [`tallac_core::storage::StorageServer`]s, whatever is behind them. No sockets here,
//! and no files but those handed in as the source or the target of one operation.

mod blocking;
pub mod check;
pub mod directory;
pub mod download;
pub mod grid;
pub mod history;
pub mod mutable;
mod patience;
pub mod servers;
pub mod source;
mod spans;
pub mod upload;
