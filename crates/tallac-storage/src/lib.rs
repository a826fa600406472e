//! A storage server on a disk: Tahoe-LAFS's directory layout and containers (specification
//! sections 3.4 and 3.5), durable before anything is acknowledged.
//!
//! [`DiskServer`] is the server. [`container`] reads and makes the bytes around a share and knows
//! no files; only [`disk`] touches share files.

mod advisory;
mod clock;
mod config;
pub mod container;
pub mod disk;
mod incoming;
mod server;
mod stats;

pub use clock::Clock;
pub use config::{Config, OpenError};
pub use server::DiskServer;
pub use stats::Stats;
