//! The options of commands that make nodes, and which of them go together.

use std::path::PathBuf;

use clap::Args;
use wormhole::{Code, CodeError};

use super::super::{Globals, UsageError};
use super::one_directory;
use super::reach::{Reach, ReachArgs};
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

/// Space that a new storage server leaves free.
const RESERVED_SPACE: &str = "1G";

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
        let has_web = !self.webport.is_empty() && !self.webport.eq_ignore_ascii_case("none");
        Ok(Settings {
            nickname: one_line("nickname", self.nickname)?,
            introducer: self.introducer.map(|furl| one_line("introducer", furl)).transpose()?,
            web_port: if has_web { one_line("webport", self.webport)? } else { String::new() },
            reach: Reach { hide_ip: self.hide_ip, ..Reach::disabled() },
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
    /// What to tell the node, save how it is reached, which is still to be settled.
    pub(super) fn into_settings(self) -> Result<(Settings, ReachArgs), UsageError> {
        let settings = self.client.into_settings()?;
        self.reach.check()?;
        let storage_dir = self.storage_dir.map(|dir| one_line("storage-dir", dir)).transpose()?;
        let settings =
            Settings { storage: !self.no_storage, storage_dir, helper: self.helper, ..settings };
        Ok((settings, self.reach))
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

    /// How it is reached, which is still to be settled, and whether nobody may learn this
    /// machine's address.
    pub(super) fn into_reach(self) -> Result<(ReachArgs, bool), UsageError> {
        self.reach.check()?;
        Ok((self.reach, self.hide_ip))
    }
}

/// A value that does not make two lines of its file.
pub(super) fn one_line(option: &str, value: String) -> Result<String, UsageError> {
    if value.chars().any(char::is_control) {
        return Err(UsageError::new(format!("--{option} cannot have control characters in it")));
    }
    Ok(value)
}
