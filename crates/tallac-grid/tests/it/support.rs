//! A grid of simulated servers, and files to put on it.

use std::sync::Arc;

use bytes::Bytes;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex, TubId};
use tallac_core::immutable::{Encoding, SEGMENT_SIZE_DEFAULT};
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use tallac_grid::download::DownloadError;
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_grid::upload::{ImmutableCap, UploadError, UploadOptions, UploadResults};
use tallac_testkit::SimServer;

/// Simulated servers, and a grid of them.
pub(crate) struct TestGrid {
    pub(crate) sims: Vec<Arc<SimServer>>,
    pub(crate) grid: Grid,
}

impl TestGrid {
    /// `count` servers that all answer; `k`-of-`n` on at least `happy` of them.
    pub(crate) async fn new(count: usize, (k, happy, n): (u64, usize, u64)) -> Self {
        let sims: Vec<_> =
            (0..count).map(|i| Arc::new(SimServer::new(format!("sim{i}")))).collect();
        Self::of(sims, (k, happy, n)).await
    }

    /// These servers, some of which may not answer.
    pub(crate) async fn of(sims: Vec<Arc<SimServer>>, encoding: (u64, usize, u64)) -> Self {
        // Many segments in little time.
        Self::with_segments(sims, encoding, 1000).await
    }

    /// Servers that get files with segments of the size that most files have.
    pub(crate) async fn with_usual_segments(count: usize, encoding: (u64, usize, u64)) -> Self {
        let sims = (0..count).map(|i| Arc::new(SimServer::new(format!("sim{i}"))));
        Self::with_segments(sims.collect(), encoding, SEGMENT_SIZE_DEFAULT).await
    }

    async fn with_segments(
        sims: Vec<Arc<SimServer>>,
        encoding: (u64, usize, u64),
        segment_size_max: u64,
    ) -> Self {
        Self::with(sims, encoding, segment_size_max, |_, server| server).await
    }

    /// Servers of which each is given shares only while `may`, asked with its number, says so.
    pub(crate) async fn with_permits(
        sims: Vec<Arc<SimServer>>,
        encoding: (u64, usize, u64),
        may: impl Fn(usize) -> bool + Clone + Send + Sync + 'static,
    ) -> Self {
        let permit = |i, server: GridServer| {
            let may = may.clone();
            server.given_shares_while(move || may(i))
        };
        Self::with(sims, encoding, 1000, permit).await
    }

    async fn with(
        sims: Vec<Arc<SimServer>>,
        (k, happy, n): (u64, usize, u64),
        segment_size_max: u64,
        finish: impl Fn(usize, GridServer) -> GridServer,
    ) -> Self {
        let servers: Vec<_> = sims
            .iter()
            .enumerate()
            .map(|(i, sim)| {
                let byte = u8::try_from(i).unwrap();
                let info = ServerInfo {
                    id: ServerId::new(format!("v0-server{i}")),
                    nickname: sim.name().to_owned(),
                    tub_id: TubId::new([byte; 20]),
                    permutation_seed: vec![byte; 32],
                };
                let storage: Arc<dyn tallac_core::storage::StorageServer> = Arc::clone(sim) as _;
                Arc::new(finish(i, GridServer::new(info, storage)))
            })
            .collect();
        for server in &servers {
            server.poll().await;
        }
        let mut config = GridConfig::new(
            LeaseSecret::new([1; 32]),
            ConvergenceSecret::new(b"a convergence secret".to_vec()),
        )
        .unwrap();
        config.encoding = Encoding::new(k, n).unwrap();
        config.happy = happy;
        config.segment_size_max = segment_size_max;
        Self { sims, grid: Grid::new(config, ServerList::new(servers)) }
    }

    pub(crate) async fn put(&self, data: &Bytes) -> Result<UploadResults, UploadError> {
        self.grid.uploader().upload(data.clone(), UploadOptions::default()).await
    }

    pub(crate) async fn get(&self, cap: &ImmutableCap) -> Result<Bytes, DownloadError> {
        self.grid.downloader().download_to_memory(cap, u64::MAX).await
    }

    /// Bytes of shares that all servers have handed out until now.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.sims.iter().map(|sim| sim.bytes_read()).sum()
    }

    /// Which server has which share of a file.
    pub(crate) fn holders(&self, si: StorageIndex) -> Vec<(usize, ShareNumber)> {
        let of = |(i, sim): (usize, &Arc<SimServer>)| {
            let shares = sim.shares().into_iter().filter(move |(of, _)| *of == si);
            shares.map(move |(_, share)| (i, share)).collect::<Vec<_>>()
        };
        self.sims.iter().enumerate().flat_map(of).collect()
    }
}

/// A file of `len` bytes with no repetition to speak of.
pub(crate) fn file(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect()
}

/// Storage index of a file that is on the grid.
pub(crate) fn storage_index(cap: &ImmutableCap) -> StorageIndex {
    match cap {
        ImmutableCap::Chk(cap) => cap.storage_index(),
        ImmutableCap::Lit(_) => panic!("a literal file is stored nowhere"),
    }
}
