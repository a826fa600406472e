//! From a path to what is there.

use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::{ChildName, DirectoryError, Metadata, Node};

use super::{Directories, DirectoryIoError};

/// Where a path leads, as far as it could be followed.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What is there.
    pub node: Node,
    /// Of the link that leads there; none for the root.
    pub metadata: Metadata,
    /// The directory that the last name was found in; none for the root.
    pub parent: Option<DirectoryCap>,
    /// How many names of the path were followed.
    pub depth: usize,
}

impl Directories {
    /// Follows a path from a node to its end.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`]; [`DirectoryIoError::NotADirectory`];
    /// [`DirectoryIoError`].
    pub async fn resolve(
        &self,
        root: &Node,
        path: &[ChildName],
    ) -> Result<Resolved, DirectoryIoError> {
        let reached = self.resolve_far(root, path).await?;
        match path.get(reached.depth) {
            None => Ok(reached),
            Some(name) if reached.node.is_directory() => {
                Err(DirectoryError::NoSuchChild { name: name.clone() }.into())
            }
            Some(child) => Err(DirectoryIoError::NotADirectory {
                path: path[..reached.depth].to_vec(),
                child: child.clone(),
            }),
        }
    }

    /// Follows a path from a node as far as there is something: to the end, to a directory that
    /// has no child of the next name, or to what is no directory.
    ///
    /// # Errors
    /// [`DirectoryIoError`] for a directory on the way that cannot be read.
    pub async fn resolve_far(
        &self,
        root: &Node,
        path: &[ChildName],
    ) -> Result<Resolved, DirectoryIoError> {
        let metadata = Metadata::new();
        let mut at = Resolved { node: root.clone(), metadata, parent: None, depth: 0 };
        for name in path {
            let Some(cap) = at.node.directory().cloned() else { break };
            let Some(child) = self.read(&cap).await?.get(name) else { break };
            at = Resolved {
                node: child.node,
                metadata: child.metadata,
                parent: Some(cap),
                depth: at.depth + 1,
            };
        }
        Ok(at)
    }
}
