//! `create-node` and `create-client` (section 9.2).

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::{Globals, say};
use crate::create::{self, NewNode};

/// Exit status when the directory holds something.
const NOT_EMPTY: u8 = 255;

/// What both kinds of node are told.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Directory of the new node, instead of the one of --node-directory
    nodedir: Option<PathBuf>,
    /// The same
    #[arg(short = 'C', long, value_name = "NODEDIR", conflicts_with = "nodedir")]
    basedir: Option<PathBuf>,
    /// What people call the node
    #[arg(short, long)]
    nickname: Option<String>,
    /// Where the web API listens; 'none' for no web API
    #[arg(short = 'p', long, default_value = create::WEB_PORT)]
    webport: String,
    /// FURL of the grid's introducer (kept for later; this version uses private/servers.yaml)
    #[arg(short, long, value_name = "FURL")]
    introducer: Option<String>,
    /// Shares that bring a file back
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=256))]
    shares_needed: u16,
    /// Servers that an upload must reach
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=256))]
    shares_happy: u16,
    /// Shares of each file
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=256))]
    shares_total: u16,
    /// Keep this machine's address from others (not in this version)
    #[arg(long)]
    hide_ip: bool,
    /// Settings from an invitation (not in this version)
    #[arg(long, value_name = "CODE")]
    join: Option<String>,
}

/// Make a node: storage server, gateway, or both.
#[derive(Debug, Args)]
pub(crate) struct CreateNodeArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Ways to be reached: tcp, or none (tor and i2p are not in this version)
    #[arg(long, default_value = "tcp")]
    listen: String,
    /// Name or address of this machine; the port is chosen
    #[arg(long)]
    hostname: Option<String>,
    /// Where to listen, such as tcp:4000; goes with --location
    #[arg(long)]
    port: Option<String>,
    /// Where others find it, such as tcp:example.org:4000; goes with --port
    #[arg(long)]
    location: Option<String>,
    /// Keep no shares for others
    #[arg(long)]
    no_storage: bool,
    /// Where to keep shares
    #[arg(long)]
    storage_dir: Option<PathBuf>,
    /// Run a helper (not in this version)
    #[arg(long)]
    helper: bool,
}

/// Make a node that only uses a grid.
#[derive(Debug, Args)]
pub(crate) struct CreateClientArgs {
    #[command(flatten)]
    common: CommonArgs,
}

impl CommonArgs {
    fn node(&self) -> Result<NewNode> {
        ensure!(!self.hide_ip, "--hide-ip needs Tor or I2P, which this version does not speak");
        ensure!(self.join.is_none(), "--join is not in this version; use --introducer by hand");
        ensure!(
            self.shares_needed <= self.shares_total && self.shares_happy <= self.shares_total,
            "--shares-needed and --shares-happy cannot be more than --shares-total"
        );
        let web_port = if self.webport.eq_ignore_ascii_case("none") { "" } else { &self.webport };
        Ok(NewNode {
            nickname: self.nickname.clone(),
            web_port: web_port.to_owned(),
            introducer: self.introducer.clone(),
            needed: self.shares_needed,
            happy: self.shares_happy,
            total: self.shares_total,
            ..NewNode::default()
        })
    }
}

impl CreateNodeArgs {
    /// `tub.port` and `tub.location`.
    fn tub(&self) -> Result<Option<(String, String)>> {
        match self.listen.as_str() {
            "tcp" => {}
            "none" => {
                ensure!(self.hostname.is_none(), "--listen= must be tcp to use --hostname");
                return Ok(None);
            }
            "tor" | "i2p" | "tcp,tor" | "tor,tcp" | "tcp,i2p" | "i2p,tcp" => {
                bail!("--listen={}: this version listens at TCP ports only", self.listen)
            }
            _ => bail!("--listen= must be one/some of: i2p, none, tcp, tor"),
        }
        match (&self.hostname, &self.port, &self.location) {
            (Some(host), None, None) => {
                let port = unused_port()?;
                Ok(Some((format!("tcp:{port}"), format!("tcp:{host}:{port}"))))
            }
            (None, Some(port), Some(location)) => Ok(Some((port.clone(), location.clone()))),
            (None, None, None) => bail!(
                "--listen=tcp requires --hostname= (the name of this machine), or --port= and \
                 --location="
            ),
            (Some(_), ..) => bail!("--hostname cannot be used with --location/--port"),
            (None, Some(_), None) => bail!("--port must be used with --location"),
            (None, None, Some(_)) => bail!("--location must be used with --port"),
        }
    }
}

/// Runs `create-node`.
pub(crate) async fn run_node(args: CreateNodeArgs, globals: &Globals) -> Result<ExitCode> {
    let node = NewNode {
        tub: args.tub()?,
        helper: args.helper,
        storage: !args.no_storage,
        storage_dir: args.storage_dir.clone(),
        ..args.common.node()?
    };
    make(args.common, node, globals).await
}

/// Runs `create-client`.
pub(crate) async fn run_client(args: CreateClientArgs, globals: &Globals) -> Result<ExitCode> {
    let node = args.common.node()?;
    make(args.common, node, globals).await
}

async fn make(args: CommonArgs, node: NewNode, globals: &Globals) -> Result<ExitCode> {
    let path = args.nodedir.or(args.basedir).unwrap_or_else(|| globals.node_directory.clone());
    let path = std::path::absolute(path)?;
    if !create::is_vacant(&path)? {
        say::error(&format!(
            "The base directory '{}' is not empty.\nTo avoid clobbering anything, I am going to \
             quit now.\nChoose another directory, or empty this one.",
            path.display()
        ));
        return Ok(ExitCode::from(NOT_EMPTY));
    }
    let (introducer, nickname) = (node.introducer.is_some(), node.nickname.is_some());
    let directory = tokio::task::spawn_blocking({
        let path = path.clone();
        move || create::create(&path, &node)
    })
    .await??;
    say::line(globals, &format!("Node created in '{}'", path.display()));
    if !introducer {
        say::line(
            globals,
            &format!(
                " Please add storage servers to '{}'!\n The node cannot connect to a grid \
                 without it.",
                directory.private("servers.yaml").display()
            ),
        );
    }
    if !nickname {
        let file = directory.file("tahoe.cfg");
        say::line(globals, &format!(" Please set [node]nickname= in '{}'", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A port that nothing listens at now.
fn unused_port() -> Result<u16> {
    let socket = TcpListener::bind(("0.0.0.0", 0)).context("no port can be listened at")?;
    Ok(socket.local_addr()?.port())
}
