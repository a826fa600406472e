//! What `cp` copies: files and trees of files, here or on the grid.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hyper::StatusCode;

use super::PARALLEL;
use crate::cli::aliases::Place;
use crate::cli::local_file::absolute;
use crate::cli::location::Location;
use crate::cli::node_json::{Kind, Node};
use crate::cli::quote::{quoted, quoted_bytes, quoted_path};
use crate::cli::remote::Remote;

/// A file that is copied.
#[derive(Debug, Clone)]
pub(super) enum File {
    Local { path: PathBuf, size: u64 },
    Remote(RemoteFile),
}

/// A file on the grid.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile {
    node: Node,
}

/// Files and directories by their names.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, File>,
    pub(super) dirs: BTreeMap<String, Self>,
    /// What is there and cannot be copied, and why.
    pub(super) bad: Vec<String>,
}

/// What an argument names.
#[derive(Debug)]
pub(super) enum Source {
    File { name: Option<String>, file: File },
    Directory { name: Option<String>, place: DirectoryPlace },
}

/// Where a directory is.
#[derive(Debug)]
pub(super) enum DirectoryPlace {
    Local(PathBuf),
    Remote(Node),
}

/// Directories of the grid by their caps.
type Listings = HashMap<String, Arc<Node>>;

impl RemoteFile {
    /// Whether what it reads may change.
    pub(super) const fn is_mutable(&self) -> bool {
        self.node.facts.mutable
    }

    /// The cap that reads it.
    pub(super) fn read_cap(&self) -> Result<&str> {
        let facts = &self.node.facts;
        let cap = facts.ro_uri.as_deref().or(facts.rw_uri.as_deref());
        cap.context("the node does not tell its capability")
    }

    /// The cap that can do most.
    pub(super) fn best_cap(&self) -> Result<&str> {
        self.node.best_cap().context("the node does not tell its capability")
    }
}

impl File {
    /// Its size in bytes, if it is known.
    pub(super) const fn size(&self) -> Option<u64> {
        match self {
            Self::Local { size, .. } => Some(*size),
            Self::Remote(file) => file.node.facts.size,
        }
    }
}

impl Tree {
    /// Adds a source: its file, or under its name its directory, or what is in that.
    pub(super) async fn add(&mut self, source: Source, remote: &Remote) -> Result<()> {
        let (name, place) = match source {
            Source::File { name, file } => {
                let name = name.context("a file without a name")?;
                self.files.insert(name, file).map_or(Ok(()), |_| Err(collision()))?;
                return Ok(());
            }
            Source::Directory { name, place } => (name, place),
        };
        let into = match name {
            Some(name) => self.dirs.entry(name).or_default(),
            None => self,
        };
        match place {
            DirectoryPlace::Local(path) => into.add_local(&path, &mut Vec::new()),
            DirectoryPlace::Remote(node) => {
                let listings = load(&node, remote).await?;
                into.add_remote(&node, &listings, &mut Vec::new())
            }
        }
    }

    fn add_local(&mut self, path: &Path, within: &mut Vec<PathBuf>) -> Result<()> {
        let real = path.canonicalize().with_context(|| cannot_list(path))?;
        if within.contains(&real) {
            self.bad.push(format!("{}: a link leads back to it", quoted_path(path)));
            return Ok(());
        }
        within.push(real);
        let listing = match fs::read_dir(path) {
            Ok(listing) => listing,
            Err(error) => {
                self.bad.push(format!("{}: {error}", quoted_path(path)));
                within.pop();
                return Ok(());
            }
        };
        for entry in listing {
            let entry = entry.with_context(|| cannot_list(path))?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                let name = quoted_bytes(entry.file_name().as_encoded_bytes());
                self.bad.push(format!("{name}: its name is no UTF-8 text"));
                continue;
            };
            // Links are followed.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    self.dirs.entry(name).or_default().add_local(&path, within)?;
                }
                Ok(metadata) if metadata.is_file() => {
                    let file = File::Local { path, size: metadata.len() };
                    self.files.insert(name, file).map_or(Ok(()), |_| Err(collision()))?;
                }
                // Sockets, and links to nothing: as Tahoe, leave them out.
                _ => {
                    let _ = writeln!(
                        io::stderr(),
                        "WARNING: {} is no file, and left out",
                        quoted_path(&path)
                    );
                }
            }
        }
        within.pop();
        Ok(())
    }

    fn add_remote(
        &mut self,
        node: &Node,
        listings: &Listings,
        within: &mut Vec<String>,
    ) -> Result<()> {
        let cap = node.best_cap().unwrap_or_default().to_owned();
        within.push(cap);
        for (name, child) in &node.facts.children {
            match child.kind {
                Kind::Filenode => {
                    let file = File::Remote(RemoteFile { node: child.clone() });
                    self.files.insert(name.clone(), file).map_or(Ok(()), |_| Err(collision()))?;
                }
                Kind::Dirnode => {
                    let cap = child.best_cap().unwrap_or_default();
                    let Some(listing) = listings.get(cap) else {
                        self.bad.push(format!("{}: it cannot be listed", quoted(name)));
                        continue;
                    };
                    if within.iter().any(|other| other == cap) {
                        self.bad.push(format!("{}: it is within itself", quoted(name)));
                        continue;
                    }
                    let tree = self.dirs.entry(name.clone()).or_default();
                    tree.add_remote(listing, listings, within)?;
                }
                Kind::Unknown => self
                    .bad
                    .push(format!("{}: this version does not know what it is", quoted(name))),
            }
        }
        within.pop();
        Ok(())
    }

    /// How many files, bytes and things that cannot be copied there are in all.
    pub(super) fn count(&self) -> (u64, u64, Vec<String>) {
        let size = |file: &File| file.size().unwrap_or(0);
        let mut sum =
            (self.files.len() as u64, self.files.values().map(size).sum(), self.bad.clone());
        for tree in self.dirs.values() {
            let (files, bytes, bad) = tree.count();
            sum.0 += files;
            sum.1 += bytes;
            sum.2.extend(bad);
        }
        sum
    }
}

fn collision() -> anyhow::Error {
    anyhow::anyhow!("cannot copy multiple files with the same name into the same target directory")
}

fn cannot_list(path: &Path) -> String {
    format!("cannot list {}", quoted_path(path))
}

/// Gets all directories that can be reached from one, many at once.
async fn load(root: &Node, remote: &Remote) -> Result<Listings> {
    let mut listings = Listings::new();
    let mut wanted = subdirectories(root);
    while !wanted.is_empty() {
        let nodes = stream::iter(std::mem::take(&mut wanted)).map(|cap| async move {
            let location = Location::cap(&cap).t("json");
            let answer = remote.node.get(&location).await?;
            let answer = answer.expect_success("Error examining source directory").await?;
            anyhow::Ok((cap, Arc::new(answer.json::<Node>().await?)))
        });
        let found: Vec<_> = nodes.buffer_unordered(PARALLEL).try_collect().await?;
        for (cap, node) in found {
            wanted.extend(subdirectories(&node));
            listings.insert(cap, node);
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|cap| !listings.contains_key(cap));
    }
    Ok(listings)
}

fn subdirectories(node: &Node) -> Vec<String> {
    let children = node.facts.children.values().filter(|child| child.kind == Kind::Dirnode);
    let mut caps: Vec<_> = children.filter_map(Node::best_cap).map(str::to_owned).collect();
    caps.sort_unstable();
    caps.dedup();
    caps
}

/// What an argument names, or what is wrong with it.
pub(super) async fn find(argument: &str, remote: &Remote) -> Result<Source> {
    match remote.aliases.place(argument)? {
        Place::Local(path) => find_local(argument, &path),
        Place::Remote(place) => {
            let path = place.path.strip_suffix('/').unwrap_or(&place.path);
            let name = path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
            let location = Location::cap(&place.cap).descend(path).t("json");
            let answer = remote.node.get(&location).await?;
            if answer.status() == StatusCode::NOT_FOUND {
                bail!("No such file or directory {}", quoted(argument));
            }
            let doing = format!("Error examining source {}", quoted(argument));
            let node: Node = answer.expect_success(&doing).await?.json().await?;
            if node.kind == Kind::Dirnode {
                return Ok(Source::Directory { name, place: DirectoryPlace::Remote(node) });
            }
            if place.path.ends_with('/') {
                bail!("source {} is not a directory, but ends with a slash", quoted(argument));
            }
            Ok(Source::File { name, file: File::Remote(RemoteFile { node }) })
        }
    }
}

fn find_local(argument: &str, given: &str) -> Result<Source> {
    let path = absolute(given)?;
    let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let Ok(metadata) = fs::metadata(&path) else {
        bail!("No such file or directory {}", quoted(argument));
    };
    if metadata.is_dir() {
        return Ok(Source::Directory { name, place: DirectoryPlace::Local(path) });
    }
    if given.ends_with('/') {
        bail!("source {} is not a directory, but ends with a slash", quoted(argument));
    }
    if !metadata.is_file() {
        let path = quoted_path(&path);
        bail!("source {path} is neither a file nor a directory, I can't handle it");
    }
    Ok(Source::File { name, file: File::Local { path, size: metadata.len() } })
}
