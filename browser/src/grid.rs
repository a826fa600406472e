//! A grid of our own nodes as one process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use interop::{Process, Web};
use serde_json::Value;

/// A grid and its process. Dropped, it is stopped.
#[derive(Debug)]
pub struct TestGrid {
    tallac: PathBuf,
    dir: PathBuf,
    /// The gateway's web API.
    web: Web,
    running: Option<Process>,
}

impl TestGrid {
    /// Makes a grid of so many servers and runs it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(tallac: &Path, dir: PathBuf, servers: u16) -> Result<Self> {
        let made = Command::new(tallac)
            .args(["grid", "create", "--json", "--servers", &servers.to_string()])
            .arg(&dir)
            .output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout)?;
        let url = made["url"].as_str().context("a grid has an address")?;
        let web = Web::new(url.trim_end_matches('/').to_owned());
        let mut grid = Self { tallac: tallac.to_owned(), dir, web, running: None };
        grid.resume()?;
        Ok(grid)
    }

    /// Runs it again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(&self.tallac);
        command.args(["grid", "run"]).arg(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        let mut lines = BufReader::new(process.stdout.take().context("it has an output")?).lines();
        if !lines.any(|line| line.is_ok_and(|line| line.contains("running"))) {
            bail!("the grid in {} did not start", self.dir.display());
        }
        self.running = Some(process);
        std::thread::spawn(move || lines.for_each(drop));
        Ok(())
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.running.take().map(drop).context("it does not run")
    }

    /// The gateway's web API.
    #[must_use]
    pub const fn web(&self) -> &Web {
        &self.web
    }

    /// The address of something on it.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.web.base())
    }

    /// The directory that all nodes are in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> Result<String> {
        self.web.call("POST", "/uri?t=mkdir", b"")
    }

    /// A new file in a folder.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn put(&self, folder: &str, name: &str, content: &[u8]) -> Result<String> {
        self.web.call("PUT", &format!("/uri/{folder}/{name}"), content)
    }

    /// The page of something.
    #[must_use]
    pub fn page(&self, cap: &str, path: &str) -> String {
        self.at(&format!("/ui/open/{}/{path}", cap.replace(':', "%3A")))
    }
}
