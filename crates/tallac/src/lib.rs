//! What a Tallac node is made of: its configuration, its files, and the command line.
//!
//! This is the one crate that knows all others. A node directory works under Tahoe-LAFS too, so
//! all that is read and written here keeps to Tahoe-LAFS's names and formats (specification
//! sections 9 and 10).

pub mod cli;
pub mod config;
pub mod files;
pub mod helper;
mod local_grid;
mod logging;
pub mod maintain;
mod node;
pub mod node_files;
mod progress;
mod telemetry;
