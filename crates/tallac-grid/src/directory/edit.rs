//! Edits of mutable directories (section 5.3).
//!
//! Each is applied again when somebody else changed the directory at the same time. It then may
//! find that it had come through after all, though no server could say so: that is no error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::{
    Child, ChildName, Directory, DirectoryAccess, DirectoryError, Link, Metadata, Node, Overwrite,
    Removal,
};

use super::{CreateOptions, Directories, DirectoryIoError};
use crate::source::UploadSource;
use crate::upload::{ImmutableCap, UploadOptions};

/// A name in a directory.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The directory.
    pub directory: &'a DirectoryCap,
    /// The name.
    pub name: &'a ChildName,
}

impl Directories {
    /// Changes a directory. `edit` is called again, with what they wrote, if others change the
    /// directory at the same time; what it answered last counts. Nothing is written if it changed
    /// nothing.
    ///
    /// # Errors
    /// What `edit` refused; [`DirectoryIoError`].
    pub async fn edit<T: Send>(
        &self,
        cap: &DirectoryCap,
        mut edit: impl FnMut(&mut Directory) -> Result<T, DirectoryError> + Send,
    ) -> Result<T, DirectoryIoError> {
        let access = DirectoryAccess::of(cap)?;
        if !matches!(access, DirectoryAccess::Write(_)) {
            return Err(DirectoryError::NotWriteable.into());
        }
        let file = self.grid.mutable_files().open(cap.file())?;
        let modified = file.modify(|_, table| {
            let mut directory = Directory::unpack(table, access.clone())?;
            let answer = edit(&mut directory)?;
            Ok((directory.pack_changes(), (directory, answer)))
        });
        let (version, (directory, answer)) = modified.await.map_err(DirectoryIoError::from)?;
        self.grid.directory_cache().insert(cap, Some(version), Arc::new(directory));
        Ok(answer)
    }

    /// Links a name, and answers with the child as it is then.
    ///
    /// # Errors
    /// [`DirectoryError::ExistingChild`] as `overwrite` says; [`DirectoryIoError`].
    pub async fn set_child(
        &self,
        place: Place<'_>,
        link: Link,
        overwrite: Overwrite,
    ) -> Result<Child, DirectoryIoError> {
        let now = now();
        let mut ours = Ours::default();
        self.edit(place.directory, |directory| {
            let overwrite = ours.overwrite(directory, place.name, &link.node, overwrite);
            directory.set(place.name, link.clone(), overwrite, now)
        })
        .await
    }

    /// Links many names in one edit: all of them or none.
    ///
    /// # Errors
    /// [`DirectoryError::ExistingChild`] as `overwrite` says; [`DirectoryIoError`].
    pub async fn set_children(
        &self,
        cap: &DirectoryCap,
        links: &BTreeMap<ChildName, Link>,
        overwrite: Overwrite,
    ) -> Result<(), DirectoryIoError> {
        let now = now();
        let mut ours: BTreeMap<&ChildName, Ours> = BTreeMap::new();
        self.edit(cap, |directory| {
            for (name, link) in links {
                let ours = ours.entry(name).or_default();
                let overwrite = ours.overwrite(directory, name, &link.node, overwrite);
                directory.set(name, link.clone(), overwrite, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Replaces the metadata of a link, all but the system's part.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`]; [`DirectoryIoError`].
    pub async fn set_metadata(
        &self,
        place: Place<'_>,
        metadata: &Metadata,
    ) -> Result<Child, DirectoryIoError> {
        let now = now();
        self.edit(place.directory, |directory| {
            directory.set_metadata(place.name, metadata.clone(), now)
        })
        .await
    }

    /// Unlinks a name, and answers with the child that it had, if it had one.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`] and [`DirectoryError::WrongType`] as `removal` says;
    /// [`DirectoryIoError`].
    pub async fn unlink(
        &self,
        place: Place<'_>,
        removal: Removal,
    ) -> Result<Option<Child>, DirectoryIoError> {
        let mut removed = None;
        self.edit(place.directory, |directory| {
            let must_exist = removal.must_exist && removed.is_none();
            if let Some(child) = directory.remove(place.name, Removal { must_exist, ..removal })? {
                removed = Some(child);
            }
            Ok(removed.clone())
        })
        .await
    }

    /// Gives a child another name, another directory, or both. Between two directories these are
    /// two edits: for a moment it is in both. Its own place changes nothing.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`]; [`DirectoryError::ExistingChild`] as `overwrite` says;
    /// [`DirectoryIoError`].
    pub async fn move_child(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        overwrite: Overwrite,
    ) -> Result<Child, DirectoryIoError> {
        for cap in [from.directory, to.directory] {
            if !cap.is_writeable() {
                return Err(DirectoryError::NotWriteable.into());
            }
        }
        if from.directory == to.directory {
            return self.rename(from, to.name, overwrite).await;
        }
        let child = self.read(from.directory).await?.require(from.name)?;
        let moved = self.set_child(to, child.clone().into(), overwrite).await?;
        self.edit(from.directory, |directory| {
            // Whoever put something else there meanwhile wants to keep it.
            if directory.node(from.name).as_ref() == Some(&child.node) {
                directory.remove(from.name, Removal { must_exist: false, must_be: None })?;
            }
            Ok(())
        })
        .await?;
        Ok(moved)
    }

    async fn rename(
        &self,
        from: Place<'_>,
        to: &ChildName,
        overwrite: Overwrite,
    ) -> Result<Child, DirectoryIoError> {
        let now = now();
        let mut renamed: Option<Child> = None;
        self.edit(from.directory, |directory| {
            if let (Some(child), None) = (&renamed, directory.node(from.name))
                && directory.node(to).as_ref() == Some(&child.node)
            {
                return Ok(child.clone());
            }
            let child = directory.rename(from.name, to, overwrite, now)?;
            renamed = Some(child.clone());
            Ok(child)
        })
        .await
    }

    /// The directory that is linked there; makes one and links it if there is nothing. If somebody
    /// else does so at the same time, theirs is the one, so that what they put into it stays.
    ///
    /// # Errors
    /// [`DirectoryError::ExistingChild`] if something else is there; [`DirectoryIoError`].
    pub async fn ensure_directory(
        &self,
        place: Place<'_>,
        options: CreateOptions,
    ) -> Result<Node, DirectoryIoError> {
        if let Some(node) = existing(&*self.read(place.directory).await?, place.name)? {
            return Ok(node);
        }
        if !place.directory.is_writeable() {
            return Err(DirectoryError::NotWriteable.into());
        }
        let made = Node::from(self.create(options).await?);
        let now = now();
        self.edit(place.directory, |directory| {
            if let Some(node) = existing(directory, place.name)? {
                return Ok(node);
            }
            let link = made.clone().into();
            Ok(directory.set(place.name, link, Overwrite::No, now)?.node)
        })
        .await
    }

    /// Uploads an immutable file and links it.
    ///
    /// # Errors
    /// [`DirectoryError::ExistingChild`] as `overwrite` says, then the file is uploaded all the
    /// same; [`DirectoryIoError`].
    pub async fn add_file(
        &self,
        place: Place<'_>,
        source: impl UploadSource,
        options: UploadOptions,
        overwrite: Overwrite,
    ) -> Result<Child, DirectoryIoError> {
        if !place.directory.is_writeable() {
            return Err(DirectoryError::NotWriteable.into());
        }
        let results = self.grid.uploader().upload(source, options).await?;
        let cap = match results.cap {
            ImmutableCap::Lit(cap) => cap.into(),
            ImmutableCap::Chk(cap) => cap.into(),
        };
        self.set_child(place, Node::Known(cap).into(), overwrite).await
    }
}

/// The directory of this name, if there is one.
fn existing(directory: &Directory, name: &ChildName) -> Result<Option<Node>, DirectoryError> {
    match directory.node(name) {
        Some(node) if !node.is_directory() => {
            Err(DirectoryError::ExistingChild { name: name.clone(), is_directory: false })
        }
        found => Ok(found),
    }
}

/// Tells a child that an earlier attempt of the same edit put there from one that was there.
#[derive(Default)]
struct Ours {
    was_attempted: bool,
}

impl Ours {
    fn overwrite(
        &mut self,
        directory: &Directory,
        name: &ChildName,
        node: &Node,
        overwrite: Overwrite,
    ) -> Overwrite {
        let is_again = std::mem::replace(&mut self.was_attempted, true);
        let is_same = |found: Node| found == *node || found == node.to_readonly();
        let is_ours = is_again && directory.node(name).is_some_and(is_same);
        if is_ours { Overwrite::Yes } else { overwrite }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
