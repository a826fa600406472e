//! New directories.

use std::collections::BTreeMap;

use tallac_core::cap::{DirectoryCap, FileCap, MutableFormat, WriteKey};
use tallac_core::dirnode::{Child, ChildName, Directory, DirectoryAccess};
use tallac_core::mutable::MutableKeyPair;

use super::{Directories, DirectoryIoError};
use crate::upload::{ImmutableCap, UploadOptions};

/// How a new mutable directory is to be.
#[derive(Debug, Default)]
pub struct CreateOptions {
    /// In which format it is kept; without one, the grid's own.
    pub format: Option<MutableFormat>,
    /// Its key pair; without one, a new one.
    pub key: Option<MutableKeyPair>,
    /// What is in it from the start. The metadata are taken as they are: no times are set.
    pub children: BTreeMap<ChildName, Child>,
}

impl Directories {
    /// Makes a mutable directory.
    ///
    /// # Errors
    /// [`DirectoryIoError`].
    pub async fn create(&self, options: CreateOptions) -> Result<DirectoryCap, DirectoryIoError> {
        let CreateOptions { format, key, children } = options;
        let format = format.unwrap_or(MutableFormat::Sdmf);
        let pack = |key: &WriteKey| {
            let access = DirectoryAccess::Write(key.clone());
            let directory = Directory::with_children(access, &children);
            directory.expect("a directory that is mutable may hold all there is").pack()
        };
        let cap = self.grid.mutable_files().create_with(format, key, pack).await?;
        Ok(DirectoryCap::new(FileCap::SskWrite(cap)))
    }

    /// Makes an immutable directory, which may hold only what is immutable too. A small one is
    /// stored nowhere but in its cap.
    ///
    /// # Errors
    /// [`DirectoryIoError`]; [`DeepImmutable`] for a child that can change.
    ///
    /// [`DeepImmutable`]: tallac_core::dirnode::DirectoryError::DeepImmutable
    pub async fn create_immutable(
        &self,
        children: &BTreeMap<ChildName, Child>,
    ) -> Result<DirectoryCap, DirectoryIoError> {
        let table = Directory::with_children(DirectoryAccess::Immutable, children)?.pack();
        let results = self.grid.uploader().upload(table, UploadOptions::default()).await?;
        Ok(DirectoryCap::new(match results.cap {
            ImmutableCap::Lit(cap) => FileCap::Lit(cap),
            ImmutableCap::Chk(cap) => FileCap::ChkRead(cap),
        }))
    }
}
