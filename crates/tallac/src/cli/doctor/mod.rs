//! `doctor`: explains how a node is set up, and what may keep it from working.
//!
//! It changes nothing, and may run beside the node: what that knows, it asks the node.

mod clocks;
mod finding;
mod grid;
mod machine;
mod own;
mod ports;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use tallac_net::transport::Ways;

use self::finding::{Findings, Level};
use super::Globals;
use super::create_node::one_directory;
use crate::config::{Connections, IntroducerConfig, NodeConfig, NodeDirectory, NodeKind};
use crate::node::pidfile;
use crate::node::ways::outgoing;

/// Explain a node's settings, and what may keep it from working
///
/// Each finding is ok, a note, a warning or an error, and comes with what to do. The exit status is
/// 0 without errors, else 1.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Node directory, instead of the one of --node-directory
    nodedir: Option<PathBuf>,
    /// Print the findings as a JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: DoctorArgs, globals: &Globals) -> Result<ExitCode> {
    let directory = one_directory(args.nodedir.as_ref(), None, globals)?;
    let mut findings = Findings::default();
    examine(&NodeDirectory::new(&directory)?, &mut findings).await;
    let (errors, warnings) = (findings.count(Level::Error), findings.count(Level::Warning));
    if args.json {
        let findings: Vec<_> = findings.iter().map(finding::Finding::to_json).collect();
        let all = json!({"findings": findings, "errors": errors, "warnings": warnings});
        globals.say(serde_json::to_string_pretty(&all)?)?;
    } else {
        for finding in findings.iter() {
            globals.say(finding.to_string())?;
        }
        globals.say(format!("\n{errors} errors, {warnings} warnings"))?;
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(directory: &NodeDirectory, findings: &mut Findings) {
    let Some(kind) = directory.kind() else {
        return findings.error(
            "directory",
            format!("'{}' is not a node directory", directory.path().display()),
            "name another, or make one with create-node, create-client or create-introducer",
        );
    };
    let running = pidfile::owner(directory.path());
    machine::process(directory, running, findings);
    machine::clock(findings);
    machine::limits(findings);
    machine::private(directory, findings);
    machine::addresses(directory, findings);
    match kind {
        NodeKind::Introducer => introducer(directory, running, findings).await,
        NodeKind::Client => client(directory, running, findings).await,
    }
}

async fn introducer(directory: &NodeDirectory, running: Option<u32>, findings: &mut Findings) {
    let config = match IntroducerConfig::load(directory.path()) {
        Ok(config) => config,
        Err(error) => return machine::bad_settings(directory, &error, findings),
    };
    machine::settings(directory, ("an introducer", &[]), findings);
    ports::check((config.web_port.as_ref(), &config.tub), running, findings);
    if let Some(ways) = ways(directory, &config.connections, findings) {
        own::check(directory, &ways, running.is_some(), findings).await;
    }
}

async fn client(directory: &NodeDirectory, running: Option<u32>, findings: &mut Findings) {
    let config = match NodeConfig::load(directory.path()) {
        Ok(config) => config,
        Err(error) => return machine::bad_settings(directory, &error, findings),
    };
    let what = if config.storage.is_some() { "a client and storage server" } else { "a client" };
    machine::settings(directory, (what, &config.warnings), findings);
    machine::own_settings(&config, findings);
    ports::check((config.web_port.as_ref(), &config.tub), running, findings);
    if let Some(storage) = &config.storage {
        machine::disk(storage, findings);
    }
    let Some(ways) = ways(directory, &config.connections, findings) else { return };
    own::check(directory, &ways, running.is_some(), findings).await;
    grid::check(&config, &ways, running.is_some(), findings).await;
}

/// The ways to others, without what only a running node has.
fn ways(
    directory: &NodeDirectory,
    connections: &Connections,
    findings: &mut Findings,
) -> Option<Ways> {
    let ways = outgoing(directory, connections);
    let ways = ways.map_err(|error| {
        findings.error("connections", format!("{error:#}"), "correct [tor] and [i2p]");
    });
    ways.ok()
}
