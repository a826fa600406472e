//! How fast GBS moves bytes and answers small requests over loopback, to servers that forget what
//! they are sent: `cargo run --release -p tallac-net --example gbs_bench [FILTER]`.
//!
//! The servers are in a process of their own, so that what each side costs can be told apart.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _, stdout};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, future, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};
use tallac_net::gbs::{GbsClient, GbsServer};
use tallac_net::identity::{Certificate, Location, Nurl, SpkiHash, Swissnum};
use tallac_net::transport::Ways;
use tokio::net::TcpListener;

const SERVERS: usize = 10;
const SHARE_LEN: u64 = 35_000_000;
const SI: StorageIndex = StorageIndex::new([7; 16]);
static PIECE: [u8; 128 * 1024] = [0xa5; 128 * 1024];

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Sink;

fn pieces(len: u64) -> ShareStream {
    let step = PIECE.len() as u64;
    let piece = move |at: u64| {
        let len = usize::try_from((len - at).min(step)).expect("it is small");
        Ok(Bytes::from_static(&PIECE[..len]))
    };
    Box::pin(stream::iter((0..len).step_by(PIECE.len()).map(piece)))
}

impl StorageServer for Sink {
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>> {
        Box::pin(future::ready(Ok(ServerVersion {
            immutable_share_size_max: 1 << 40,
            mutable_share_size_max: 1 << 40,
            available_space: 1 << 40,
            application_version: "sink".into(),
        })))
    }

    fn allocate(
        &self,
        request: AllocateRequest,
    ) -> BoxFuture<'_, Result<Allocation, StorageError>> {
        let allocated = request.share_numbers;
        Box::pin(future::ready(Ok(Allocation { already_have: BTreeSet::new(), allocated })))
    }

    fn write(
        &self,
        mut request: WriteRequest,
    ) -> BoxFuture<'_, Result<WriteProgress, StorageError>> {
        Box::pin(async move {
            while let Some(piece) = request.data.next().await {
                piece?;
            }
            Ok(WriteProgress { required: Vec::new() })
        })
    }

    fn abort(
        &self,
        _storage_index: StorageIndex,
        _share_number: ShareNumber,
        _upload_secret: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(future::ready(Ok(())))
    }

    fn list(
        &self,
        _kind: ShareKind,
        _storage_index: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>> {
        Box::pin(future::ready(Ok(ShareNumber::first(3).collect())))
    }

    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>> {
        let range = request.range.unwrap_or(0..SHARE_LEN);
        Box::pin(future::ready(Ok(pieces(range.end.min(SHARE_LEN) - range.start))))
    }

    fn write_slot(
        &self,
        _: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>> {
        Box::pin(future::ready(Err(StorageError::NotFound)))
    }

    fn read_slot(&self, _: SlotReadRequest) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>> {
        Box::pin(future::ready(Err(StorageError::NotFound)))
    }

    fn add_lease(
        &self,
        _storage_index: StorageIndex,
        _lease: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(future::ready(Ok(())))
    }

    fn advise_corrupt(
        &self,
        _kind: ShareKind,
        _storage_index: StorageIndex,
        _share_number: ShareNumber,
        _reason: String,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(future::ready(Ok(())))
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    match std::env::args().nth(1) {
        Some(word) if word == "serve" => serve().await,
        filter => measure(&filter.unwrap_or_default()).await,
    }
}

async fn serve() -> Outcome<()> {
    let certificate = Certificate::generate()?;
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        let swissnum = Swissnum::generate()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let location = Location::new("127.0.0.1", listener.local_addr()?.port())?;
        let nurl = Nurl::new(SpkiHash::of(&certificate), location, swissnum.clone());
        writeln!(stdout(), "{}", nurl.expose_text())?;
        let server = GbsServer::new(Arc::new(Sink), &certificate, &swissnum)?;
        servers.push(async move { server.serve(listener, future::pending()).await });
    }
    future::join_all(servers).await;
    Ok(())
}

struct Bench {
    servers: Child,
    nurls: Vec<Nurl>,
    clients: Vec<GbsClient>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.servers.kill();
        let _ = self.servers.wait();
    }
}

async fn measure(filter: &str) -> Outcome<()> {
    let mut servers =
        Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(servers.stdout.take().ok_or("no pipe")?).lines();
    let nurls = lines.take(SERVERS).map(|line| Ok(line?.parse()?)).collect::<Outcome<Vec<Nurl>>>();
    let nurls = nurls?;
    let client = |nurl: &Nurl| GbsClient::new(std::slice::from_ref(nurl), &Ways::direct());
    let clients = nurls.iter().map(client).collect::<Result<Vec<_>, _>>()?;
    let bench = Bench { servers, nurls, clients };
    let (one, all) = (&bench.clients[..1], &bench.clients[..]);
    for clients in [one, all] {
        let title = format!("write 35 MB to {} server(s)", clients.len());
        bench.bulk(filter, &title, clients, |client| Box::pin(write(client))).await?;
        let title = format!("read 35 MB from {} server(s)", clients.len());
        bench.bulk(filter, &title, clients, |client| Box::pin(read(client, SHARE_LEN))).await?;
    }
    for workers in [1, 8] {
        let title = format!("list, {workers} at a time");
        bench.small(filter, &title, workers, |client| Box::pin(list(client))).await?;
        let title = format!("allocate, {workers} at a time");
        bench.small(filter, &title, workers, |client| Box::pin(allocate(client))).await?;
        let title = format!("read 1 KiB, {workers} at a time");
        bench.small(filter, &title, workers, |client| Box::pin(read(client, 1024))).await?;
    }
    bench.connections(filter).await
}

async fn write(client: &GbsClient) -> Result<(), StorageError> {
    let request = WriteRequest {
        storage_index: SI,
        share_number: ShareNumber::new(0),
        upload_secret: UploadSecret::new(vec![1; 20]),
        range: 0..SHARE_LEN,
        total: SHARE_LEN,
        data: pieces(SHARE_LEN),
    };
    client.write(request).await.map(drop)
}

async fn read(client: &GbsClient, len: u64) -> Result<(), StorageError> {
    let request = ReadRequest {
        kind: ShareKind::Immutable,
        storage_index: SI,
        share_number: ShareNumber::new(0),
        range: Some(0..len),
    };
    let mut stream = client.read(request).await?;
    let mut found = 0;
    while let Some(piece) = stream.next().await {
        found += piece?.len() as u64;
    }
    assert_eq!(found, len);
    Ok(())
}

async fn list(client: &GbsClient) -> Result<(), StorageError> {
    client.list(ShareKind::Immutable, SI).await.map(drop)
}

async fn allocate(client: &GbsClient) -> Result<(), StorageError> {
    let lease =
        LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) };
    let request = AllocateRequest {
        storage_index: SI,
        share_numbers: ShareNumber::first(1).collect(),
        allocated_size: SHARE_LEN,
        upload_secret: UploadSecret::new(vec![1; 20]),
        lease,
    };
    client.allocate(request).await.map(drop)
}

type Operation = for<'a> fn(&'a GbsClient) -> BoxFuture<'a, Result<(), StorageError>>;

impl Bench {
    /// Runs `operation` on all clients at once, several times, and prints the median.
    async fn bulk(
        &self,
        filter: &str,
        title: &str,
        clients: &[GbsClient],
        operation: Operation,
    ) -> Outcome<()> {
        if !title.contains(filter) {
            return Ok(());
        }
        let mut times = Vec::new();
        let before = self.cpu()?;
        let rounds = if clients.len() == 1 { 21 } else { 7 };
        for _ in 0..rounds {
            let start = Instant::now();
            let tasks: Vec<_> = clients
                .iter()
                .cloned()
                .map(|client| tokio::spawn(async move { operation(&client).await }))
                .collect();
            for task in tasks {
                task.await??;
            }
            times.push(start.elapsed());
        }
        let cpu = self.cpu()?;
        times.sort();
        let bytes = SHARE_LEN as f64 * clients.len() as f64;
        let total = bytes * f64::from(rounds) / 1e9;
        writeln!(
            stdout(),
            "{title:32} {:7.0} MB/s   CPU s a GB: client {:.2}, server {:.2}",
            bytes / 1e6 / times[times.len() / 2].as_secs_f64(),
            (cpu.0 - before.0).as_secs_f64() / total,
            (cpu.1 - before.1).as_secs_f64() / total,
        )?;
        Ok(())
    }

    async fn small(
        &self,
        filter: &str,
        title: &str,
        workers: u32,
        operation: Operation,
    ) -> Outcome<()> {
        if !title.contains(filter) {
            return Ok(());
        }
        let rounds = 5000;
        let (before, start) = (self.cpu()?, Instant::now());
        let work = |worker: u32| {
            let client = self.clients[worker as usize % self.clients.len()].clone();
            tokio::spawn(async move {
                for _ in 0..rounds {
                    operation(&client).await?;
                }
                Ok::<_, StorageError>(())
            })
        };
        let tasks: Vec<_> = (0..workers).map(work).collect();
        for task in tasks {
            task.await??;
        }
        let count = f64::from(workers * rounds);
        let (cpu, elapsed) = (self.cpu()?, start.elapsed().as_secs_f64());
        writeln!(
            stdout(),
            "{title:32} {:7.0} /s     CPU µs each: client {:.1}, server {:.1}",
            count / elapsed,
            (cpu.0 - before.0).as_secs_f64() * 1e6 / count,
            (cpu.1 - before.1).as_secs_f64() * 1e6 / count,
        )?;
        Ok(())
    }

    async fn connections(&self, filter: &str) -> Outcome<()> {
        for (title, is_new) in [("connect anew", true), ("connect again, resumed", false)] {
            if !title.contains(filter) {
                continue;
            }
            let rounds = 300;
            let mut client = GbsClient::new(&self.nurls[..1], &Ways::direct())?;
            let limits =
                tallac_net::gbs::ClientLimits { idle_connections_max: 0, ..Default::default() };
            let (before, start) = (self.cpu()?, Instant::now());
            for round in 0..rounds {
                if is_new || round == 0 {
                    client =
                        GbsClient::with_limits(&self.nurls[..1], &Ways::direct(), limits.clone())?;
                }
                list(&client).await?;
            }
            let count = f64::from(rounds);
            let (cpu, elapsed) = (self.cpu()?, start.elapsed().as_secs_f64());
            writeln!(
                stdout(),
                "{title:32} {:7.0} /s     CPU µs each: client {:.0}, server {:.0}",
                count / elapsed,
                (cpu.0 - before.0).as_secs_f64() * 1e6 / count,
                (cpu.1 - before.1).as_secs_f64() * 1e6 / count,
            )?;
        }
        Ok(())
    }

    /// Processor time of the clients and of the servers so far.
    fn cpu(&self) -> Outcome<(Duration, Duration)> {
        Ok((cpu_of("self")?, cpu_of(&self.servers.id().to_string())?))
    }
}

/// Processor time of all threads of a process, from Linux, in ticks of 10 ms.
fn cpu_of(process: &str) -> Outcome<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<_> =
        stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
