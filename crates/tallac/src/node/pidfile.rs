//! `running.process`: which process runs a node directory (specification section 9.3).
//!
//! It holds the process's id and the time at which it began, so that another process that was given
//! the same id later is not taken for the node.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;

/// Two programs that compute the start of one process from the clock differ by less than this.
const SAME_START_S: f64 = 2.0;

/// The claim of this process on a node directory; given up when it is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Claims the node directory for this process.
    ///
    /// # Errors
    /// When a process that still runs has claimed it, or the file cannot be written.
    pub(crate) fn claim(directory: &Path) -> Result<Self> {
        let path = directory.join("running.process");
        let lock_path = directory.join("running.process.lock");
        let lock = File::create(&lock_path);
        let lock = lock.with_context(|| format!("cannot write {}", lock_path.display()))?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another process is just starting in {}; try again", directory.display());
        }
        if let Some(pid) = live_owner(&path) {
            bail!(
                "a node is running in {} already: it is process {pid}. Stop it first, or start \
                 another node directory.",
                directory.display()
            );
        }
        let pid = std::process::id();
        let started = start_of(pid).unwrap_or_default();
        let mut file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(file, "{pid} {started}")?;
        Ok(Self { path })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The process that runs a node directory, if one does.
pub(crate) fn owner(directory: &Path) -> Option<u32> {
    live_owner(&directory.join("running.process"))
}

/// The process that a file names, if it is still the same one.
fn live_owner(path: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut words = text.split_whitespace();
    let pid: u32 = words.next()?.parse().ok()?;
    let noted: f64 = words.next()?.parse().ok()?;
    let started = start_of(pid)?;
    (pid != std::process::id() && (started - noted).abs() < SAME_START_S).then_some(pid)
}

/// When a process began, in seconds since the epoch; `None` when there is none.
fn start_of(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the start is the 22nd field, in clock ticks.
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = system.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a tick rate is small")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some(boot + ticks / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_owner_is_respected_and_a_dead_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("running.process");
        // Process 1 runs, and is not this one.
        let started = start_of(1).unwrap();
        std::fs::write(&path, format!("1 {started}\n")).unwrap();
        let error = PidFile::claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains("it is process 1"), "{error}");
        // The same id with another start is another process.
        std::fs::write(&path, format!("1 {}\n", started - 1000.0)).unwrap();
        let claim = PidFile::claim(dir.path()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("{} ", std::process::id())), "{text}");
        drop(claim);
        assert!(!path.exists());
    }
}
