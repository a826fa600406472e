//! The copying itself.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use futures_util::TryStreamExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::PARALLEL;
use super::copies::{Copies, Way, is_settled};
use super::source::{File, RemoteFile, Tree};
use super::target::{Directory, FileTarget, Linking, RemoteDirectory, local_name};
use crate::cli::local_file::{self, NewFile};
use crate::cli::location::Location;
use crate::cli::node_json::Kind;
use crate::cli::quote::{quoted, quoted_path};
use crate::cli::remote::Remote;
use crate::cli::web_client::{Answer, ByteStream, Unreachable};
use crate::progress::Transfers;

/// How a file got to where it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Copied,
    Linked,
}

/// Copies files.
#[derive(Debug)]
pub(super) struct Copier {
    remote: Remote,
    copies: Copies,
    caps_only: bool,
    verbose: bool,
    progress: Transfers,
    failures: AtomicU64,
    /// The node is gone: nothing more is tried.
    is_over: AtomicBool,
}

/// A directory that is being filled.
struct Filling {
    path: String,
    directory: Directory,
    left: AtomicUsize,
}

impl Copier {
    pub(super) fn new(remote: Remote, copies: Copies, caps_only: bool, verbose: bool) -> Self {
        let progress = Transfers::new("copying");
        let (failures, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { remote, copies, caps_only, verbose, progress, failures, is_over }
    }

    pub(super) const fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Copies one file to a place of its own.
    pub(super) async fn file_to_file(&self, file: &File, target: &FileTarget) -> Result<Done> {
        self.progress.begin(1, file.size());
        let done = match (file, target) {
            (File::Local { path, .. }, FileTarget::Local(to)) => self.copy_local(path, to).await,
            (File::Remote(file), FileTarget::Local(to)) => self.get(file, to).await,
            (File::Remote(file), FileTarget::Remote { location, linking: Linking::Allowed })
                if !file.is_mutable() =>
            {
                let cap = file.best_cap()?.to_owned();
                let answer = self.remote.node.put(&location.clone().t("uri"), cap).await?;
                answer.expect_success("Error during PUT").await?;
                return Ok(Done::Linked);
            }
            (file, FileTarget::Remote { location, .. }) => self.put(file, location).await.map(drop),
        };
        self.progress.end();
        done.map(|()| Done::Copied)
    }

    /// Copies a tree into a directory. Whether all of it could be copied; what could not was told.
    pub(super) async fn tree_to_directory(&self, tree: Tree, directory: Directory) -> bool {
        let (files, bytes, bad) = tree.count();
        self.progress.begin(files, Some(bytes));
        for bad in &bad {
            self.report(bad);
        }
        let fillings = self.make_directories(tree, directory).await;
        self.tell(&format!("starting copy, {files} files, {} directories", fillings.len()));
        let jobs = fillings.iter().flat_map(|(filling, files)| {
            files.iter().map(move |(name, file)| (filling, name.as_str(), file))
        });
        stream::iter(jobs)
            .for_each_concurrent(PARALLEL, |(filling, name, file)| {
                self.copy_into(filling, name, file)
            })
            .await;
        self.progress.end();
        let failures = self.failures.load(Ordering::Relaxed);
        if failures > 0 {
            self.progress.say(&format!(
                "{failures} could not be copied. Run the same command again to copy only what is \
                 missing."
            ));
        }
        failures == 0
    }

    /// Makes the directories of a tree from the top, and says which files go into which.
    async fn make_directories(
        &self,
        tree: Tree,
        directory: Directory,
    ) -> Vec<(Filling, Vec<(String, File)>)> {
        let mut fillings = Vec::new();
        let mut level = vec![(String::new(), tree, directory)];
        while !level.is_empty() {
            let made = stream::iter(level).map(|(path, tree, directory)| async move {
                let mut below = Vec::new();
                for (name, tree) in tree.dirs {
                    let path = format!("{path}{name}/");
                    match directory.child(&name, &self.remote).await {
                        Ok(child) => below.push((path, tree, child)),
                        Err(error) => {
                            self.fail(path.trim_end_matches('/'), &error);
                            let (files, ..) = tree.count();
                            self.failures.fetch_add(files, Ordering::Relaxed);
                        }
                    }
                }
                let files: Vec<_> = tree.files.into_iter().collect();
                let left = AtomicUsize::new(files.len());
                ((Filling { path, directory, left }, files), below)
            });
            let made: Vec<_> = made.buffered(PARALLEL).collect().await;
            level = Vec::new();
            for (filling, below) in made {
                fillings.push(filling);
                level.extend(below);
            }
        }
        fillings
    }

    async fn copy_into(&self, filling: &Filling, name: &str, file: &File) {
        let path = format!("{}{name}", filling.path);
        if self.is_over.load(Ordering::Relaxed) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else if let Err(error) = self.try_copy_into(&filling.directory, name, file).await {
            self.fail(&path, &error);
        } else {
            self.tell(&path);
        }
        self.progress.file_done();
        if filling.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if let Directory::Remote(directory) = &filling.directory
            && let Err(error) = directory.set_children(&self.remote).await
        {
            self.fail(&filling.path, &error);
        }
    }

    async fn try_copy_into(&self, directory: &Directory, name: &str, file: &File) -> Result<()> {
        match (file, directory) {
            (File::Local { path, .. }, Directory::Local(to)) => {
                self.copy_local(path, &to.join(local_name(name)?)).await
            }
            (File::Remote(file), Directory::Local(to)) => {
                self.get(file, &to.join(local_name(name)?)).await
            }
            (file, Directory::Remote(directory)) => self.to_remote(file, name, directory).await,
        }
    }

    async fn to_remote(&self, file: &File, name: &str, directory: &RemoteDirectory) -> Result<()> {
        if let Some(old) = directory.child_node(name) {
            if old.kind == Kind::Dirnode {
                bail!("there is a directory of that name, which a file cannot replace");
            }
            if old.kind == Kind::Filenode && old.facts.mutable {
                self.put(file, &directory.location().child(name)).await?;
                return Ok(());
            }
        }
        let cap = match file {
            File::Remote(file) if !file.is_mutable() => file.best_cap()?.to_owned(),
            file => self.put(file, &Location::new("/uri")).await?,
        };
        directory.link(name, cap);
        Ok(())
    }

    /// Puts a file at a place in the web API: the cap that is there then.
    async fn put(&self, file: &File, location: &Location) -> Result<String> {
        let (body, size): (ByteStream, _) = match file {
            File::Local { path, .. } => return self.put_local(path, location).await,
            File::Remote(file) => {
                let answer = self.open(file).await?;
                let size = answer.size();
                let bar = self.progress.bar();
                let pieces = answer.pieces().inspect_ok(move |piece| bar.inc(piece.len() as u64));
                (Box::pin(pieces.map_err(std::io::Error::other)), size)
            }
        };
        let answer = self.remote.node.put_file(location, body, size).await?;
        answer.expect_success("Error during PUT").await?.cap().await
    }

    async fn put_local(&self, path: &Path, location: &Location) -> Result<String> {
        let cannot = || format!("cannot read {}", quoted_path(path));
        let file = tokio::fs::File::open(path).await.with_context(cannot)?;
        let before = file.metadata().await.with_context(cannot)?;
        let is_new = *location == Location::new("/uri");
        if is_new && let Some(cap) = self.copies.cap_of(path, &before, Way::Up) {
            self.progress.skip(before.len());
            return Ok(cap);
        }
        let start = SystemTime::now();
        let pieces = local_file::pieces(file.take(before.len()), self.progress.bar());
        let answer = self.remote.node.put_file(location, pieces, Some(before.len())).await?;
        let cap = answer.expect_success("Error during PUT").await?.cap().await?;
        let after = tokio::fs::metadata(path).await.with_context(cannot)?;
        if is_new && is_settled(&before, &after, start) {
            self.copies.record(path, &before, &cap);
        }
        Ok(cap)
    }

    async fn open(&self, file: &RemoteFile) -> Result<Answer> {
        let answer = self.remote.node.get(&Location::cap(file.read_cap()?)).await?;
        answer.expect_success("Error during GET").await
    }

    /// Gets a file to a local one.
    async fn get(&self, file: &RemoteFile, to: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", quoted_path(to));
        let cap = file.read_cap()?;
        if self.caps_only {
            let mut out = NewFile::create(to).with_context(cannot)?;
            out.writer().write_all(cap.as_bytes()).await.with_context(cannot)?;
            out.finish().await.with_context(cannot)?;
            return Ok(());
        }
        if !file.is_mutable()
            && let Ok(old) = tokio::fs::metadata(to).await
            && self.copies.cap_of(to, &old, Way::Down).is_some_and(|known| known == cap)
        {
            self.progress.skip(old.len());
            return Ok(());
        }
        let answer = self.open(file).await?;
        let expected = answer.size();
        let mut out = NewFile::create(to).with_context(cannot)?;
        let (mut pieces, mut size) = (answer.pieces(), 0);
        while let Some(piece) = pieces.try_next().await? {
            size += piece.len() as u64;
            self.progress.bar().inc(piece.len() as u64);
            out.writer().write_all(&piece).await.with_context(cannot)?;
        }
        if expected.is_some_and(|expected| expected != size) {
            bail!("the node broke off after {size} bytes");
        }
        let written = out.finish().await.with_context(cannot)?;
        if let Some(metadata) = written.filter(|_| !file.is_mutable()) {
            self.copies.record(to, &metadata, cap);
        }
        Ok(())
    }

    async fn copy_local(&self, from: &Path, to: &Path) -> Result<()> {
        let cannot = || format!("cannot copy {}", quoted_path(from));
        let mut file = tokio::fs::File::open(from).await.with_context(cannot)?;
        let mut out = NewFile::create(to).with_context(cannot)?;
        tokio::io::copy(&mut file, out.writer()).await.with_context(cannot)?;
        out.finish().await.with_context(cannot)?;
        Ok(())
    }

    fn tell(&self, line: &str) {
        if self.verbose {
            self.progress.say(line);
        }
    }

    fn fail(&self, path: &str, error: &anyhow::Error) {
        if error.is::<Unreachable>() && self.is_over.swap(true, Ordering::Relaxed) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.report(&format!("{}: {error:#}", quoted(path)));
    }

    fn report(&self, what: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.progress.say(&format!("cannot copy {what}"));
    }
}
