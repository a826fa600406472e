//! A grid of simulated servers with a web API on a port of its own, and a client that sees every
//! byte.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tallac_core::ids::{ServerId, TubId};
use tallac_core::immutable::Encoding;
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use tallac_core::storage::{StorageError, StorageServer};
use tallac_gateway::wapi::{WebApi, WebConfig};
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_testkit::{Fault, SimServer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A node's web API.
pub(crate) struct Web {
    pub(crate) sims: Vec<Arc<SimServer>>,
    pub(crate) address: SocketAddr,
    pub(crate) tempdir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Web {
    /// Ten servers, 3-of-10 on at least 7.
    pub(crate) async fn new() -> Self {
        Self::with(10, |_| {}).await
    }

    /// So many servers, and some things otherwise.
    pub(crate) async fn with(count: u8, change: impl FnOnce(&mut WebConfig)) -> Self {
        let sims: Vec<_> =
            (0..count).map(|i| Arc::new(SimServer::new(format!("sim{i}")))).collect();
        let servers: Vec<_> = sims.iter().zip(0..).map(|(sim, i)| server(sim, i)).collect();
        for server in &servers {
            server.poll().await;
        }
        let mut grid_config = GridConfig::new(
            LeaseSecret::new([1; 32]),
            ConvergenceSecret::new(b"a convergence secret".to_vec()),
        )
        .unwrap();
        grid_config.encoding = Encoding::new(3, 10).unwrap();
        grid_config.segment_size_max = 64 << 10;
        let grid = Grid::new(grid_config, ServerList::new(servers));
        let tempdir = tempfile::tempdir().unwrap();
        let mut config = WebConfig::new(tempdir.path().to_owned(), "a <node>".to_owned());
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            WebApi::new(grid, config).serve(listener, stopped).await;
        });
        Self { sims, address, tempdir, stop: Some(stop), serving }
    }

    /// Tells it to stop.
    pub(crate) fn begin_stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits until all is over.
    pub(crate) async fn stopped(mut self) -> (Vec<Arc<SimServer>>, TempDir) {
        if self.stop.is_some() {
            self.begin_stop();
        }
        self.serving.await.unwrap();
        (self.sims, self.tempdir)
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &[&str]) -> Answer {
        let mut client = self.connect().await;
        client.send(method, target, headers, b"").await;
        client.answer(method).await.unwrap()
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[]).await
    }

    /// A request with a body.
    pub(crate) async fn send(
        &self,
        request: (&str, &str),
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let mut client = self.connect().await;
        client.send(request.0, request.1, headers, body).await;
        client.answer(request.0).await.unwrap()
    }

    /// A body that says nothing of its type, such as JSON.
    pub(crate) async fn post(&self, target: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(("POST", target), &[], body.as_ref()).await
    }

    pub(crate) async fn delete(&self, target: &str) -> Answer {
        self.ask("DELETE", target, &[]).await
    }

    /// A form as browsers send it, perhaps with a file and its name.
    pub(crate) async fn form(
        &self,
        target: &str,
        fields: &[(&str, &str)],
        file: Option<(&str, &[u8])>,
    ) -> Answer {
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend(format!("--XX\r\n{head}{value}\r\n").bytes());
        }
        if let Some((name, content)) = file {
            let head = "Content-Disposition: form-data; name=\"file\"";
            body.extend(format!("--XX\r\n{head}; filename=\"{name}\"\r\n\r\n").bytes());
            body.extend(content);
            body.extend(b"\r\n");
        }
        body.extend(b"--XX--\r\n");
        let headers = ["Content-Type: multipart/form-data; boundary=XX"];
        self.send(("POST", target), &headers, &body).await
    }

    /// A request that must be answered with a cap or another text, which is returned.
    pub(crate) async fn text_of(&self, method: &str, target: &str, body: &[u8]) -> String {
        let answer = self.send((method, target), &[], body).await;
        assert!([200, 201].contains(&answer.status), "{method}: {}", answer.text());
        answer.text()
    }

    /// A new mutable directory.
    pub(crate) async fn mkdir(&self) -> String {
        self.text_of("POST", "/uri?t=mkdir", b"").await
    }

    /// What a `POST` streams, up to the end of the connection, its chunks put together.
    pub(crate) async fn stream(&self, target: &str) -> (Answer, String) {
        let (answer, bytes) = self.stream_of("POST", target).await;
        (answer, String::from_utf8(bytes.expect("it comes to its end")).unwrap())
    }

    /// What any request streams; nothing if that breaks off.
    pub(crate) async fn stream_of(&self, method: &str, target: &str) -> (Answer, Option<Vec<u8>>) {
        let mut client = self.connect().await;
        client.send(method, target, &["Connection: close"], b"").await;
        let answer = client.head().await.unwrap();
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        let raw = client.body(usize::MAX).await;
        let (mut rest, mut bytes) = (&raw[..], Vec::new());
        while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                return (answer, Some(bytes));
            }
            bytes.extend(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 4 + size..];
        }
        (answer, None)
    }

    /// Puts a file in.
    pub(crate) async fn put(&self, target: &str, body: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send("PUT", target, &[], body).await;
        client.answer("PUT").await.unwrap()
    }

    /// Puts a file in, and returns its cap.
    pub(crate) async fn put_file(&self, body: &[u8]) -> String {
        let answer = self.put("/uri", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    pub(crate) fn fault_everywhere(&self, fault: &Fault) {
        for sim in &self.sims {
            sim.set_fault_everywhere(fault);
        }
    }
}

fn server(sim: &Arc<SimServer>, i: u8) -> Arc<GridServer> {
    let info = ServerInfo {
        id: ServerId::new(format!("v0-server{i}")),
        nickname: sim.name().to_owned(),
        tub_id: TubId::new([i; 20]),
        permutation_seed: vec![i; 32],
    };
    let storage: Arc<dyn StorageServer> = Arc::clone(sim) as _;
    Arc::new(GridServer::new(info, storage))
}

pub(crate) fn unreachable() -> Fault {
    Fault::Fail(StorageError::Unreachable("connection refused".to_owned()))
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// Read from it and not yet used.
    read: Vec<u8>,
}

impl Client {
    /// Of whoever is at the other end.
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, method: &str, target: &str, headers: &[&str], body: &[u8]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
        for header in headers {
            head += &format!("{header}\r\n");
        }
        if method == "PUT" || method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        self.stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        self.stream.write_all(body).await.unwrap();
    }

    /// Reads more; whether there was any.
    async fn fill(&mut self) -> bool {
        let mut piece = vec![0; 64 << 10];
        let len = self.stream.read(&mut piece).await.unwrap_or(0);
        self.read.extend_from_slice(&piece[..len]);
        len > 0
    }

    /// The head of an answer; nothing if the connection was closed before.
    pub(crate) async fn head(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if !self.fill().await {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Answer { status, headers, body: Vec::new() })
    }

    /// So much of a body, or less if the connection is closed before.
    pub(crate) async fn body(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len && self.fill().await {}
        let len = len.min(self.read.len());
        self.read.drain(..len).collect()
    }

    /// A whole answer.
    pub(crate) async fn answer(&mut self, method: &str) -> Option<Answer> {
        let mut answer = self.head().await?;
        assert_eq!(answer.header("transfer-encoding"), None, "lengths are always announced");
        if method != "HEAD" && answer.status != 304 {
            answer.body = self.body(answer.length()).await;
        }
        Some(answer)
    }
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The length that it announces.
    pub(crate) fn length(&self) -> usize {
        self.header("content-length").expect("a length is announced").parse().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
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

/// The storage index of a file on the grid, as its verify cap tells it.
pub(crate) fn storage_index(cap: &str) -> String {
    let cap: tallac_core::cap::ChkReadCap = cap.parse().unwrap();
    cap.storage_index().to_string()
}
