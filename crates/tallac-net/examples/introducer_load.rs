//! How long it takes until all subscribers of an introducer know all servers, over loopback:
//! `cargo run --release -p tallac-net --example introducer_load [NODES [SERVERS-OF-EACH]]`.
//!
//! The introducer is in a process of its own, so that what it needs can be told apart. Nodes are in
//! this one; each announces several servers and hears of all.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _, stdout};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foolscap::{Certificate, Furl, Swissnum, Tub, TubOptions};
use futures_util::future;
use serde_json::json;
use tallac_core::announcement::SignedAnnouncement;
use tallac_core::crypto::SigningKey;
use tallac_net::introducer::{IntroducerClient, IntroducerLimits, IntroducerServer, NodeInfo};
use tallac_net::switch::Switch;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some("serve") {
        return serve().await;
    }
    let nodes: usize = first.map_or(Ok(200), |text| text.parse())?;
    let servers: usize = args.next().map_or(Ok(5), |text| text.parse())?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let furl: Furl = line.trim().parse()?;

    let mut certificates = Vec::new();
    for _ in 0..nodes {
        certificates.push(tokio::task::spawn_blocking(Certificate::generate));
    }
    let mut made = Vec::new();
    for certificate in certificates {
        made.push(Tub::new(&certificate.await??, TubOptions::default())?);
    }
    let offers = (0..nodes).map(|node| (0..servers).map(|s| offer(node * servers + s)).collect());
    let offers = offers.collect::<Outcome<Vec<Vec<_>>>>()?;

    let began = Instant::now();
    let total = nodes * servers;
    let waits = made.iter().zip(offers).map(|(tub, offers)| {
        let node = NodeInfo { nickname: "node".into(), application_version: "load/0".into() };
        let client = IntroducerClient::start(tub, furl.clone(), node, offers);
        tokio::spawn(async move {
            let mut news = client.news();
            let mut heard = 0;
            while heard < total {
                heard += news.next().await.len();
            }
            client
        })
    });
    let clients = future::try_join_all(waits.collect::<Vec<_>>()).await?;
    let took = began.elapsed();
    let (introducer, own) = (cost(child.id())?, cost(std::process::id())?);
    writeln!(
        stdout(),
        "{total} servers announced to {nodes} subscribers: {} ms\nintroducer: {introducer}\n\
         nodes: {own}",
        took.as_millis()
    )?;
    drop(clients);
    // It ends when its input does.
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

/// The introducer, until its input ends; prints its address.
async fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let tub = Tub::new(&Certificate::generate()?, TubOptions::default())?;
    tub.set_hints(vec![format!("tcp:{}", listener.local_addr()?)]);
    let introducer = IntroducerServer::new("load/0", IntroducerLimits::default());
    let furl = tub.register(Swissnum::generate()?, Arc::new(introducer));
    writeln!(stdout(), "{}", furl.expose_text())?;
    stdout().flush()?;
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    let shutdown = async {
        let _ = ended.await;
    };
    Switch::new(tub, None).serve(listener, shutdown).await;
    Ok(())
}

/// An announcement as long as that of a real server.
fn offer(number: usize) -> Outcome<SignedAnnouncement> {
    let mut seed = Zeroizing::new([0; 32]);
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let swissnum = "s".repeat(32);
    let keys = json!({
        "version": 0,
        "nickname": format!("server {number}"),
        "app-versions": [],
        "my-version": "tahoe-lafs/1.20.0",
        "oldest-supported": "1.0.0",
        "service-name": "storage",
        "seqnum": 1,
        "nonce": "n".repeat(52),
        "anonymous-storage-FURL":
            format!("pb://{}@tcp:storage.example.org:3457/{swissnum}", "a".repeat(32)),
        "anonymous-storage-NURLs":
            [format!("pb://{}@storage.example.org:3457/{swissnum}#v=1", "h".repeat(43))],
        "permutation-seed-base32": "p".repeat(84),
    });
    let key = SigningKey::from_seed(seed)?;
    Ok(SignedAnnouncement::sign(keys.as_object().ok_or("no dictionary")?, &key))
}

/// Memory at most, and processor time, of a process.
fn cost(pid: u32) -> Outcome<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<_> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    // The clock of these numbers has ticked 100 times a second on Linux for ever.
    Ok(format!("{peak} at most, {:?} of processor time", Duration::from_millis(ticks * 10)))
}
