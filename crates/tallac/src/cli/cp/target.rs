//! Where `cp` copies to: a file or directory, here or on the grid, or nothing yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::cli::aliases::Place;
use crate::cli::local_file::absolute;
use crate::cli::location::Location;
use crate::cli::node_json::{Kind, Node};
use crate::cli::quote::{quoted, quoted_path};
use crate::cli::remote::Remote;

/// What the last argument names.
#[derive(Debug)]
pub(super) enum Target {
    File(FileTarget),
    Directory(Directory),
    Missing(Missing),
}

/// A file that one file goes to.
#[derive(Debug)]
pub(super) enum FileTarget {
    Local(PathBuf),
    Remote { location: Location, linking: Linking },
}

/// Whether another object can be put under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linking {
    Allowed,
    /// The object has no name, or is mutable, and then its content is what changes.
    Refused,
}

/// Nothing is there yet.
#[derive(Debug)]
pub(super) enum Missing {
    Local(PathBuf),
    Remote(Location),
}

/// A directory that files go into.
#[derive(Debug)]
pub(super) enum Directory {
    Local(PathBuf),
    Remote(RemoteDirectory),
}

/// A directory on the grid.
#[derive(Debug)]
pub(super) struct RemoteDirectory {
    cap: String,
    children: BTreeMap<String, Node>,
    /// Names and caps of what is linked once all of it is there.
    new: Mutex<BTreeMap<String, String>>,
}

impl Missing {
    /// As a place for one file.
    pub(super) fn into_file(self) -> FileTarget {
        match self {
            Self::Local(path) => FileTarget::Local(path),
            Self::Remote(location) => FileTarget::Remote { location, linking: Linking::Allowed },
        }
    }

    /// Makes a directory there.
    pub(super) async fn make(self, remote: &Remote) -> Result<Directory> {
        match self {
            Self::Local(path) => {
                let made = fs::create_dir_all(&path);
                made.with_context(|| format!("cannot make {}", quoted_path(&path)))?;
                Ok(Directory::Local(path))
            }
            Self::Remote(location) => RemoteDirectory::make(location, remote).await,
        }
    }
}

impl Directory {
    /// The directory of this name in it, which is made if there is none.
    pub(super) async fn child(&self, name: &str, remote: &Remote) -> Result<Self> {
        match self {
            Self::Local(path) => {
                let path = path.join(local_name(name)?);
                let made = fs::create_dir_all(&path);
                made.with_context(|| format!("cannot make {}", quoted_path(&path)))?;
                Ok(Self::Local(path))
            }
            Self::Remote(directory) => match directory.children.get(name) {
                None => RemoteDirectory::make(directory.location().child(name), remote).await,
                Some(node) if node.kind == Kind::Dirnode => {
                    let cap = node.best_cap().context("the node does not tell its capability")?;
                    let answer = remote.node.get(&Location::cap(cap).t("json")).await?;
                    let answer = answer.expect_success("Error examining target directory").await?;
                    Ok(Self::Remote(RemoteDirectory::new(answer.json().await?)?))
                }
                Some(_) => bail!("{} is a file there, and no directory", quoted(name)),
            },
        }
    }
}

impl RemoteDirectory {
    fn new(node: Node) -> Result<Self> {
        let cap = node.best_cap().context("the node does not tell its capability")?.to_owned();
        Ok(Self { cap, children: node.facts.children, new: Mutex::default() })
    }

    async fn make(location: Location, remote: &Remote) -> Result<Directory> {
        let answer = remote.node.post(&location.t("mkdir"), "").await?;
        let cap = answer.expect_success("Error during mkdir").await?.cap().await?;
        let (children, new) = (BTreeMap::new(), Mutex::default());
        Ok(Directory::Remote(Self { cap, children, new }))
    }

    /// Where it is in the web API.
    pub(super) fn location(&self) -> Location {
        Location::cap(&self.cap)
    }

    /// What has this name in it.
    pub(super) fn child_node(&self, name: &str) -> Option<&Node> {
        self.children.get(name)
    }

    /// Links an object when all is there, unless it is linked already.
    pub(super) fn link(&self, name: &str, cap: String) {
        let old = self.children.get(name).map(|node| &node.facts);
        let same = |old: &Option<String>| old.as_ref() == Some(&cap);
        if !old.is_some_and(|old| same(&old.ro_uri) || same(&old.rw_uri)) {
            let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
            new.insert(name.to_owned(), cap);
        }
    }

    /// Links all that is new.
    pub(super) async fn set_children(&self, remote: &Remote) -> Result<()> {
        let new = {
            let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *new)
        };
        if new.is_empty() {
            return Ok(());
        }
        // The node takes read caps here, too, and the kind does not count.
        let child = |(name, cap)| (name, json!(["filenode", { "rw_uri": cap }]));
        let body: Map<String, Value> = new.into_iter().map(child).collect();
        let location = self.location().t("set_children");
        let answer = remote.node.post(&location, Value::from(body).to_string()).await?;
        answer.expect_success("Error during POST").await?;
        Ok(())
    }
}

/// A name as one of a local file: names on the grid may be anything.
pub(super) fn local_name(name: &str) -> Result<&str> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        bail!("no local file can have the name {}", quoted(name));
    }
    Ok(name)
}

/// What the last argument names.
pub(super) async fn find(argument: &str, remote: &Remote) -> Result<Target> {
    let place = match remote.aliases.place(argument)? {
        Place::Remote(place) => place,
        Place::Local(path) => {
            let path = absolute(&path)?;
            return Ok(match fs::metadata(&path) {
                Err(_) => Target::Missing(Missing::Local(path)),
                Ok(metadata) if metadata.is_dir() => Target::Directory(Directory::Local(path)),
                Ok(_) => Target::File(FileTarget::Local(path)),
            });
        }
    };
    let location = place.location();
    let answer = remote.node.get(&location.clone().t("json")).await?;
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(Target::Missing(Missing::Remote(location)));
    }
    let doing = format!("Error examining target {}", quoted(argument));
    let node: Node = answer.expect_success(&doing).await?.json().await?;
    if node.kind == Kind::Dirnode {
        return Ok(Target::Directory(Directory::Remote(RemoteDirectory::new(node)?)));
    }
    let refused = node.facts.mutable || place.path.is_empty();
    let linking = if refused { Linking::Refused } else { Linking::Allowed };
    Ok(Target::File(FileTarget::Remote { location, linking }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\0"] {
            assert!(local_name(name).is_err(), "{name:?}");
        }
        assert_eq!(local_name("..a").unwrap(), "..a");
    }
}
