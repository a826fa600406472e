//! Our nodes together with those of Tahoe-LAFS 1.20, in both directions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stdout, reason = "a test that is passed over says so")]

mod answers;
mod caps;
mod checks;
mod commands;
mod conformance;
mod containers;
mod directories;
mod grid_manager;
mod grids;
mod helpers;
mod introducers;
mod invitations;
mod mutable;
mod swap;

use std::path::{Path, PathBuf};

use interop::{Commands, Kind, Node, NodeOptions};
use tempfile::TempDir;

/// A folder for nodes, and the two commands; `None` in a plain `cargo test`.
fn playground() -> Option<(Commands, TempDir)> {
    let commands = Commands::find();
    if commands.is_none() {
        println!("passed over: 'cargo xtask interop' runs it with the real Tahoe-LAFS");
    }
    Some((commands?, tempfile::tempdir().unwrap()))
}

/// Storage servers made and run by these programs, all of them up.
fn servers(commands: &Commands, home: &Path, kinds: &[Kind]) -> Vec<Node> {
    let mut nodes: Vec<(Kind, Node)> = Vec::new();
    for kind in [Kind::Tahoe, Kind::Tallac] {
        let of_kind = kinds.iter().enumerate().filter(|(_, k)| **k == kind);
        let dirs: Vec<PathBuf> = of_kind.map(|(i, _)| home.join(format!("server{i}"))).collect();
        let made = Node::create(commands, kind, &dirs, &NodeOptions::server()).unwrap();
        nodes.extend(made.into_iter().map(|node| (kind, node)));
    }
    for (kind, node) in &mut nodes {
        node.launch(*kind).unwrap();
    }
    let mut nodes: Vec<Node> = nodes.into_iter().map(|(_, node)| node).collect();
    for node in &mut nodes {
        node.wait_until_up().unwrap();
    }
    nodes
}

/// A gateway that uses these servers, connected to all of them.
fn gateway(
    commands: &Commands,
    dir: PathBuf,
    kind: Kind,
    options: &NodeOptions,
    servers: &[Node],
) -> Node {
    let mut node = Node::create(commands, kind, &[dir], options).unwrap().remove(0);
    let entries: Vec<_> = servers.iter().map(|server| server.entry().unwrap()).collect();
    node.use_servers(&entries).unwrap();
    // The same convergence secret for all: the same file then has the same cap.
    let secret = "nb2w2yljnrqxaylenbuw45dfoizdamrtgq2tmnzyheydcmrtgq2q\n";
    std::fs::write(node.dir().join("private/convergence"), secret).unwrap();
    node.start(kind).unwrap();
    node.wait_for_servers(servers.len()).unwrap();
    node
}

/// Bytes that do not repeat, other ones for every size.
fn file(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ (len as u64);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(len);
    bytes
}
