//! `tallac create-node`, `create-client` and `create-introducer`: make a node's directory (sections
//! 9.2 and 10.3).

mod join;
mod options;
mod reach;
mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use wormhole::Code;

use super::quote::quoted_path;
use super::{Globals, UsageError};
use crate::config::{CONFIG_FILE, NodeDirectory, NodeKind};
use crate::files::{self, Access, FileError};

pub(super) use options::{ClientArgs, IntroducerArgs, NodeArgs};
pub(crate) use reach::Reach;
use reach::ReachArgs;
pub(crate) use template::{NodeSettings, Settings, Shares};
use template::{introducers_yaml, node_cfg, tahoe_cfg};

/// What is in the file whose name tells a node's kind: whoever would run it is told not to.
const MARKER_TEXT: &str = "\
# The name of this file tells what kind of node this is. Nothing reads what is in it.
import sys
sys.exit(\"This node is not run by twistd: use `tahoe run` or `tallac run`.\")
";

/// The exit status when there is something in the directory already.
const NOT_EMPTY: u8 = 255;

pub(super) async fn node(args: NodeArgs, globals: &Globals) -> anyhow::Result<ExitCode> {
    let directory = args.client.directory(globals)?;
    let code = args.client.invite_code()?;
    let (settings, reach) = args.into_settings()?;
    create(&directory, settings, Some(&reach), code, globals).await
}

pub(super) async fn client(args: ClientArgs, globals: &Globals) -> anyhow::Result<ExitCode> {
    let directory = args.directory(globals)?;
    let code = args.invite_code()?;
    create(&directory, args.into_settings()?, None, code, globals).await
}

pub(super) async fn introducer(
    args: IntroducerArgs,
    globals: &Globals,
) -> anyhow::Result<ExitCode> {
    let directory = NodeDirectory::new(&args.directory(globals)?)?;
    let (reach, hide_ip) = args.into_reach()?;
    if refuses_full(&directory)? {
        return Ok(ExitCode::from(NOT_EMPTY));
    }
    let reach = settle(&reach, hide_ip, &directory, globals).await?;
    let settings = NodeSettings { nickname: "", web_port: "", reach: &reach };
    make_introducer(&directory, settings)?;
    globals.say(format!("Introducer created in {}", quoted_path(directory.path())))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a node as it is told, and as the inviter wants it, if there is an invite code.
async fn create(
    path: &Path,
    mut settings: Settings,
    reach: Option<&ReachArgs>,
    code: Option<Code>,
    globals: &Globals,
) -> anyhow::Result<ExitCode> {
    let directory = NodeDirectory::new(path)?;
    if refuses_full(&directory)? {
        return Ok(ExitCode::from(NOT_EMPTY));
    }
    if let Some(code) = code {
        settings = join::join(code, settings, globals).await?;
    }
    if let Some(reach) = reach {
        settings.reach = settle(reach, settings.reach.hide_ip, &directory, globals).await?;
    }
    let config = directory.file(CONFIG_FILE);
    make(&directory, &settings)?;
    announce(&directory, &config, &settings, globals)?;
    Ok(ExitCode::SUCCESS)
}

/// Settles how a new node is reached. If that fails, nothing is left in its directory.
async fn settle(
    reach: &ReachArgs,
    hide_ip: bool,
    directory: &NodeDirectory,
    globals: &Globals,
) -> anyhow::Result<Reach> {
    let existed = directory.path().exists();
    match reach.settle(directory, globals).await {
        Ok(reach) => {
            let reach = Reach { hide_ip, ..reach };
            if hide_ip && reach.tub_location.split(',').any(|hint| hint.starts_with("tcp:")) {
                globals.note(
                    "With --hide-ip, the node will not start: its tub.location includes a tcp: \
                     hint. Use --listen=tor, --listen=i2p or --listen=none.",
                );
            }
            Ok(reach)
        }
        Err(error) => {
            // What a Tor of the node's own left; the error that counts is the first one.
            let _ = fs::remove_dir_all(directory.private(""));
            if !existed {
                let _ = fs::remove_dir(directory.path());
            }
            Err(error)
        }
    }
}

/// Whether there is something in the directory already; says so.
fn refuses_full(directory: &NodeDirectory) -> anyhow::Result<bool> {
    let is_empty = is_empty(directory.path())?;
    if !is_empty {
        eprintln!("The base directory {} is not empty.", quoted_path(directory.path()));
        eprintln!("To avoid clobbering anything, I am going to quit now.");
        eprintln!("Please use a different directory, or empty this one.");
    }
    Ok(!is_empty)
}

/// Makes the files of a new introducer, in a directory that is empty or not there.
///
/// # Errors
/// When one of them cannot be written.
pub(crate) fn make_introducer(
    directory: &NodeDirectory,
    settings: NodeSettings<'_>,
) -> Result<(), FileError> {
    files::make_dir(directory.path(), Access::Umask)?;
    files::write(&directory.file(NodeKind::Introducer.marker()), MARKER_TEXT, Access::Umask)?;
    directory.make_private()?;
    write_keys(directory, settings.reach)?;
    files::write(&directory.file(CONFIG_FILE), &node_cfg(settings), Access::Umask)
}

/// Makes the files of a new node, in a directory that is empty or not there.
///
/// # Errors
/// When one of them cannot be written.
pub(crate) fn make(directory: &NodeDirectory, settings: &Settings) -> Result<(), FileError> {
    files::make_dir(directory.path(), Access::Umask)?;
    files::write(&directory.file(NodeKind::Client.marker()), MARKER_TEXT, Access::Umask)?;
    directory.make_private()?;
    write_keys(directory, &settings.reach)?;
    if let Some(furl) = &settings.introducer {
        let file = directory.private("introducers.yaml");
        files::write(&file, &introducers_yaml(furl), Access::Private)?;
    }
    // Last: with it the directory is a node.
    files::write(&directory.file(CONFIG_FILE), &tahoe_cfg(settings), Access::Umask)?;
    Ok(())
}

/// Keeps the keys of a node's addresses.
fn write_keys(directory: &NodeDirectory, reach: &Reach) -> Result<(), FileError> {
    for (name, key) in &reach.keys {
        files::write(&directory.private(name), key, Access::Private)?;
    }
    Ok(())
}

fn announce(
    directory: &NodeDirectory,
    config: &Path,
    settings: &Settings,
    globals: &Globals,
) -> anyhow::Result<()> {
    globals.say(format!("Node created in {}", quoted_path(directory.path())))?;
    if settings.introducer.is_none() {
        let file = quoted_path(&directory.private("introducers.yaml"));
        globals.say(format!(" Please add introducers to {file}!"))?;
        globals.say(" The node cannot connect to a grid without it.")?;
    }
    if settings.nickname.is_empty() {
        globals.say(format!(" Please set [node]nickname= in {}", quoted_path(config)))?;
    }
    Ok(())
}

/// Whether there is nothing at that path, or a directory with nothing in it.
pub(crate) fn is_empty(path: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot look into {}", path.display())),
    }
}

/// The node directory that a command is told of in one of three ways.
pub(super) fn one_directory(
    argument: Option<&PathBuf>,
    basedir: Option<&PathBuf>,
    globals: &Globals,
) -> Result<PathBuf, UsageError> {
    let clash = |message| Err(UsageError::new(message));
    match (&globals.node_directory, basedir, argument) {
        (Some(_), Some(_), _) => {
            clash("The --node-directory (or -d) and --basedir (or -C) options cannot both be used.")
        }
        (Some(_), _, Some(_)) => {
            clash("The --node-directory (or -d) option and a basedir argument cannot both be used.")
        }
        (_, Some(_), Some(_)) => {
            clash("The --basedir (or -C) option and a basedir argument cannot both be used.")
        }
        (_, basedir, argument) => {
            Ok(basedir.or(argument).cloned().unwrap_or_else(|| globals.directory()))
        }
    }
}
