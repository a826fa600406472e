//! A client and a helper that reach each other over TLS on loopback; the servers are simulated.

use std::sync::Arc;

use bytes::Bytes;
use foolscap::{Certificate, Swissnum, Tub, TubOptions};
use tallac::helper::Helper;
use tallac_core::cap::EncryptionKey;
use tallac_core::crypto::Aes128Ctr;
use tallac_core::helper::{
    Begun, BoxFuture, Ciphertext, CodingParameters, HelperError, UploadHelper,
};
use tallac_core::ids::{ServerId, TubId};
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use tallac_core::storage::StorageServer;
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_grid::upload::{FileKey, UploadOptions, UploadResults};
use tallac_net::helper::{HelperClient, HelperService};
use tallac_testkit::SimServer;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// A helper, a client of it, and a grid for both.
struct World {
    _folder: tempfile::TempDir,
    helper: Helper,
    client: Arc<HelperClient>,
    grid: Grid,
    /// The connections that the helper serves, one after the other.
    connections: mpsc::UnboundedReceiver<JoinHandle<()>>,
}

impl World {
    async fn new() -> Self {
        let servers: Vec<_> = (0..10).map(server).collect();
        for server in &servers {
            server.poll().await;
        }
        let convergence = ConvergenceSecret::new(b"x".to_vec());
        let config = GridConfig::new(LeaseSecret::new([1; 32]), convergence).unwrap();
        let helpers_grid = Grid::new(config.clone(), ServerList::new(servers.clone()));
        let folder = tempfile::tempdir().unwrap();
        let helper = Helper::open(folder.path(), helpers_grid.uploader()).unwrap();

        let tub = Tub::new(&Certificate::generate().unwrap(), TubOptions::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tub.set_hints(vec![format!("tcp:{}", listener.local_addr().unwrap())]);
        let service = HelperService::new(Arc::new(helper.clone()), "test/0");
        let furl = tub.register(Swissnum::generate().unwrap(), Arc::new(service));
        let (accepted, connections) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tub = tub.clone();
                let _ = accepted.send(tokio::spawn(async move {
                    let _ = tub.serve_connection(stream).await;
                }));
            }
        });

        let tub = Tub::new(&Certificate::generate().unwrap(), TubOptions::default()).unwrap();
        let client = Arc::new(HelperClient::start(&tub, furl));
        let grid = Grid::with_helper(config, ServerList::new(servers), Some(client.clone()));
        client.connected().await;
        Self { _folder: folder, helper, client, grid, connections }
    }

    async fn put(&self, data: &Bytes) -> UploadResults {
        let options = UploadOptions { key: FileKey::Known(key()), ..UploadOptions::default() };
        self.grid.uploader().upload(data.clone(), options).await.unwrap()
    }

    async fn get(&self, results: &UploadResults) -> Bytes {
        self.grid.downloader().download_to_memory(&results.cap, u64::MAX).await.unwrap()
    }

    fn stat(&self, name: &str) -> u64 {
        let stats = self.helper.stats().unwrap();
        let named =
            |(other, _): &&(&str, u64)| other.strip_prefix("chk_upload_helper.") == Some(name);
        stats.iter().find(named).unwrap().1
    }
}

fn server(i: u8) -> Arc<GridServer> {
    let info = ServerInfo {
        id: ServerId::new(format!("v0-server{i}")),
        nickname: format!("sim{i}"),
        tub_id: TubId::new([i; 20]),
        permutation_seed: vec![i; 32],
    };
    let storage: Arc<dyn StorageServer> = Arc::new(SimServer::new(format!("sim{i}")));
    Arc::new(GridServer::new(info, storage))
}

fn key() -> EncryptionKey {
    EncryptionKey::new([9; 16])
}

fn file(len: usize) -> Bytes {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

#[tokio::test]
async fn a_file_goes_through_the_helper() {
    let world = World::new().await;
    let data = file(400_000);
    let results = world.put(&data).await;
    assert_eq!((results.pushed.len(), results.happiness), (10, 10));
    assert_eq!(world.get(&results).await, data);
    assert_eq!((world.stat("fetched_bytes"), world.stat("encoded_bytes")), (400_000, 400_000));
    let again = world.put(&data).await;
    assert_eq!((again.pushed.len(), again.preexisting.len()), (0, 10));
    assert_eq!(again.cap, results.cap);
    assert_eq!(world.stat("upload_already_present"), 1);
}

/// Ciphertext that stops to come at some point, and says so.
#[derive(Debug)]
struct Stuck {
    data: Bytes,
    at: u64,
    is_stuck: Arc<Notify>,
}

impl Ciphertext for Stuck {
    fn size(&self) -> BoxFuture<'_, Result<u64, HelperError>> {
        Box::pin(async { Ok(self.data.len() as u64) })
    }

    fn parameters(&self) -> BoxFuture<'_, Result<CodingParameters, HelperError>> {
        let segment_size = 400_002;
        let parameters = CodingParameters { needed: 3, happy: 7, total: 10, segment_size };
        Box::pin(async move { Ok(parameters) })
    }

    fn read(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, HelperError>> {
        Box::pin(async move {
            if offset >= self.at {
                self.is_stuck.notify_one();
                std::future::pending::<()>().await;
            }
            let offset = usize::try_from(offset).unwrap();
            Ok(self.data.slice(offset..offset + len))
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_lost_connection_loses_nothing() {
    let mut world = World::new().await;
    let data = file(400_000);
    let mut ciphertext = data.to_vec();
    Aes128Ctr::new(key().expose()).apply(0, &mut ciphertext);

    let is_stuck = Arc::new(Notify::new());
    let stuck = Stuck { data: ciphertext.into(), at: 153_600, is_stuck: Arc::clone(&is_stuck) };
    let begun = world.client.begin(key().storage_index()).await.unwrap();
    let Begun::Wanted(upload) = begun else { panic!("it should be wanted") };
    let (lost, ()) = tokio::join!(upload.upload(Arc::new(stuck)), async {
        is_stuck.notified().await;
        world.connections.recv().await.unwrap().abort();
    });
    assert_eq!(lost.unwrap_err(), HelperError::Disconnected);

    // The client comes back by itself, and the helper goes on.
    world.client.connected().await;
    let results = world.put(&data).await;
    assert_eq!(world.get(&results).await, data);
    assert_eq!((world.stat("resumes"), world.stat("fetched_bytes")), (1, 400_000));
}
