//! A storage server on a disk: Tahoe-LAFS's directory layout and containers (specification
//! sections 3.4 and 3.5), durable before anything is acknowledged.
//!
//! [`DiskServer`] is the server. [`container`] reads and makes the bytes around a share and knows
//! no files; only [`disk`] touches share files.

mod advisory;
mod clock;
mod config;
pub mod container;
mod crawl;
pub mod disk;
mod expiry;
mod incoming;
mod index;
mod server;
mod stats;

pub use clock::Clock;
pub use config::{Config, Limits, OpenError};
pub use crawl::CrawlPace;
pub use expiry::{ExpiryMode, ExpiryPolicy};
pub use index::{Amount, Amounts, ClientUse, Day, IndexError, LeaseIndex};
pub use server::{CrawlStatus, DiskServer};
pub use stats::Stats;
