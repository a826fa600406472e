//! One file on its way down: `k` shares of it open, replaced as they fail.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{ChkReadCap, EncryptionKey};
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{FileVerifier, Geometry, SEGMENT_SIZE_DEFAULT, SegmentDecoder, Ueb};
use tallac_core::storage::{ShareKind, StorageError};
use tokio::sync::{Mutex, OnceCell, RwLock};

use super::error::DownloadError;
use super::find::{Finder, Location};
use super::share::{OpenError, OpenShare, Opened};
use super::subject::Subject;
use crate::check::BadShare;
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
    pub(super) subject: Subject,
    /// What is done with it, for whoever looks at that.
    pub(super) watched: Arc<Operation>,
    /// None where the ciphertext is wanted.
    key: Option<EncryptionKey>,
    /// Where reading begins: the segment there is fetched along with the hashes.
    start: u64,
    /// Sizes as most files have them, to read before the true ones are known.
    guess: Geometry,
    proven: OnceCell<Proven>,
    pool: Mutex<Pool>,
    /// Shares that were found corrupt.
    corrupt: std::sync::Mutex<Vec<BadShare>>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({})", self.subject.storage_index)
    }
}

/// What is there once the first share is open.
pub(super) struct Proven {
    pub(super) verifier: RwLock<FileVerifier>,
    pub(super) decoder: SegmentDecoder,
    pub(super) geometry: Geometry,
    pub(super) ueb: Ueb,
    pub(super) ueb_bytes: Bytes,
}

struct Pool {
    finder: Finder,
    open: Vec<Arc<OpenShare>>,
}

impl File {
    /// A file to be decrypted, read from `start` on.
    pub(super) fn new(
        grid: &Grid,
        cap: &ChkReadCap,
        start: u64,
        watched: &Arc<Operation>,
    ) -> Result<Self, DownloadError> {
        let subject = Subject::of(&cap.to_verifier())?;
        let total = subject.encoding.total().into();
        let finder = Finder::new(grid, subject.storage_index, total, watched);
        Self::with(subject, Some(cap.key().clone()), finder, start)
    }

    /// A file that is to stay encrypted, of shares that are known.
    pub(super) fn encrypted(subject: Subject, known: Finder) -> Result<Self, DownloadError> {
        Self::with(subject, None, known, 0)
    }

    fn with(
        subject: Subject,
        key: Option<EncryptionKey>,
        finder: Finder,
        start: u64,
    ) -> Result<Self, DownloadError> {
        Ok(Self {
            watched: Arc::clone(finder.watched()),
            key,
            start,
            guess: subject.guess()?,
            subject,
            proven: OnceCell::new(),
            pool: Mutex::new(Pool { finder, open: Vec::new() }),
            corrupt: std::sync::Mutex::default(),
        })
    }

    /// Whether it is the file of this cap, the same in all that the cap says.
    pub(super) fn is_of(&self, cap: &ChkReadCap) -> bool {
        self.key.as_ref() == Some(cap.key())
            && Subject::of(&cap.to_verifier()).is_ok_and(|subject| subject == self.subject)
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
        let wanted = usize::from(self.subject.encoding.needed()).saturating_sub(has.len());
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
            let eager = if self.subject.size > SEGMENT_SIZE_DEFAULT { usize::MAX } else { 0 };
            let found = pool.finder.find(missing, eager, &taken).await;
            if found.is_empty() {
                return Err(self.not_enough(usable.len() + has.len(), &pool.finder));
            }
            self.open_all(&mut pool, found).await?;
        }
    }

    fn not_enough(&self, found: usize, finder: &Finder) -> DownloadError {
        let (asked, unanswered) = finder.asked();
        let needed = self.subject.encoding.needed().into();
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
            let decoder = match &self.key {
                Some(key) => SegmentDecoder::new(geometry, key.expose()),
                None => SegmentDecoder::for_ciphertext(geometry),
            };
            let (ueb, ueb_bytes) = (opened.ueb.clone(), opened.ueb_bytes.clone());
            let verifier = RwLock::new(verifier);
            let proven = Proven { verifier, decoder, geometry, ueb, ueb_bytes };
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
        let storage_index = self.subject.storage_index;
        let mut corrupt = self.corrupt.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, why) = (server.info().id.clone(), reason.clone());
        corrupt.push(BadShare { server: id, storage_index, share, reason: why });
        drop(corrupt);
        server.advise_corrupt(ShareKind::Immutable, storage_index, share, reason);
    }

    /// Shares that were found corrupt until now.
    pub(super) fn corrupt_shares(&self) -> Vec<BadShare> {
        self.corrupt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
