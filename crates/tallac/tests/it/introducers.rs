//! Grids that meet at introducers, which come and go.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::nodes::{Running, make_file};
use crate::{scratch, tallac};

/// What nodes print once they run.
const CLIENT_RUNS: &str = "client running";
const INTRODUCER_RUNS: &str = "introducer running";

/// A port that nothing listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn make(dir: &Path, args: &[&str]) {
    let done = tallac(dir, args);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{args:?}");
}

pub(crate) fn set(dir: &Path, node: &str, old: &str, new: &str) {
    let file = dir.join(node).join("tahoe.cfg");
    let settings = fs::read_to_string(&file).unwrap();
    assert!(settings.contains(old), "{settings}");
    fs::write(file, settings.replace(old, new)).unwrap();
}

pub(crate) fn make_listening(dir: &Path, command: &str, node: &str, more: &[&str]) {
    let port = free_port();
    let endpoint = format!("--port=tcp:{port}:interface=127.0.0.1");
    let location = format!("--location=tcp:127.0.0.1:{port}");
    make(dir, &[&[command, &endpoint, &location], more, &[node]].concat());
}

pub(crate) fn make_introducer(dir: &Path, node: &str) {
    make_listening(dir, "create-introducer", node, &[]);
    set(dir, node, "web.port = ", &format!("web.port = tcp:{}:interface=127.0.0.1", free_port()));
}

/// Makes the nodes know these introducers.
pub(crate) fn introduce(dir: &Path, node: &str, introducers: &[&str]) {
    let mut yaml = "introducers:\n".to_owned();
    for introducer in introducers {
        let furl = fs::read_to_string(dir.join(introducer).join("private/introducer.furl"));
        yaml += &format!("  {introducer}:\n    furl: {}", furl.unwrap());
    }
    fs::write(dir.join(node).join("private/introducers.yaml"), yaml).unwrap();
}

pub(crate) fn run(dir: &Path, node: &str, until: &str) -> Running {
    Running::start(dir, &["run", "--allow-stdin-close", node]).wait_for(until)
}

/// What a node's web server tells of it.
fn status(dir: &Path, node: &str) -> Value {
    let url = fs::read_to_string(dir.join(node).join("node.url")).unwrap();
    let host = url.trim().strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /?t=json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(90), "never: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The servers that a client is connected to.
pub(crate) fn connected(dir: &Path, client: &str) -> BTreeSet<String> {
    let status = status(dir, client);
    let servers = status["servers"].as_array().unwrap().iter();
    let connected = servers.filter(|server| server["connection_status"] == "connected");
    connected.map(|server| server["nickname"].as_str().unwrap().to_owned()).collect()
}

fn knows_all(dir: &Path, introducer: &str) -> bool {
    let expected = json!({
        "announcement_summary": {"storage": 2},
        "subscription_summary": {"storage": 3},
    });
    status(dir, introducer) == expected
}

/// Clients that a storage server knows to keep shares there.
fn keepers(dir: &Path, node: &str) -> usize {
    let told = tallac(dir, &["-d", node, "storage", "use", "--json"]);
    let told: Value = serde_json::from_str(&told.out).unwrap_or_default();
    let clients = told["clients"].as_array().into_iter().flatten();
    clients.filter(|of| of["client"].is_string() && of["total"]["shares"] != 0).count()
}

#[test]
fn a_grid_meets_at_introducers_that_come_and_go() {
    let (_guard, dir) = scratch();
    let (introducers, both) = (["i1", "i2"], BTreeSet::from(["s1".to_owned(), "s2".to_owned()]));
    for node in introducers {
        make_introducer(&dir, node);
    }
    let mut running = introducers.map(|node| Some(run(&dir, node, INTRODUCER_RUNS)));
    for server in ["s1", "s2"] {
        make_listening(&dir, "create-node", server, &["-n", server, "--webport=none"]);
        set(&dir, server, "reserved_space = 1G", "reserved_space = 0");
    }
    // One speaks only Foolscap.
    set(&dir, "s2", "[storage]\n", "[storage]\nforce_foolscap = true\n");
    let shares = ["--shares-needed=1", "--shares-happy=2", "--shares-total=2"];
    make(
        &dir,
        &[&["create-client", "-n", "c", "-p", "tcp:0:interface=127.0.0.1"], &shares[..], &["c"]]
            .concat(),
    );
    for node in ["s1", "s2", "c"] {
        introduce(&dir, node, &introducers);
    }
    let _servers = ["s1", "s2"].map(|node| run(&dir, node, CLIENT_RUNS));
    let client = run(&dir, "c", CLIENT_RUNS);
    wait_until("both servers", || connected(&dir, "c") == both);
    for introducer in introducers {
        wait_until("all at an introducer", || knows_all(&dir, introducer));
    }
    let file = make_file(&dir, "file", 300_000);
    let put = tallac(&dir, &["-d", "c", "put", "file"]);
    assert_eq!((put.status, put.err.as_str()), (0, "200 OK\n"));
    let cap = put.out.trim();
    // Over Foolscap it is known whose they are.
    wait_until("use by client", || keepers(&dir, "s2") == 1);
    assert_eq!(keepers(&dir, "s1"), 0);

    // One is killed and comes back: all are there again, and nobody was started anew.
    running[0].take().unwrap().kill();
    running[0] = Some(run(&dir, "i1", INTRODUCER_RUNS));
    wait_until("all come back", || knows_all(&dir, "i1"));

    // Both are gone while the client starts: it goes by what they told last.
    assert!(client.terminate().success());
    for introducer in &mut running {
        introducer.take().unwrap().kill();
    }
    let _client = run(&dir, "c", CLIENT_RUNS);
    wait_until("both servers from the cache", || connected(&dir, "c") == both);
    let got = tallac(&dir, &["-d", "c", "get", cap, "back"]);
    assert_eq!(got.status, 0, "{got:?}");
    assert_eq!(fs::read(dir.join("back")).unwrap(), file);
    let statuses = status(&dir, "c")["introducers"]["statuses"].to_string();
    assert_eq!(statuses.matches("Trying to connect").count(), 2, "{statuses}");
}

#[test]
fn an_introducer_keeps_its_address() {
    let (_guard, dir) = scratch();
    make_introducer(&dir, "i");
    let private = dir.join("i/private/introducer.furl");
    let furl = || {
        assert!(run(&dir, "i", INTRODUCER_RUNS).terminate().success());
        fs::read_to_string(&private).unwrap()
    };
    let made = furl();
    // Where old versions had it.
    fs::rename(&private, dir.join("i/introducer.furl")).unwrap();
    assert_eq!(furl(), made);
    let names = |dir: &Path| {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    assert_eq!(
        names(&dir.join("i/private")),
        BTreeSet::from(["introducer.furl", "node.pem"].map(str::to_owned))
    );
    assert!(!dir.join("i/introducer.furl").exists());
    fs::write(dir.join("i/introducer.furl"), "x").unwrap();
    let done = tallac(&dir, &["run", "i"]);
    assert_eq!(done.status, 1);
    assert!(done.err.contains("there is both '"), "{done:?}");

    make(&dir, &["create-introducer", "--listen=none", "deaf"]);
    let done = tallac(&dir, &["run", "deaf"]);
    assert!(done.status == 1 && done.err.contains("we are Introducer, but tub is"), "{done:?}");
}
