//! The putting of files and directories.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::database::{Database, DirHash, Known, Stat};
use super::tell;
use super::walk::{Item, Kind, Walk};
use crate::cli::Globals;
use crate::cli::local_file;
use crate::cli::location::Location;
use crate::cli::quote::{plain, quoted, quoted_path};
use crate::cli::remote::Remote;
use crate::cli::web_client::Unreachable;
use crate::progress::Transfers;

/// Files and directories that are put at once.
const PARALLEL: usize = 8;

/// Failures after which nothing more is tried.
const FAILURES_MAX: u64 = 20;

/// How many of each there were.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) files_created: u64,
    pub(super) files_reused: u64,
    pub(super) files_skipped: u64,
    pub(super) files_checked: u64,
    pub(super) directories_created: u64,
    pub(super) directories_reused: u64,
    pub(super) directories_skipped: u64,
    pub(super) directories_checked: u64,
    pub(super) failed: u64,
}

impl Counts {
    /// Files and directories that were dealt with.
    const fn done(&self) -> u64 {
        let files = self.files_created + self.files_reused + self.files_skipped;
        let directories = self.directories_created + self.directories_reused;
        files + directories + self.directories_skipped
    }
}

/// A backup under way.
pub(super) struct Backup<'a> {
    pub(super) remote: &'a Remote,
    pub(super) database: &'a Database,
    pub(super) globals: &'a Globals,
    pub(super) use_timestamps: bool,
    pub(super) verbose: bool,
    /// A line for each item, as Tahoe; else a progress bar.
    pub(super) show_lines: bool,
    pub(super) start: Instant,
}

/// What became of an item.
enum Outcome {
    /// It is on the grid.
    There {
        cap: String,
        metadata: Facts,
        is_new: bool,
        was_checked: bool,
    },
    /// It cannot be read.
    Unreadable,
    Failed(anyhow::Error),
}

/// What is kept of a local file's or directory's own data.
#[derive(Serialize)]
struct Facts {
    ctime: f64,
    mtime: f64,
    st_mode: u32,
    st_ino: u64,
    st_dev: u64,
    st_uid: u32,
    st_gid: u32,
}

/// Something in a directory, as the web API takes it.
#[derive(Serialize)]
struct Child(&'static str, ChildFacts);

#[derive(Serialize)]
struct ChildFacts {
    ro_uri: String,
    metadata: Facts,
}

/// A directory that waits for what is in it.
#[derive(Default)]
struct Waiting {
    left: usize,
    children: BTreeMap<String, Child>,
    /// Something in it could not be put: it cannot be, either.
    is_broken: bool,
}

impl Backup<'_> {
    /// Puts all that was found: the cap of the root, if all is there, and the numbers.
    pub(super) async fn run(&self, walk: &Walk) -> Result<(Option<String>, Counts)> {
        let mut counts = Counts {
            files_skipped: walk.files_skipped,
            directories_skipped: walk.directories_skipped,
            ..Counts::default()
        };
        let total = walk.items.len() as u64 + counts.files_skipped + counts.directories_skipped;
        let progress = Transfers::new("backing up");
        progress.begin(walk.items.len() as u64, Some(walk.items.iter().map(size).sum()));
        for done in 1..=counts.done() {
            self.show_line(done, total)?;
        }
        let mut waiting: Vec<Waiting> = walk.items.iter().map(wait).collect();
        let mut cap = None;
        let mut running = FuturesUnordered::new();
        let mut files = walk.items.iter().enumerate().filter(|(_, item)| is_ready(item));
        let mut ready: Vec<usize> = Vec::new();
        let mut is_over = false;
        loop {
            while running.len() < PARALLEL && !is_over {
                let Some(next) = ready.pop().or_else(|| files.next().map(|(at, _)| at)) else {
                    break;
                };
                let children = std::mem::take(&mut waiting[next].children);
                let progress = &progress;
                running.push(async move {
                    (next, self.put(&walk.items[next], children, progress).await)
                });
            }
            let Some((index, outcome)) = running.next().await else { break };
            let item = &walk.items[index];
            progress.file_done();
            let child = self.count(item, outcome, &mut counts, &progress);
            if matches!(child, Some(Err(Broken::Node))) || counts.failed >= FAILURES_MAX {
                is_over = true;
            }
            self.show_line(counts.done(), total)?;
            match (item.parent, child) {
                (None, Some(Ok(child))) => cap = Some(child.1.ro_uri),
                (None, _) => {}
                (Some(parent), child) => {
                    ready.extend(arrive(walk, &mut waiting, (parent, &item.name), child));
                }
            }
        }
        progress.end();
        Ok((cap, counts))
    }

    async fn put(
        &self,
        item: &Item,
        children: BTreeMap<String, Child>,
        progress: &Transfers,
    ) -> Outcome {
        let put = match item.kind {
            Kind::File { size } => self.put_file(&item.path, size, progress).await,
            Kind::Directory { .. } => self.put_directory(&item.path, &children).await,
        };
        put.unwrap_or_else(|error| match error.downcast_ref::<Unreadable>() {
            Some(_) => Outcome::Unreadable,
            None => Outcome::Failed(error),
        })
    }

    async fn put_file(&self, path: &Path, size: u64, progress: &Transfers) -> Result<Outcome> {
        let before = std::fs::metadata(path).map_err(Unreadable)?;
        let (key, stat) = (path.to_string_lossy(), Stat::new(&before));
        let metadata = Facts::new(&before);
        let mut was_checked = false;
        if self.use_timestamps {
            if let Some(known) = self.database.file(&key, stat)? {
                let (is_there, checked) = self.is_there(&known).await?;
                was_checked = checked;
                if checked && is_there {
                    self.database.file_checked(&known.cap, now())?;
                }
                if is_there {
                    self.tell(&format!("skipping {}..", quoted_path(path)));
                    progress.skip(size);
                    let cap = known.cap;
                    return Ok(Outcome::There { cap, metadata, is_new: false, was_checked });
                }
            }
        } else {
            self.database.forget_file(&key)?;
        }
        self.tell(&format!("uploading {}..", quoted_path(path)));
        let file = tokio::fs::File::open(path).await.map_err(Unreadable)?;
        // What is added from now on is for the next time.
        let pieces = local_file::pieces(file.take(before.len()), progress.bar());
        let location = Location::new("/uri");
        let answer = self.remote.node.put_file(&location, pieces, Some(before.len())).await?;
        let cap = answer.expect_success("Error during file PUT").await?.cap().await?;
        self.tell(&format!(" {} -> {}", plain(&key), plain(&cap)));
        let after = std::fs::metadata(path).map_err(Unreadable)?;
        if is_same(&before, &after) {
            self.database.file_uploaded(&key, stat, &cap, now())?;
        }
        Ok(Outcome::There { cap, metadata, is_new: true, was_checked })
    }

    async fn put_directory(
        &self,
        path: &Path,
        children: &BTreeMap<String, Child>,
    ) -> Result<Outcome> {
        let metadata = Facts::new(&std::fs::metadata(path).map_err(Unreadable)?);
        let caps = children.iter().map(|(name, child)| (name.clone(), child.1.ro_uri.as_str()));
        let hash = DirHash::new(&caps.collect());
        let mut was_checked = false;
        if let Some(known) = self.database.directory(&hash)? {
            let (is_there, checked) = self.is_there(&known).await?;
            was_checked = checked;
            if checked && is_there {
                self.database.directory_checked(&known.cap, now())?;
            }
            if is_there {
                self.tell(&format!(" re-using old directory for {}", quoted_path(path)));
                let cap = known.cap;
                return Ok(Outcome::There { cap, metadata, is_new: false, was_checked });
            }
        }
        self.tell(&format!(" creating directory for {}", quoted_path(path)));
        let body = serde_json::to_string(children).context("cannot describe the directory")?;
        let location = Location::new("/uri").t("mkdir-immutable");
        let answer = self.remote.node.post(&location, body).await?;
        let cap = answer.expect_success("Error during mkdir").await?.cap().await?;
        self.database.directory_created(&hash, &cap, now())?;
        Ok(Outcome::There { cap, metadata, is_new: true, was_checked })
    }

    /// Whether what is known is still on the grid, and whether the grid was asked.
    async fn is_there(&self, known: &Known) -> Result<(bool, bool)> {
        if !known.needs_check(now(), random()) {
            return Ok((true, false));
        }
        self.tell(&format!("checking {}", quoted(&known.cap)));
        let location = Location::cap(&known.cap).t("check").with("output", "JSON");
        let answer = self.remote.node.post(&location, "").await?;
        if !answer.status().is_success() {
            // It cannot be checked, so it has to be taken for lost.
            return Ok((false, true));
        }
        let found: Value = answer.json().await?;
        Ok((found["results"]["healthy"] == true, true))
    }

    /// Counts what became of an item: what its directory gets, nothing if it is left out.
    fn count(
        &self,
        item: &Item,
        outcome: Outcome,
        counts: &mut Counts,
        progress: &Transfers,
    ) -> Option<Result<Child, Broken>> {
        let is_file = matches!(item.kind, Kind::File { .. });
        match outcome {
            Outcome::There { cap, metadata, is_new, was_checked } => {
                let (kind, checked, count) = match (is_file, is_new) {
                    (true, true) => {
                        ("filenode", &mut counts.files_checked, &mut counts.files_created)
                    }
                    (true, false) => {
                        ("filenode", &mut counts.files_checked, &mut counts.files_reused)
                    }
                    (false, true) => (
                        "dirnode",
                        &mut counts.directories_checked,
                        &mut counts.directories_created,
                    ),
                    (false, false) => {
                        ("dirnode", &mut counts.directories_checked, &mut counts.directories_reused)
                    }
                };
                *count += 1;
                *checked += u64::from(was_checked);
                Some(Ok(Child(kind, ChildFacts { ro_uri: cap, metadata })))
            }
            Outcome::Unreadable => {
                let kind = if is_file { "file" } else { "directory" };
                let count = if is_file {
                    &mut counts.files_skipped
                } else {
                    &mut counts.directories_skipped
                };
                *count += 1;
                let path = quoted_path(&item.path);
                progress.say(&format!("WARNING: permission denied on {kind} {path}"));
                None
            }
            Outcome::Failed(error) => {
                counts.failed += 1;
                progress.say(&format!("ERROR: {}: {error:#}", quoted_path(&item.path)));
                let is_gone = error.is::<Unreachable>();
                Some(Err(if is_gone { Broken::Node } else { Broken::Item }))
            }
        }
    }

    fn show_line(&self, done: u64, total: u64) -> io::Result<()> {
        if !self.show_lines {
            return Ok(());
        }
        let seconds = self.start.elapsed().as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        self.globals
            .say(format!("Backing up {done}/{total}... {hours}h {minutes}m {seconds}s elapsed..."))
    }

    fn tell(&self, line: &str) {
        if self.verbose && !self.globals.quiet && self.globals.say(line).is_err() {
            tell(line);
        }
    }
}

/// Whether something stands in the way of this item alone, or of all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    Item,
    Node,
}

/// Something arrives at its directory. The directories that can be put now.
fn arrive(
    walk: &Walk,
    waiting: &mut [Waiting],
    (parent, name): (usize, &str),
    child: Option<Result<Child, Broken>>,
) -> Option<usize> {
    let directory = &mut waiting[parent];
    directory.left -= 1;
    match child {
        Some(Ok(child)) => {
            directory.children.insert(name.to_owned(), child);
        }
        Some(Err(_)) => directory.is_broken = true,
        None => {}
    }
    if directory.left > 0 {
        return None;
    }
    if !directory.is_broken {
        return Some(parent);
    }
    let item = &walk.items[parent];
    arrive(walk, waiting, (item.parent?, &item.name), Some(Err(Broken::Item)))
}

fn wait(item: &Item) -> Waiting {
    match item.kind {
        Kind::Directory { children } => Waiting { left: children, ..Waiting::default() },
        Kind::File { .. } => Waiting::default(),
    }
}

/// Whether an item waits for nothing.
const fn is_ready(item: &Item) -> bool {
    matches!(item.kind, Kind::File { .. } | Kind::Directory { children: 0 })
}

const fn size(item: &Item) -> u64 {
    match item.kind {
        Kind::File { size } => size,
        Kind::Directory { .. } => 0,
    }
}

/// A local file or directory cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(io::Error);

impl Facts {
    fn new(metadata: &Metadata) -> Self {
        Self {
            ctime: seconds(metadata.ctime(), metadata.ctime_nsec()),
            mtime: seconds(metadata.mtime(), metadata.mtime_nsec()),
            st_mode: metadata.mode(),
            st_ino: metadata.ino(),
            st_dev: metadata.dev(),
            st_uid: metadata.uid(),
            st_gid: metadata.gid(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times in JSON are floats")]
fn seconds(seconds: i64, nanoseconds: i64) -> f64 {
    nanoseconds as f64 * 1e-9 + seconds as f64
}

/// Whether a file was the same before and after it was read, to the nanosecond.
fn is_same(before: &Metadata, after: &Metadata) -> bool {
    let key = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
    key(before) == key(after)
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

/// A number from 0 to just below 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        // Without chance, check always.
        Err(_) => 0.0,
    }
}
