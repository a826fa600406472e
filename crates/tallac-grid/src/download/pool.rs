//! One file on its way down: `k` shares of it open, replaced as they fail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tallac_core::cap::{ChkReadCap, EncryptionKey};
use tallac_core::hash::Hash;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::immutable::{
    Encoding, FileVerifier, Geometry, SEGMENT_SIZE_DEFAULT, SEGMENTS_MAX, SegmentDecoder,
};
use tallac_core::storage::{ShareKind, StorageError};
use tokio::sync::{Mutex, OnceCell, RwLock};

use super::error::DownloadError;
use super::find::{Finder, Location};
use super::share::{OpenError, OpenShare, Opened};
use crate::grid::Grid;
use crate::history::Operation;
use crate::patience::{Patience, gather};
use crate::servers::GridServer;

/// How often a share may be too slow before it counts as lost.
const SLOW_MAX: u32 = 3;

/// How long servers have for what others do sooner. It grows with each try of the same share.
pub(super) fn patience(tries: u32) -> Patience {
    Patience {
        floor: Duration::from_secs(1 << tries.min(4)),
        factor: 4,
        ceiling: Duration::from_secs(5 << (2 * tries.min(2))),
    }
}

/// A file that is being downloaded.
pub(super) struct File {
    pub(super) storage_index: StorageIndex,
    pub(super) encoding: Encoding,
    pub(super) size: u64,
    pub(super) ueb_hash: Hash,
    /// What is done with it, for whoever looks at that.
    pub(super) watched: Arc<Operation>,
    key: EncryptionKey,
    /// Where reading begins: the segment there is fetched along with the hashes.
    start: u64,
    /// Sizes as most files have them, to read before the true ones are known.
    guess: Geometry,
    proven: OnceCell<Proven>,
    pool: Mutex<Pool>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({})", self.storage_index)
    }
}

/// What is there once the first share is open.
pub(super) struct Proven {
    pub(super) verifier: RwLock<FileVerifier>,
    pub(super) decoder: SegmentDecoder,
    pub(super) geometry: Geometry,
}

struct Pool {
    finder: Finder,
    open: Vec<Arc<OpenShare>>,
}

impl File {
    pub(super) fn new(
        grid: &Grid,
        cap: &ChkReadCap,
        start: u64,
        watched: &Arc<Operation>,
    ) -> Result<Self, DownloadError> {
        let encoding = cap.encoding()?;
        let guess = Geometry::for_upload(encoding, cap.size(), SEGMENT_SIZE_DEFAULT)?;
        if guess.segment_count() > SEGMENTS_MAX {
            return Err(DownloadError::TooManySegments { size: cap.size() });
        }
        let finder = Finder::new(grid, cap.storage_index(), encoding.total().into(), watched);
        Ok(Self {
            storage_index: cap.storage_index(),
            encoding,
            size: cap.size(),
            ueb_hash: *cap.shape().ueb_hash.as_bytes(),
            watched: Arc::clone(watched),
            key: cap.key().clone(),
            start,
            guess,
            proven: OnceCell::new(),
            pool: Mutex::new(Pool { finder, open: Vec::new() }),
        })
    }

    /// Whether it is the file of this cap, the same in all that the cap says.
    pub(super) fn is_of(&self, cap: &ChkReadCap) -> bool {
        self.key == *cap.key()
            && self.size == cap.size()
            && self.ueb_hash == *cap.shape().ueb_hash.as_bytes()
            && cap.encoding().is_ok_and(|encoding| encoding == self.encoding)
    }

    /// Finds and opens enough shares to begin.
    pub(super) async fn open(&self) -> Result<Geometry, DownloadError> {
        self.shares(&BTreeSet::new()).await?;
        Ok(self.proven()?.geometry)
    }

    pub(super) fn proven(&self) -> Result<&Proven, DownloadError> {
        self.proven
            .get()
            .ok_or_else(|| DownloadError::BrokenFile("no share has a usable UEB".to_owned()))
    }

    /// Sizes as far as they are known, and the segment that is wanted first.
    pub(super) fn sizes(&self) -> (Geometry, u64) {
        let geometry = self.proven.get().map_or(self.guess, |proven| proven.geometry);
        (geometry, self.start / geometry.segment_size())
    }

    /// Open shares of different numbers: as many as are needed besides those that the caller
    /// `has`. Opens more if there are too few.
    pub(super) async fn shares(
        &self,
        has: &BTreeSet<ShareNumber>,
    ) -> Result<Vec<Arc<OpenShare>>, DownloadError> {
        let wanted = usize::from(self.encoding.needed()).saturating_sub(has.len());
        let mut pool = self.pool.lock().await;
        loop {
            let usable: Vec<_> =
                pool.open.iter().filter(|s| !has.contains(&s.number())).cloned().collect();
            if usable.len() >= wanted {
                return Ok(usable.into_iter().take(wanted).collect());
            }
            let taken = pool.open.iter().map(|s| s.number()).chain(has.iter().copied()).collect();
            let missing = wanted - usable.len();
            // A large file is worth asking everybody: the fastest then serve all of it.
            let eager = if self.size > SEGMENT_SIZE_DEFAULT { usize::MAX } else { 0 };
            let found = pool.finder.find(missing, eager, &taken).await;
            if found.is_empty() {
                return Err(self.not_enough(usable.len() + has.len(), &pool.finder));
            }
            self.open_all(&mut pool, found).await?;
        }
    }

    fn not_enough(&self, found: usize, finder: &Finder) -> DownloadError {
        let (asked, unanswered) = finder.asked();
        let needed = self.encoding.needed().into();
        if found == 0 {
            DownloadError::NoShares { asked, unanswered }
        } else {
            DownloadError::NotEnoughShares { found, needed, asked, unanswered }
        }
    }

    /// Opens these shares side by side and takes the good ones into the pool.
    async fn open_all(&self, pool: &mut Pool, found: Vec<Location>) -> Result<(), DownloadError> {
        let tries = found.iter().map(|location| location.tries).max().unwrap_or(0);
        let opens = found.iter().enumerate().map(|(i, location)| {
            // Any share has the crypttext hash tree: one is asked for it.
            let with_crypttext_tree = i == 0 && self.proven.get().is_none();
            OpenShare::read(self, location, with_crypttext_tree)
        });
        let opened = gather(opens.collect::<Vec<_>>(), patience(tries)).await;
        for (location, opened) in found.into_iter().zip(opened) {
            match opened {
                None => self.too_slow(pool, location),
                Some(Err(error)) => self.failed(pool, location, error)?,
                Some(Ok(opened)) => match self.prove(&location, opened).await {
                    Ok(share) => pool.open.push(Arc::new(share)),
                    Err(error) => self.failed(pool, location, error)?,
                },
            }
        }
        Ok(())
    }

    /// Proves the hashes that were read of a share.
    async fn prove(&self, location: &Location, opened: Opened) -> Result<OpenShare, OpenError> {
        if self.proven.get().is_none() {
            let verifier = FileVerifier::new(opened.ueb.clone());
            let geometry = *verifier.geometry();
            let decoder = SegmentDecoder::new(geometry, self.key.expose());
            let proven = Proven { verifier: RwLock::new(verifier), decoder, geometry };
            let _ = self.proven.set(proven);
        }
        let proven = self.proven().map_err(OpenError::File)?;
        let crypttext_tree = match &opened.crypttext_tree {
            Some(tree) => Some(tree.clone()),
            None if proven.verifier.read().await.has_crypttext_tree() => None,
            None => Some(opened.read_crypttext_tree(self, location).await?),
        };
        let mut verifier = proven.verifier.write().await;
        opened.prove(&mut verifier, location, crypttext_tree.as_deref())
    }

    /// A share could not be opened, or is corrupt.
    fn failed(
        &self,
        pool: &mut Pool,
        location: Location,
        error: OpenError,
    ) -> Result<(), DownloadError> {
        match error {
            OpenError::Storage(StorageError::TimedOut { .. }) => self.too_slow(pool, location),
            OpenError::Storage(error) => {
                tracing::info!(server = %location.server.info().id, %error, "share not read");
                location.server.note_error(&error);
            }
            OpenError::Corrupt(reason) => self.advise(&location.server, location.share, reason),
            OpenError::File(error) => return Err(error),
        }
        Ok(())
    }

    fn too_slow(&self, pool: &mut Pool, location: Location) {
        tracing::info!(server = %location.server.info().id, share = %location.share, "too slow");
        if location.tries < SLOW_MAX {
            pool.finder.put_back(location);
        }
    }

    /// Takes a share out that was too slow or failed; others take its place.
    pub(super) async fn lose(&self, share: &Arc<OpenShare>, error: Option<StorageError>) {
        let mut pool = self.pool.lock().await;
        let open = pool.open.len();
        pool.open.retain(|open| !Arc::ptr_eq(open, share));
        if pool.open.len() == open {
            return; // Another run lost it already.
        }
        let location = share.location().clone();
        match error {
            None | Some(StorageError::TimedOut { .. }) => self.too_slow(&mut pool, location),
            Some(error) => {
                tracing::info!(server = %location.server.info().id, %error, "share lost");
                location.server.note_error(&error);
            }
        }
    }

    /// Takes a share out whose blocks are not what was uploaded, and tells its server.
    pub(super) async fn corrupt(&self, share: &Arc<OpenShare>, reason: String) {
        let mut pool = self.pool.lock().await;
        let open = pool.open.len();
        pool.open.retain(|open| !Arc::ptr_eq(open, share));
        if pool.open.len() < open {
            self.advise(&share.location().server, share.number(), reason);
        }
    }

    fn advise(&self, server: &Arc<GridServer>, share: ShareNumber, reason: String) {
        let si = self.storage_index;
        tracing::warn!(server = %server.info().id, %si, %share, reason, "corrupt share");
        let storage = server.storage_arc();
        tokio::spawn(async move {
            let advice = storage.advise_corrupt(ShareKind::Immutable, si, share, reason);
            if let Err(error) = advice.await {
                tracing::debug!(%si, %share, %error, "corruption was not reported");
            }
        });
    }
}
