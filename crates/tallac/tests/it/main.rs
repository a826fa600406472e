//! The `tallac` command, run as its users run it, and beside it what the real Tahoe-LAFS 1.20 did.

#![expect(clippy::unwrap_used, reason = "what fails in a test should end it, helpers included")]

mod admin;
mod config;
mod connections;
mod create_node;
mod debug;
mod file_commands;
mod grid_manager;
mod helper;
mod hidden_nodes;
mod introducers;
mod invite;
mod log_secrets;
mod maintain;
mod node_files;
mod node_pages;
mod nodes;
mod odd_input;
mod reload;
#[path = "../../../wormhole/tests/it/server.rs"]
mod rendezvous;
mod running;
mod telemetry;
mod usage;

use std::path::Path;
use std::process::Command;

/// What a command did.
#[derive(Debug)]
struct Done {
    status: i32,
    out: String,
    err: String,
}

/// Runs the command in a directory, which is also the user's home, and under umask 022.
fn tallac(dir: &Path, args: &[&str]) -> Done {
    let script = "umask 022; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_tallac")])
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("TALLAC_LOG")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done {
        status: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A directory that is gone when the test ends, by its real path.
fn scratch() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    (dir, path)
}
