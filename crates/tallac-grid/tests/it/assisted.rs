//! Uploads by a helper, which is a function call away here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tallac_core::hash::Hash;
use tallac_core::helper::{
    AssistedUpload, Begun, BoxFuture, Ciphertext, HelperError, HelperResults, UploadHelper,
};
use tallac_core::ids::StorageIndex;
use tallac_grid::grid::Grid;
use tallac_grid::servers::ServerList;
use tallac_grid::upload::{
    CiphertextFile, ImmutableCap, UploadError, UploadOptions, UploadResults, Uploader,
};

use crate::support::{TestGrid, file, storage_index};

/// Damages what a helper answers.
type Lie = fn(&mut HelperResults);

/// A helper that keeps everything in memory.
#[derive(Debug)]
struct MemoryHelper {
    uploader: Uploader,
    asked: AtomicUsize,
    connected: bool,
    lie: Option<Lie>,
    ciphertext: Arc<Mutex<Vec<u8>>>,
}

#[derive(Debug)]
struct MemoryUpload {
    uploader: Uploader,
    storage_index: StorageIndex,
    lie: Option<Lie>,
    ciphertext: Arc<Mutex<Vec<u8>>>,
}

impl UploadHelper for MemoryHelper {
    fn begin(&self, storage_index: StorageIndex) -> BoxFuture<'_, Result<Begun, HelperError>> {
        Box::pin(async move {
            if !self.connected {
                return Err(HelperError::NotConnected);
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
            if let Some(found) = self.uploader.find_complete(storage_index).await {
                let preexisting = found.shares.len() as u64;
                let mut results = HelperResults {
                    ueb: found.ueb,
                    ueb_hash: found.ueb_hash,
                    shares: found.shares,
                    pushed: 0,
                    preexisting,
                    fetched: 0,
                    timings: Vec::new(),
                };
                self.lie.iter().for_each(|lie| lie(&mut results));
                return Ok(Begun::Present(results));
            }
            let (uploader, lie) = (self.uploader.clone(), self.lie);
            let ciphertext = Arc::clone(&self.ciphertext);
            let upload = MemoryUpload { uploader, storage_index, lie, ciphertext };
            Ok(Begun::Wanted(Arc::new(upload)))
        })
    }
}

impl AssistedUpload for MemoryUpload {
    fn upload(
        &self,
        ciphertext: Arc<dyn Ciphertext>,
    ) -> BoxFuture<'_, Result<HelperResults, HelperError>> {
        Box::pin(async move {
            let size = ciphertext.size().await?;
            let parameters = ciphertext.parameters().await?;
            let mut all = Vec::new();
            while (all.len() as u64) < size {
                let len = 7000.min(usize::try_from(size).unwrap() - all.len());
                all.extend_from_slice(&ciphertext.read(all.len() as u64, len).await?);
            }
            assert!(ciphertext.read(size - 1, 2).await.is_err(), "beyond the end");
            ciphertext.close().await;
            self.ciphertext.lock().unwrap().clone_from(&all);
            let geometry = parameters.geometry(size).unwrap();
            let happy = usize::try_from(parameters.happy).unwrap();
            let file = CiphertextFile { storage_index: self.storage_index, geometry, happy };
            let done = self.uploader.upload_ciphertext(Bytes::from(all), file).await;
            let done = done.map_err(|error| HelperError::Failed(error.to_string()))?;
            let mut results = HelperResults {
                ueb: done.ueb,
                ueb_hash: done.ueb_hash,
                pushed: done.pushed.len() as u64,
                preexisting: done.preexisting.len() as u64,
                fetched: size,
                shares: done.pushed.into_iter().map(|(share, id)| (share, [id].into())).collect(),
                timings: Vec::new(),
            };
            self.lie.iter().for_each(|lie| lie(&mut results));
            Ok(results)
        })
    }
}

/// A grid, its helper, and the same grid with the helper.
struct Assisted {
    direct: TestGrid,
    helper: Arc<MemoryHelper>,
    grid: Grid,
}

impl Assisted {
    async fn new(connected: bool, lie: Option<Lie>) -> Self {
        let direct = TestGrid::new(10, (3, 7, 10)).await;
        let (uploader, asked) = (direct.grid.uploader(), AtomicUsize::new(0));
        let ciphertext = Arc::default();
        let helper = Arc::new(MemoryHelper { uploader, asked, connected, lie, ciphertext });
        let servers = ServerList::new(direct.grid.servers().all());
        let config = direct.grid.config().clone();
        let grid = Grid::with_helper(config, servers, Some(Arc::clone(&helper) as _));
        Self { direct, helper, grid }
    }

    async fn put(&self, data: &Bytes) -> Result<UploadResults, UploadError> {
        self.grid.uploader().upload(data.clone(), UploadOptions::default()).await
    }

    fn asked(&self) -> usize {
        self.helper.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_helper_makes_the_same_file() {
    for len in [56, 999, 1000, 20_000, 100_001] {
        let assisted = Assisted::new(true, None).await;
        let data = file(len);
        let progress = UploadOptions::default();
        let results =
            assisted.grid.uploader().upload(data.clone(), progress.clone()).await.unwrap();
        assert_eq!((results.pushed.len(), results.preexisting.len()), (10, 0));
        assert_eq!((results.happiness, assisted.asked()), (10, 1));
        assert_eq!(progress.progress.bytes(), len as u64);
        assert_eq!(assisted.direct.get(&results.cap).await.unwrap(), data);
        assert_ne!(assisted.helper.ciphertext.lock().unwrap()[..], data[..]);
        let direct = TestGrid::new(10, (3, 7, 10)).await;
        assert_eq!(direct.put(&data).await.unwrap().cap, results.cap, "{len} bytes");
    }
}

#[tokio::test]
async fn what_is_there_is_not_sent_to_the_helper() {
    let assisted = Assisted::new(true, None).await;
    let data = file(20_000);
    let direct = assisted.direct.put(&data).await.unwrap();
    let results = assisted.put(&data).await.unwrap();
    assert_eq!(results.cap, direct.cap);
    assert_eq!((results.pushed.len(), results.preexisting.len()), (0, 10));
    assert!(assisted.helper.ciphertext.lock().unwrap().is_empty());
    // But it is sent if a single share is missing.
    let si = storage_index(&direct.cap);
    let (server, share) = assisted.direct.holders(si)[0];
    assisted.direct.sims[server].drop_share(si, share);
    assert_eq!(assisted.put(&data).await.unwrap().pushed.len(), 1);
}

#[tokio::test]
async fn small_files_and_lost_helpers_are_done_without() {
    let assisted = Assisted::new(true, None).await;
    let results = assisted.put(&file(55)).await.unwrap();
    assert!(matches!(results.cap, ImmutableCap::Lit(_)));
    assert_eq!(assisted.asked(), 0);
    let assisted = Assisted::new(false, None).await;
    assert_eq!(assisted.put(&file(20_000)).await.unwrap().pushed.len(), 10);
}

/// A helper that does not answer.
#[derive(Debug)]
struct HungHelper;

impl UploadHelper for HungHelper {
    fn begin(&self, _: StorageIndex) -> BoxFuture<'_, Result<Begun, HelperError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_hangs_is_done_without() {
    let direct = TestGrid::new(10, (3, 7, 10)).await;
    let servers = ServerList::new(direct.grid.servers().all());
    let config = direct.grid.config().clone();
    let grid = Grid::with_helper(config, servers, Some(Arc::new(HungHelper)));
    let results = grid.uploader().upload(file(20_000), UploadOptions::default()).await.unwrap();
    assert_eq!(results.pushed.len(), 10);
}

/// A cap that the helper's lie would make is of another file.
#[tokio::test]
async fn a_helper_is_not_believed() {
    let lies: [Lie; 3] = [
        |results| results.ueb_hash = Hash::default(),
        |results| results.ueb = Bytes::from_static(b"size:1:5,"),
        |results| {
            // A UEB that fits together, but is of other ciphertext.
            let fields = results.ueb.to_vec();
            let at = fields.windows(20).position(|w| w == b"crypttext_root_hash:").unwrap();
            let mut fields = fields;
            fields[at + 30] ^= 1;
            results.ueb = fields.into();
            results.ueb_hash = tallac_core::immutable::Ueb::hash(&results.ueb);
        },
    ];
    for lie in lies {
        let assisted = Assisted::new(true, Some(lie)).await;
        for _ in 0..2 {
            let error = assisted.put(&file(20_000)).await.unwrap_err();
            let lied = matches!(error, UploadError::Helper(HelperError::Misbehaved(_)));
            assert!(lied, "{error}");
        }
    }
}
