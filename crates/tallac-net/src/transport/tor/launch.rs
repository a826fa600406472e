//! A Tor of our own, which ends when the node does.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Control, TorError};
use crate::transport::Endpoint;

/// How long Tor may take to open its control port.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether it has.
const START_POLL: Duration = Duration::from_millis(100);

/// How long Tor may take to end once it was told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest line of Tor's that is logged, in bytes.
const LOG_LINE_LEN_MAX: u64 = 1024;

/// What Tor is launched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program; `tor`, as the shell finds it, if there is none.
    pub executable: Option<PathBuf>,
    /// The node's private directory: Tor keeps what it knows in `tor-statedir`, and is controlled
    /// at `tor.control`.
    pub private: PathBuf,
}

/// A Tor that runs.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    /// The connection that it is controlled by, and that it ends with.
    pub control: Control,
    /// Where it takes connections.
    pub socks: Endpoint,
}

impl Launch {
    /// Launches Tor, and waits until it can be controlled. It may take a while longer until it is
    /// connected to its network; connections wait for that.
    ///
    /// # Errors
    /// Why there is no Tor.
    pub async fn start(&self) -> Result<Launched, TorError> {
        let failed = |problem: String| TorError::Launch(problem);
        let control = Endpoint::unix(self.private.join("tor.control")).map_err(|error| {
            failed(format!("its control socket in {}: {error}", self.private.display()))
        })?;
        let state = self.private.join("tor-statedir");
        let mut make = tokio::fs::DirBuilder::new();
        make.mode(0o700).recursive(true).create(&state).await?;
        // One of a Tor that was killed would seem to be there already.
        match tokio::fs::remove_file(self.private.join("tor.control")).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let program = self.executable.as_deref().unwrap_or(Path::new("tor"));
        let mut child = self.command(program, &state).spawn().map_err(|error| {
            failed(format!(
                "{}: {error}. Install Tor, or set tor.executable to where it is",
                program.display()
            ))
        })?;
        log_lines(child.stdout.take());
        log_lines(child.stderr.take());
        let start = tokio::time::timeout(START_TIMEOUT, attach(&mut child, &control));
        let (control, socks) =
            start.await.unwrap_or_else(|_| Err(failed("it opens no control port".to_owned())))?;
        Ok(Launched { child, control, socks })
    }

    fn command(&self, program: &Path, state: &Path) -> Command {
        let mut command = Command::new(program);
        // No settings but these and those that somebody may have put there, whatever the machine's
        // own Tor has.
        command.arg("-f").arg(state.join("torrc")).arg("--ignore-missing-torrc");
        command.arg("--defaults-torrc").arg(state.join("torrc-defaults"));
        command.arg("--DataDirectory").arg(state);
        let control = self.private.join("tor.control");
        let mut port = std::ffi::OsString::from("unix:");
        port.push(control);
        command.arg("--ControlPort").arg(port);
        command.args(["--CookieAuthentication", "1", "--SocksPort", "auto"]);
        // Should this process be killed, Tor notices and ends.
        command.arg("--__OwningControllerProcess").arg(std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }
}

impl Launched {
    /// Its process, and the connection that controls it.
    pub(super) const fn parts(&mut self) -> (&mut Child, &mut Control) {
        (&mut self.child, &mut self.control)
    }

    /// Ends Tor, and waits until it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub async fn stop(self) -> io::Result<ExitStatus> {
        let Self { mut child, control, .. } = self;
        // Which it owns it ends with.
        drop(control);
        if let Ok(ended) = tokio::time::timeout(STOP_TIMEOUT, child.wait()).await {
            return ended;
        }
        child.start_kill()?;
        child.wait().await
    }
}

/// Waits until Tor ends by itself.
pub(super) async fn ended(child: &mut Child) -> TorError {
    match child.wait().await {
        Ok(status) => TorError::Ended(status.to_string()),
        Err(error) => TorError::Io(error),
    }
}

/// Takes control of a Tor that is starting.
async fn attach(child: &mut Child, control: &Endpoint) -> Result<(Control, Endpoint), TorError> {
    let mut poll = tokio::time::interval(START_POLL);
    let mut control = loop {
        poll.tick().await;
        if let Some(status) = child.try_wait()? {
            let problem = format!("it ended at once ({status}); its last lines are in the log");
            return Err(TorError::Launch(problem));
        }
        match Control::connect(control).await {
            Ok(control) => break control,
            // Its port opens before its cookie is written.
            Err(TorError::Unreachable { .. } | TorError::Cookie { .. }) => {}
            Err(error) => return Err(error),
        }
    };
    control.take_ownership().await?;
    let socks = control.socks_port().await?;
    Ok((control, socks))
}

/// Logs what Tor prints, until it ends.
fn log_lines(output: Option<impl AsyncRead + Send + Unpin + 'static>) {
    let Some(output) = output else { return };
    tokio::spawn(async move {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut output).take(LOG_LINE_LEN_MAX).read_until(b'\n', &mut line).await;
            match read {
                Ok(1..) => {
                    let text = String::from_utf8_lossy(line.trim_ascii_end());
                    match text.contains("[warn]") || text.contains("[err]") {
                        true => tracing::warn!("Tor: {text}"),
                        false => tracing::debug!("Tor: {text}"),
                    }
                }
                _ => return,
            }
        }
    });
}
