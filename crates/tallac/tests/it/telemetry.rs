//! Traces: a collector gets the spans of what a node does, with nothing secret in them; one that
//! is not there holds nothing up.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::node_pages::secrets;
use crate::nodes::{GRID_RUNS, Running, gateway, make_file, make_grid};
use crate::scratch;

/// A collector that takes whatever it is sent.
struct Collector {
    url: String,
    requests: mpsc::Receiver<(String, Vec<u8>)>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let sender = sender.clone();
                thread::spawn(move || serve(connection.unwrap(), &sender));
            }
        });
        Self { url, requests }
    }

    /// What has come until now, without the heads, and where it was sent to.
    fn taken(&self) -> (Vec<String>, Vec<u8>) {
        let (mut heads, mut all) = (Vec::new(), Vec::new());
        for (head, body) in self.requests.try_iter() {
            heads.push(head);
            all.extend(body);
        }
        (heads, all)
    }
}

/// Answers the requests of a connection, one after another.
fn serve(mut connection: TcpStream, sender: &mpsc::Sender<(String, Vec<u8>)>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).is_ok_and(|len| len > 2) {
            head.push_str(&line.to_lowercase());
            line.clear();
        }
        let len = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let Some(len) = len.and_then(|len| len.trim().parse().ok()) else { return };
        let mut body = vec![0; len];
        reader.read_exact(&mut body).unwrap();
        // Whoever has what was sent knows that it was answered.
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        let _ = sender.send((head, body));
    }
}

/// Whether a text is in a message of the protocol, which has texts in it as they are.
fn has(message: &[u8], text: &str) -> bool {
    message.windows(text.len()).any(|window| window == text.as_bytes())
}

fn set_endpoint(dir: &Path, url: &str) {
    let text = format!("[telemetry]\notlp_endpoint = \"{url}\"\n");
    fs::write(dir.join("grid/gateway/tallac.toml"), text).unwrap();
}

/// Runs the grid while a file is put, read and checked; gives its cap and what was logged.
fn use_grid(dir: &Path, envs: &[(&str, &str)]) -> (String, String) {
    let grid = Running::start_with(dir, &["grid", "run", "grid"], envs).wait_for(GRID_RUNS);
    make_file(dir, "file", 300_000);
    let put = gateway(dir, &["put", "file"]);
    let cap = put.out.trim().to_owned();
    assert!(put.status == 0 && cap.starts_with("URI:CHK:"), "{put:?}");
    let mutable = gateway(dir, &["put", "-m", "file"]).out.trim().to_owned();
    let uses = [
        &["get", &cap, "copy"][..],
        &["check", &cap],
        &["check", &mutable],
        &["put", "file", &mutable],
    ];
    for args in uses {
        let done = gateway(dir, args);
        assert_eq!(done.status, 0, "{done:?}");
    }
    assert_eq!(fs::read(dir.join("copy")).unwrap(), fs::read(dir.join("file")).unwrap());
    (cap, grid.log_of_end())
}

#[test]
fn a_collector_gets_spans_without_secrets() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2"]);
    let collector = Collector::start();
    set_endpoint(&dir, &collector.url);
    let (cap, log) = use_grid(&dir, &[]);
    assert!(!log.contains("traces"), "{log}");
    let (heads, spans) = collector.taken();
    assert!(!heads.is_empty());
    for head in heads {
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
    }
    for expected in [
        "service.name",
        "tallac",
        "web request",
        "upload",
        "download",
        "fetch segments",
        "check",
        "mapupdate",
        "publish",
        "storage allocate",
        "storage write",
        "storage read",
        "storage write slot",
    ] {
        assert!(has(&spans, expected), "no {expected}");
    }
    let mut hidden = vec!["URI:".to_owned(), "SSK:".to_owned()];
    hidden.extend(cap.split(':').filter(|part| part.len() > 10).map(str::to_owned));
    for node in ["gateway", "storage01", "storage02"] {
        secrets(&dir.join("grid").join(node).join("private"), &mut hidden);
    }
    for secret in hidden {
        let shown = &secret[..4];
        assert!(!has(&spans, &secret), "what begins with {shown} is in a span");
    }
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2"]);
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    set_endpoint(&dir, &format!("http://127.0.0.1:{port}"));
    let (_, log) = use_grid(&dir, &[("OTEL_BSP_SCHEDULE_DELAY", "50")]);
    assert_eq!(log.matches("takes no traces, they are dropped").count(), 1, "{log}");
}

#[test]
fn a_collector_that_never_answers_holds_nothing_up() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2"]);
    // Connections are made, and nobody takes them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    set_endpoint(&dir, &format!("http://{}", silent.local_addr().unwrap()));
    let began = Instant::now();
    use_grid(&dir, &[("OTEL_BSP_SCHEDULE_DELAY", "50")]);
    assert!(began.elapsed() < Duration::from_secs(60), "it ends without waiting");
    drop(silent);
}

#[test]
fn the_environment_names_a_collector_too() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2"]);
    let collector = Collector::start();
    use_grid(&dir, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]);
    assert!(has(&collector.taken().1, "upload"));
    let envs = [("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1"), ("OTEL_SERVICE_NAME", "x")];
    let (_, log) = use_grid(&dir, &envs);
    assert!(log.contains("OTEL_EXPORTER_OTLP_ENDPOINT: collectors are spoken to over"), "{log}");
}

#[test]
fn a_collector_that_would_learn_a_hidden_address_is_refused() {
    let (_guard, dir) = scratch();
    let node = dir.join("hidden");
    fs::create_dir_all(node.join("private")).unwrap();
    fs::write(node.join("tahoe-client.tac"), "").unwrap();
    fs::write(node.join("tahoe.cfg"), "[connections]\ntcp = disabled\n").unwrap();
    let check = |url: &str, expected: Option<&str>| {
        let text = format!("[telemetry]\notlp_endpoint = \"{url}\"\n");
        fs::write(node.join("tallac.toml"), text).unwrap();
        let problem = tallac::config::NodeConfig::load(&node).err().map(|error| error.to_string());
        match (&problem, expected) {
            (None, None) => {}
            (Some(problem), Some(expected)) if problem.contains(expected) => {}
            _ => panic!("{url}: {problem:?}"),
        }
    };
    check("http://127.0.0.1:4318", None);
    check("http://collector.example:4318", Some("[telemetry] otlp_endpoint: the collector is not"));
    check("https://127.0.0.1:4318", Some("line 2: collectors are spoken to over http only"));
}
