//! A helper on simulated servers, with clients that are a function call away.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tallac_core::helper::{Ciphertext, CodingParameters};
use tallac_core::ids::{ServerId, TubId};
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use tallac_core::storage::{StorageError, StorageServer};
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_testkit::{Fault, SimServer};

use super::*;

const SI: StorageIndex = StorageIndex::new([7; 16]);

/// Ten servers, a helper, and its folder.
struct World {
    sims: Vec<Arc<SimServer>>,
    servers: Vec<Arc<GridServer>>,
    folder: tempfile::TempDir,
    helper: Helper,
}

impl World {
    async fn new() -> Self {
        let sims: Vec<_> = (0..10).map(|i| Arc::new(SimServer::new(format!("sim{i}")))).collect();
        let server = |(i, sim): (u8, &Arc<SimServer>)| {
            let info = ServerInfo {
                id: ServerId::new(format!("v0-server{i}")),
                nickname: sim.name().to_owned(),
                tub_id: TubId::new([i; 20]),
                permutation_seed: vec![i; 32],
            };
            let storage: Arc<dyn StorageServer> = Arc::clone(sim) as _;
            Arc::new(GridServer::new(info, storage))
        };
        let servers: Vec<_> = (0..).zip(&sims).map(server).collect();
        for server in &servers {
            server.poll().await;
        }
        let convergence = ConvergenceSecret::new(b"x".to_vec());
        let config = GridConfig::new(LeaseSecret::new([1; 32]), convergence).unwrap();
        let grid = Grid::new(config, ServerList::new(servers.clone()));
        let folder = tempfile::tempdir().unwrap();
        let helper = Helper::open(folder.path(), grid.uploader()).unwrap();
        Self { sims, servers, folder, helper }
    }

    async fn upload(&self, client: &Arc<Client>) -> Result<HelperResults, HelperError> {
        match self.helper.begin(SI).await? {
            Begun::Present(_) => panic!("it is there already"),
            Begun::Wanted(upload) => upload.upload(Arc::clone(client) as _).await,
        }
    }

    fn stats(&self) -> BTreeMap<&'static str, u64> {
        let stats = self.helper.stats().unwrap().into_iter();
        stats
            .map(|(name, value)| (name.strip_prefix("chk_upload_helper.").unwrap(), value))
            .collect()
    }

    fn held(&self, folder: &str) -> Option<u64> {
        let path = self.folder.path().join(folder).join(SI.to_string());
        Some(fs::metadata(path).ok()?.len())
    }
}

/// A client whose line breaks after so many bytes.
#[derive(Debug)]
struct Client {
    data: Bytes,
    breaks_at: u64,
    sent: AtomicU64,
    parameters: CodingParameters,
}

impl Client {
    fn new(data: &Bytes, breaks_at: u64) -> Arc<Self> {
        let parameters = CodingParameters { needed: 3, happy: 7, total: 10, segment_size: 131_073 };
        Arc::new(Self { data: data.clone(), breaks_at, sent: AtomicU64::new(0), parameters })
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Ciphertext for Client {
    fn size(&self) -> BoxFuture<'_, Result<u64, HelperError>> {
        Box::pin(async { Ok(self.data.len() as u64) })
    }

    fn parameters(&self) -> BoxFuture<'_, Result<CodingParameters, HelperError>> {
        Box::pin(async { Ok(self.parameters) })
    }

    fn read(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, HelperError>> {
        Box::pin(async move {
            let offset = usize::try_from(offset).unwrap();
            if (offset + len) as u64 > self.breaks_at {
                return Err(HelperError::Disconnected);
            }
            self.sent.fetch_add(len as u64, Ordering::Relaxed);
            Ok(self.data.slice(offset..offset + len))
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn file() -> Bytes {
    (0..300_000_u32).map(|i| (i % 251) as u8).collect()
}

#[tokio::test]
async fn a_broken_upload_goes_on_where_it_was() {
    let world = World::new().await;
    let broken = Client::new(&file(), 200_000);
    assert_eq!(world.upload(&broken).await, Err(HelperError::Disconnected));
    assert_eq!(world.held("CHK_incoming"), Some(3 * 51_200));
    assert_eq!(world.stats()["incoming_size"], 3 * 51_200);

    let whole = Client::new(&file(), u64::MAX);
    let results = world.upload(&whole).await.unwrap();
    assert_eq!(whole.sent(), 300_000 - 3 * 51_200);
    assert_eq!((results.pushed, results.preexisting), (10, 0));
    assert_eq!((results.fetched, results.shares.len()), (whole.sent(), 10));
    assert_eq!((world.held("CHK_incoming"), world.held("CHK_encoding")), (None, None));

    let Begun::Present(present) = world.helper.begin(SI).await.unwrap() else {
        panic!("it should be there")
    };
    assert_eq!((present.pushed, present.preexisting), (0, 10));
    assert_eq!((&present.ueb, present.ueb_hash), (&results.ueb, results.ueb_hash));
    let stats = world.stats();
    for (name, expected) in [
        ("upload_requests", 3),
        ("upload_already_present", 1),
        ("upload_need_upload", 2),
        ("resumes", 1),
        ("fetched_bytes", 300_000),
        ("encoded_bytes", 300_000),
        ("active_uploads", 0),
        ("incoming_count", 0),
        ("encoding_size_old", 0),
    ] {
        assert_eq!(stats[name], expected, "{name}");
    }
}

#[tokio::test]
async fn one_client_takes_over_from_another() {
    let world = World::new().await;
    let clients = [Client::new(&file(), 100_000), Client::new(&file(), u64::MAX)];
    let Begun::Wanted(upload) = world.helper.begin(SI).await.unwrap() else { panic!("wanted") };
    let Begun::Wanted(again) = world.helper.begin(SI).await.unwrap() else { panic!("wanted") };
    let (first, second) = tokio::join!(
        upload.upload(Arc::clone(&clients[0]) as _),
        again.upload(Arc::clone(&clients[1]) as _),
    );
    assert_eq!(first, second);
    assert_eq!(first.unwrap().pushed, 10);
    assert_eq!(clients.map(|client| client.sent()), [51_200, 248_800]);
}

#[tokio::test]
async fn what_is_whole_is_kept_until_servers_take_it() {
    let world = World::new().await;
    for sim in &world.sims {
        let unreachable = StorageError::Unreachable("connection refused".to_owned());
        sim.set_fault_everywhere(&Fault::Fail(unreachable));
    }
    let client = Client::new(&file(), u64::MAX);
    assert!(matches!(world.upload(&client).await, Err(HelperError::Failed(_))));
    assert_eq!((client.sent(), world.held("CHK_encoding")), (300_000, Some(300_000)));
    for (sim, server) in world.sims.iter().zip(&world.servers) {
        sim.heal_all();
        server.poll().await;
    }
    let results = world.upload(&client).await.unwrap();
    assert_eq!((client.sent(), results.fetched), (300_000, 0));
    assert_eq!(world.held("CHK_encoding"), None);
}

#[tokio::test]
async fn files_of_other_sizes_are_of_no_use() {
    let world = World::new().await;
    for folder in ["CHK_incoming", "CHK_encoding"] {
        let path = world.folder.path().join(folder).join(SI.to_string());
        fs::write(path, vec![0; 300_001]).unwrap();
    }
    let client = Client::new(&file(), u64::MAX);
    assert_eq!(world.upload(&client).await.unwrap().fetched, 300_000);
}

#[tokio::test]
async fn files_that_cannot_be_are_refused() {
    let world = World::new().await;
    let client = Client::new(&file(), u64::MAX);
    let check = |change: fn(&mut CodingParameters)| {
        let mut parameters = client.parameters;
        change(&mut parameters);
        let (data, breaks_at) = (file(), u64::MAX);
        Arc::new(Client { data, breaks_at, sent: AtomicU64::new(0), parameters })
    };
    for client in [
        check(|parameters| parameters.total = 2),
        check(|parameters| parameters.segment_size = 5),
        check(|parameters| parameters.segment_size = u64::MAX / 3 * 3),
    ] {
        let refused = world.upload(&client).await;
        assert!(matches!(refused, Err(HelperError::Misbehaved(_))), "{refused:?}");
        assert_eq!((client.sent(), world.held("CHK_incoming")), (0, None));
    }
}
