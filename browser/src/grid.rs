//! A grid of our own nodes as one process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A grid and its process. Dropped, it is stopped.
#[derive(Debug)]
pub struct TestGrid {
    tallac: PathBuf,
    dir: PathBuf,
    /// Where the gateway's web API is.
    url: String,
    running: Option<Child>,
}

impl Drop for TestGrid {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
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
        let url = url.trim_end_matches('/').to_owned();
        let mut grid = Self { tallac: tallac.to_owned(), dir, url, running: None };
        grid.resume()?;
        Ok(grid)
    }

    /// Runs it again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&mut self) -> Result<()> {
        let mut child = Command::new(&self.tallac)
            .args(["grid", "run"])
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
        let is_up = lines.any(|line| line.is_ok_and(|line| line.contains("running")));
        self.running = Some(child);
        if !is_up {
            bail!("the grid in {} did not start", self.dir.display());
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(())
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.running.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The address of something on it.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The directory that all nodes are in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What a program gets to a request, with its status.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let mut answer = match method {
            "PUT" => agent.put(self.at(path)).send(body)?,
            "POST" => agent.post(self.at(path)).send(body)?,
            _ => agent.get(self.at(path)).call()?,
        };
        let content = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok((answer.status().as_u16(), content))
    }

    /// The text of an answer that must be a good one.
    ///
    /// # Errors
    /// When it is not.
    pub fn text(&self, method: &str, path: &str, body: &[u8]) -> Result<String> {
        let (status, text) = self.ask(method, path, body)?;
        let text = String::from_utf8(text)?;
        ensure!(status < 300, "{method}: {status}: {text}");
        Ok(text)
    }

    /// A new folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> Result<String> {
        self.text("POST", "/uri?t=mkdir", b"")
    }

    /// A new file in a folder.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn put(&self, folder: &str, name: &str, content: &[u8]) -> Result<String> {
        self.text("PUT", &format!("/uri/{folder}/{name}"), content)
    }

    /// The page of something.
    #[must_use]
    pub fn page(&self, cap: &str, path: &str) -> String {
        self.at(&format!("/ui/open/{}/{path}", cap.replace(':', "%3A")))
    }
}
