//! Edits of a directory (sections 5.2 and 5.3). Times are arguments, in seconds since 1970.

use std::fmt;

use super::{Child, ChildName, Directory, DirectoryAccess, DirectoryError, Metadata, Node};

/// Whether a child of the same name may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Whatever it is.
    #[default]
    Yes,
    /// Never.
    No,
    /// Unless it is a directory.
    OnlyFiles,
}

/// What a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildType {
    /// A file.
    File,
    /// A directory.
    Directory,
}

impl fmt::Display for ChildType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Directory => "directory",
        })
    }
}

/// Under which conditions a child is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// It is an error if there is none.
    pub must_exist: bool,
    /// It is an error if the child is of the other type. One of unknown type can be removed.
    pub must_be: Option<ChildType>,
}

/// What a name is to be linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is to point at.
    pub node: Node,
    /// Metadata that take the place of those that the link has; without them it keeps its own.
    pub metadata: Option<Metadata>,
}

impl From<Node> for Link {
    fn from(node: Node) -> Self {
        Self { node, metadata: None }
    }
}

impl From<Child> for Link {
    fn from(child: Child) -> Self {
        Self { node: child.node, metadata: Some(child.metadata) }
    }
}

/// Any child, which must be there.
impl Default for Removal {
    fn default() -> Self {
        Self { must_exist: true, must_be: None }
    }
}

impl Directory {
    /// Whether edits are possible.
    ///
    /// # Errors
    /// [`DirectoryError::NotWriteable`] if not.
    pub const fn check_writeable(&self) -> Result<(), DirectoryError> {
        match self.access() {
            DirectoryAccess::Write(_) => Ok(()),
            DirectoryAccess::Read | DirectoryAccess::Immutable => Err(DirectoryError::NotWriteable),
        }
    }

    /// Links a name, and answers with the child as it is now.
    ///
    /// # Errors
    /// [`DirectoryError::ExistingChild`] as `overwrite` says; [`DirectoryError::NotWriteable`].
    pub fn set(
        &mut self,
        name: &ChildName,
        link: Link,
        overwrite: Overwrite,
        now: f64,
    ) -> Result<Child, DirectoryError> {
        self.check_writeable()?;
        let old = self.get(name);
        if let Some(old) = &old {
            let is_directory = old.node.is_directory() && overwrite == Overwrite::OnlyFiles;
            if is_directory || overwrite == Overwrite::No {
                return Err(DirectoryError::ExistingChild { name: name.clone(), is_directory });
            }
        }
        let metadata = Metadata::updated(old.map(|old| old.metadata), link.metadata, now);
        self.put_link(name, link.node, metadata)
    }

    /// Replaces the metadata of a link, all but the system's part.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`]; [`DirectoryError::NotWriteable`].
    pub fn set_metadata(
        &mut self,
        name: &ChildName,
        metadata: Metadata,
        now: f64,
    ) -> Result<Child, DirectoryError> {
        self.check_writeable()?;
        let old = self.require(name)?;
        let metadata = Metadata::updated(Some(old.metadata), Some(metadata), now);
        self.put_link(name, old.node, metadata)
    }

    /// Unlinks a name, and answers with the child that it had; nothing if there was none and that
    /// is no error.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`] and [`DirectoryError::WrongType`] as `removal` says;
    /// [`DirectoryError::NotWriteable`].
    pub fn remove(
        &mut self,
        name: &ChildName,
        removal: Removal,
    ) -> Result<Option<Child>, DirectoryError> {
        self.check_writeable()?;
        let Some(child) = self.get(name) else {
            let was_hidden = self.take_out(name);
            return if removal.must_exist && !was_hidden {
                Err(DirectoryError::NoSuchChild { name: name.clone() })
            } else {
                Ok(None)
            };
        };
        let wrong = match removal.must_be {
            None => false,
            Some(ChildType::Directory) => child.node.is_file(),
            Some(ChildType::File) => child.node.is_directory(),
        };
        if let (true, Some(expected)) = (wrong, removal.must_be) {
            return Err(DirectoryError::WrongType { name: name.clone(), expected });
        }
        self.take_out(name);
        Ok(Some(child))
    }

    /// Gives a child another name, and answers with the child as it is now. Its own name changes
    /// nothing.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`]; [`DirectoryError::ExistingChild`] as `overwrite` says;
    /// [`DirectoryError::NotWriteable`].
    pub fn rename(
        &mut self,
        from: &ChildName,
        to: &ChildName,
        overwrite: Overwrite,
        now: f64,
    ) -> Result<Child, DirectoryError> {
        self.check_writeable()?;
        let child = self.require(from)?;
        if from == to {
            return Ok(child);
        }
        let moved = self.set(to, child.into(), overwrite, now)?;
        self.take_out(from);
        Ok(moved)
    }

    fn put_link(
        &mut self,
        name: &ChildName,
        node: Node,
        metadata: Metadata,
    ) -> Result<Child, DirectoryError> {
        let node = if metadata.is_no_write() { node.to_readonly() } else { node };
        let child = Child { node, metadata };
        self.put(name.clone(), &child)?;
        Ok(child)
    }
}
