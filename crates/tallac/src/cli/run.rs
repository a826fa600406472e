//! `run`: runs a node until it is told to stop (section 9.3).

mod exit_trigger;
mod twistd;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::exit_trigger::ExitTrigger;
use self::twistd::Twistd;
use super::Globals;
use super::create_node::one_directory;
use super::program;
use super::remote::fail;
use crate::config::{IntroducerConfig, NodeConfig, NodeDirectory, NodeKind};
use crate::node::Node;

/// Run a node until Ctrl-C.
///
/// On SIGHUP, it reads its files anew, and takes from them what can change while it runs.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Node directory, instead of the one of --node-directory
    nodedir: Option<PathBuf>,
    /// The same
    #[arg(short = 'C', long, value_name = "NODEDIR")]
    basedir: Option<PathBuf>,
    /// Go on when standard input is closed
    #[arg(long)]
    allow_stdin_close: bool,
    /// After NODEDIR, options of twistd: --logfile, --umask and --pidfile are followed
    #[arg(value_name = "TWISTD-OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    twistd: Vec<OsString>,
}

impl RunArgs {
    /// Where the log is to go, in place of standard error.
    pub(super) fn log_file(&self) -> Option<PathBuf> {
        // What is wrong with the options is told when the command runs.
        Twistd::parse(&self.twistd).ok()?.log_file
    }
}

/// Runs the command.
pub(super) async fn run(args: RunArgs, globals: &Globals) -> Result<ExitCode> {
    let directory = one_directory(args.nodedir.as_ref(), args.basedir.as_ref(), globals)?;
    let _ = globals.say(format!("'{} run' in '{}'", program::name(), directory.display()));
    let twistd = match prepare(&args, &directory) {
        Ok(twistd) => twistd,
        Err(message) => return Ok(fail(1, message)),
    };
    let kind = NodeDirectory::new(&directory)?.kind();
    // Whether somebody reads what is said is not what the node depends on.
    let starts = || {
        let _ = globals.say(format!("running node in '{}'", directory.display()));
    };
    let node = match kind {
        Some(NodeKind::Client) => {
            let config = NodeConfig::load(&directory)?;
            starts();
            Node::start(config).await?
        }
        Some(NodeKind::Introducer) => {
            let config = IntroducerConfig::load(&directory)?;
            starts();
            Node::start_introducer(config).await?
        }
        None => bail!(
            "'{}' is not a recognizable node directory: there is no tahoe-client.tac in it. Make \
             one with '{program} create-node', '{program} create-client' or '{program} \
             create-introducer'.",
            directory.display(),
            program = program::name()
        ),
    };
    // Before it is said that the node runs: whoever reads that may ask it to stop at once.
    let mut stop = StopSignals::listen()?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let trigger = ExitTrigger::find(&directory);
    let pid_file = twistd.pid_file.map(|name| directory.join(name));
    if let Some(path) = &pid_file {
        write_pid(path)?;
    }
    if let Some(url) = node.web_url() {
        let _ = globals.say(format!("web API at {url}"));
    }
    let runs = if node.grid().is_some() { "client running" } else { "introducer running" };
    let _ = globals.say(runs);
    let reloads = async {
        while hang_up.recv().await.is_some() {
            node.reload().await;
        }
    };
    let failure = tokio::select! {
        reason = node.failed() => Some(reason),
        () = stop.wait() => None,
        () = trigger.wait() => None,
        () = reloads => None,
        () = stdin_closed(), if !args.allow_stdin_close && !twistd.allow_stdin_close => None,
    };
    node.stop().await;
    if let Some(path) = &pid_file {
        let _ = fs::remove_file(path);
    }
    match failure {
        Some(reason) => bail!("the node stopped: {reason}"),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Reads the options of twistd, and sets what holds for the whole process.
fn prepare(args: &RunArgs, directory: &Path) -> Result<Twistd, String> {
    let twistd = Twistd::parse(&args.twistd)
        .map_err(|error| format!("{} run: usage error from twistd: {error}", program::name()))?;
    if !directory.is_dir() {
        return Err(format!("'{}' does not look like a directory at all", directory.display()));
    }
    if let Some(umask) = twistd.umask {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
    }
    Ok(twistd)
}

/// Leaves the process's id in a file that somebody asked for.
fn write_pid(path: &Path) -> Result<()> {
    fs::write(path, std::process::id().to_string())
        .with_context(|| format!("cannot write the --pidfile {}", path.display()))
}

/// Waits for Ctrl-C, or for somebody to end the process in an orderly way.
pub(super) async fn stop_asked_for() -> Result<()> {
    StopSignals::listen()?.wait().await;
    Ok(())
}

/// The signals that ask a process to stop; once they are listened to, they no longer end it.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    /// Waits for one of them.
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits until standard input ends: whoever started the node is gone.
async fn stdin_closed() {
    let mut ignored = [0; 256];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut ignored).await, Ok(1..)) {}
}
