//! The best version of a file, written again as a new one: what a repair of it is (specification
//! section 4.8).

use bytes::Bytes;

use super::file::{MutableFile, Snapshot, Version, no_version};
use super::servermap::{Mode, ServerMap};
use super::{ModifyError, MutableError};

impl MutableFile {
    /// Writes the best version of a map again, with the next sequence number, over every share
    /// that the map has, and places those that are nowhere. If somebody else changes the file at
    /// the same time, it is their version that is written again. Gives what is there afterwards.
    pub(crate) async fn rewrite(&self, map: ServerMap) -> Result<ServerMap, MutableError> {
        let header = map.best().ok_or_else(|| no_version(&map))?;
        self.remember(Snapshot::new(map.clone(), header, true));
        let same =
            |_: &Version, content: &Bytes, _| Ok::<_, MutableError>((Some(content.clone()), ()));
        match self.change(same, (true, Mode::Check)).await {
            Err(ModifyError::Refused(error) | ModifyError::File(error)) => Err(error),
            Ok(_) => Ok(self.snapshot().map_or(map, |snapshot| snapshot.map.clone())),
        }
    }
}
