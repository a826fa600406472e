//! Real nodes as processes on this machine: Tahoe-LAFS's and ours, behind one interface, for the
//! interop tests and for the benchmark.
//!
//! `cargo xtask interop` says where the two commands are. Everything listens on 127.0.0.1 only.

mod node;
mod process;
mod tahoe_nodes;
mod web;

pub use node::{Kind, Node, NodeOptions, ServerEntry, servers_yaml};
pub use process::Process;
pub use tahoe_nodes::create_all;
pub use web::{Answer, Web};

use std::path::PathBuf;

/// The two commands.
#[derive(Debug, Clone)]
pub struct Commands {
    /// `tahoe`, of Tahoe-LAFS 1.20.
    pub tahoe: PathBuf,
    /// `tallac`, ours.
    pub tallac: PathBuf,
}

impl Commands {
    /// The commands, if the environment says where they are; it does not in a plain `cargo test`,
    /// where tests with the real Tahoe-LAFS are passed over.
    #[must_use]
    pub fn find() -> Option<Self> {
        let path = |variable| std::env::var_os(variable).map(PathBuf::from);
        Some(Self { tahoe: path("TALLAC_INTEROP_TAHOE")?, tallac: path("TALLAC_INTEROP_TALLAC")? })
    }
}
