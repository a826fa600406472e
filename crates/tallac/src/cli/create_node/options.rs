//! The options of commands that make nodes, and which of them go together.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use wormhole::{Code, CodeError};

use super::super::{Globals, UsageError};
use super::one_directory;
use super::template::{Settings, Shares};

/// Make a client node, which keeps nothing for others
#[derive(Debug, Args)]
pub(in crate::cli) struct ClientArgs {
    /// Directory to make the node in [default: ~/.tahoe]
    #[arg(value_name = "NODEDIR")]
    node: Option<PathBuf>,
    /// Directory to make the node in, another way to give it
    #[arg(short = 'C', long, value_name = "DIR")]
    basedir: Option<PathBuf>,
    /// What to call the node
    #[arg(short, long, value_name = "NAME", default_value = "", hide_default_value = true)]
    nickname: String,
    /// Address of the grid's introducer
    #[arg(short, long, value_name = "FURL")]
    introducer: Option<String>,
    /// Where the web server listens; none for no web server
    #[arg(short = 'p', long, default_value = "tcp:3456:interface=127.0.0.1")]
    webport: String,
    /// Refuse whatever would reveal this machine's address
    #[arg(long)]
    hide_ip: bool,
    /// Join a grid with an invite code
    #[arg(long, value_name = "CODE")]
    join: Option<String>,
    /// How many shares make up a file
    #[arg(long, value_name = "K", default_value = "3")]
    shares_needed: String,
    /// On how many servers a file's shares must be
    #[arg(long, value_name = "H", default_value = "7")]
    shares_happy: String,
    /// How many shares are made of a file
    #[arg(long, value_name = "N", default_value = "10")]
    shares_total: String,
}

/// Make a node that is a client, a storage server, or both
#[derive(Debug, Args)]
pub(in crate::cli) struct NodeArgs {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    #[command(flatten)]
    reach: ReachArgs,
    /// Keep nothing for others
    #[arg(long)]
    no_storage: bool,
    /// Where to keep what is stored [default: storage, in the node's directory]
    #[arg(long, value_name = "DIR")]
    storage_dir: Option<String>,
    /// Upload files on behalf of other clients
    #[arg(long)]
    helper: bool,
}

/// Make an introducer, where the nodes of a grid find each other
#[derive(Debug, Args)]
pub(in crate::cli) struct IntroducerArgs {
    /// Directory to make the introducer in
    #[arg(value_name = "NODEDIR")]
    node: Option<PathBuf>,
    /// Directory to make the introducer in, another way to give it
    #[arg(short = 'C', long, value_name = "DIR")]
    basedir: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachArgs,
    /// Refuse whatever would reveal this machine's address
    #[arg(long)]
    hide_ip: bool,
}

/// How others reach a node.
#[derive(Debug, Args)]
struct ReachArgs {
    /// Name or address of this machine, by which others reach it; a port is chosen
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// Kinds of listener, separated by commas: tcp, tor, i2p, none
    #[arg(long, value_name = "KINDS", default_value = "tcp")]
    listen: String,
    /// Where to listen, like tcp:3457; goes with --location
    #[arg(long, value_name = "ENDPOINT")]
    port: Option<String>,
    /// Where others reach the node, like tcp:example.org:3457; goes with --port
    #[arg(long, value_name = "HINTS")]
    location: Option<String>,
    /// Launch a Tor of our own (not in this version)
    #[arg(long)]
    tor_launch: bool,
    /// The program to launch as Tor (not in this version)
    #[arg(long, value_name = "PROGRAM")]
    tor_executable: Option<String>,
    /// Where Tor is controlled (not in this version)
    #[arg(long, value_name = "ENDPOINT")]
    tor_control_port: Option<String>,
    /// Launch an I2P router of our own (not in this version)
    #[arg(long)]
    i2p_launch: bool,
    /// The program to launch as I2P router (not in this version)
    #[arg(long, value_name = "PROGRAM")]
    i2p_executable: Option<String>,
    /// Where I2P's SAM listens (not in this version)
    #[arg(long, value_name = "ENDPOINT")]
    i2p_sam_port: Option<String>,
}

/// Space that a new storage server leaves free.
const RESERVED_SPACE: &str = "1G";

/// The word for a tub that does not listen.
const DISABLED: &str = "disabled";

impl ClientArgs {
    /// Where to make the node.
    pub(super) fn directory(&self, globals: &Globals) -> Result<PathBuf, UsageError> {
        one_directory(self.node.as_ref(), self.basedir.as_ref(), globals)
    }

    /// The code of the invitation, if there is one.
    pub(super) fn invite_code(&self) -> Result<Option<Code>, UsageError> {
        let code = self.join.as_ref().map(|code| code.parse());
        code.transpose().map_err(|error: CodeError| UsageError::new(format!("--join: {error}")))
    }

    /// What to tell a node that keeps nothing and that nobody reaches.
    pub(super) fn into_settings(self) -> Result<Settings, UsageError> {
        let shares = self.shares()?;
        if self.hide_ip {
            return Err(hide_ip_needs_listener());
        }
        let has_web = !self.webport.is_empty() && !self.webport.eq_ignore_ascii_case("none");
        Ok(Settings {
            nickname: one_line("nickname", self.nickname)?,
            introducer: self.introducer.map(|furl| one_line("introducer", furl)).transpose()?,
            web_port: if has_web { one_line("webport", self.webport)? } else { String::new() },
            tub_port: DISABLED.to_owned(),
            tub_location: DISABLED.to_owned(),
            shares,
            storage: false,
            storage_dir: None,
            reserved_space: RESERVED_SPACE,
            helper: false,
        })
    }

    fn shares(&self) -> Result<Shares, UsageError> {
        Shares::parse([&self.shares_needed, &self.shares_happy, &self.shares_total])
    }
}

impl Shares {
    /// The three numbers: needed, happy, total.
    pub(in crate::cli) fn parse(texts: [&str; 3]) -> Result<Self, UsageError> {
        let number = |name: &str, text: &str| {
            let number: i128 = text
                .trim()
                .parse()
                .map_err(|_| UsageError::new(format!("--shares-{name} must be an integer")))?;
            let fits = u16::try_from(number).ok().filter(|number| (1..=256).contains(number));
            fits.ok_or_else(|| UsageError::new(format!("--shares-{name} must be from 1 to 256")))
        };
        let needed = number("needed", texts[0])?;
        let happy = number("happy", texts[1])?;
        let total = number("total", texts[2])?;
        if needed > total || happy > total {
            return Err(UsageError::new(format!(
                "--shares-needed ({needed}) and --shares-happy ({happy}) cannot be more than \
                 --shares-total ({total})"
            )));
        }
        Ok(Self { needed, happy, total })
    }
}

impl NodeArgs {
    /// What to tell the node.
    pub(super) fn into_settings(self) -> anyhow::Result<Settings> {
        let settings = self.client.into_settings()?;
        self.reach.check()?;
        let (tub_port, tub_location) = self.reach.tub()?;
        let storage_dir = self.storage_dir.map(|dir| one_line("storage-dir", dir)).transpose()?;
        Ok(Settings {
            tub_port,
            tub_location,
            storage: !self.no_storage,
            storage_dir,
            helper: self.helper,
            ..settings
        })
    }
}

impl IntroducerArgs {
    /// Where to make the introducer.
    pub(super) fn directory(&self, globals: &Globals) -> Result<PathBuf, UsageError> {
        let all = [&self.node, &self.basedir, &globals.node_directory];
        if all.iter().all(|path| path.is_none()) {
            return Err(UsageError::new(
                "No default basedir available, you must provide one with --node-directory, \
                 --basedir, or a basedir argument",
            ));
        }
        one_directory(self.node.as_ref(), self.basedir.as_ref(), globals)
    }

    /// Where it is to listen, and where others reach it.
    pub(super) fn into_tub(self) -> anyhow::Result<(String, String)> {
        if self.hide_ip {
            return Err(hide_ip_needs_listener().into());
        }
        self.reach.check()?;
        self.reach.tub()
    }
}

impl ReachArgs {
    /// Refuses what does not go together.
    fn check(&self) -> Result<(), UsageError> {
        let wrong = |message: &str| Err(UsageError::new(message));
        let is_none = self.listen == "none";
        let (port, location) = (self.port.is_some(), self.location.is_some());
        let hostname = self.hostname.is_some();
        match (port, location) {
            _ if is_none && hostname => wrong("--hostname cannot be used when --listen=none"),
            _ if is_none && (port || location) => {
                wrong("--port/--location cannot be used when --listen=none")
            }
            (false, true) => wrong("--location must be used with --port"),
            (true, false) => wrong("--port must be used with --location"),
            (true, true) if hostname => wrong("--hostname cannot be used with --location/--port"),
            _ => Ok(()),
        }?;
        let kinds: Vec<_> = self.listen.split(',').collect();
        if !kinds.iter().all(|kind| ["i2p", "none", "tcp", "tor"].contains(kind)) {
            return wrong("--listen= must be one/some of: i2p, none, tcp, tor");
        }
        let has_tcp = kinds.contains(&"tcp");
        if has_tcp && !port && !hostname {
            return wrong("--listen=tcp requires --hostname=");
        }
        if !has_tcp && hostname {
            return wrong("--listen= must be tcp to use --hostname");
        }
        self.check_networks(&kinds)
    }

    fn check_networks(&self, kinds: &[&str]) -> Result<(), UsageError> {
        let needs = [
            (self.tor_launch, "--tor-launch", "tor"),
            (self.tor_control_port.is_some(), "--tor-control-port=", "tor"),
            (self.i2p_launch, "--i2p-launch", "i2p"),
            (self.i2p_sam_port.is_some(), "--i2p-sam-port=", "i2p"),
        ];
        for (is_given, option, kind) in needs {
            if is_given && !kinds.contains(&kind) {
                return Err(UsageError::new(format!("{option} requires --listen={kind}")));
            }
        }
        if kinds.contains(&"tor") || kinds.contains(&"i2p") {
            return Err(UsageError::new("listening on Tor and I2P comes with a later version"));
        }
        Ok(())
    }

    /// Where to listen, and where others reach the node.
    fn tub(self) -> anyhow::Result<(String, String)> {
        if self.listen.split(',').any(|kind| kind == "none") {
            return Ok((DISABLED.to_owned(), DISABLED.to_owned()));
        }
        if let (Some(port), Some(location)) = (self.port, self.location) {
            return Ok((one_line("port", port)?, one_line("location", location)?));
        }
        let port = free_port()?;
        let hostname = one_line("hostname", self.hostname.unwrap_or_default())?;
        Ok((format!("tcp:{port}"), format!("tcp:{hostname}:{port}")))
    }
}

fn hide_ip_needs_listener() -> UsageError {
    UsageError::new(
        "--hide-ip was specified but no IP-hiding listener is installed: Tor and I2P come with a \
         later version",
    )
}

/// A port that nothing listens on now.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.context("cannot find a free port: give --port and --location")?.port())
}

/// A value that does not make two lines of its file.
pub(super) fn one_line(option: &str, value: String) -> Result<String, UsageError> {
    if value.chars().any(char::is_control) {
        return Err(UsageError::new(format!("--{option} cannot have control characters in it")));
    }
    Ok(value)
}
