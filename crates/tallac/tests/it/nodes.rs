//! Nodes that run: a grid on this machine, files to it and back, and what goes wrong.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use ureq::http::{Method, Request};

use crate::{Done, scratch, tallac};

/// What `grid run` prints once all nodes run.
pub(crate) const GRID_RUNS: &str = "grid running, Ctrl-C stops it";

/// A command that goes on until it is told to stop; killed when the test ends.
pub(crate) struct Running {
    pub(crate) child: Child,
    out: BufReader<ChildStdout>,
    err: PathBuf,
}

impl Running {
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        Self::start_with(dir, args, &[])
    }

    /// The same with that much in the log, which is what `errors` gives.
    pub(crate) fn start_logging(dir: &Path, args: &[&str], level: &str) -> Self {
        Self::start_with(dir, args, &[("TALLAC_LOG", level)])
    }

    /// The same with variables of the environment.
    pub(crate) fn start_with(dir: &Path, args: &[&str], envs: &[(&str, &str)]) -> Self {
        let err = dir.join(format!("{}.err", args.join("-").replace('/', "_")));
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallac"))
            .args(args)
            .current_dir(dir)
            .env("HOME", dir)
            .env_remove("TALLAC_LOG")
            .envs(envs.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, err }
    }

    /// Waits for a line of its output.
    pub(crate) fn wait_for(mut self, expected: &str) -> Self {
        let mut line = String::new();
        while line.trim_end() != expected {
            line.clear();
            let len = self.out.read_line(&mut line).unwrap();
            assert!(len > 0, "ended without '{expected}': {}", self.errors());
        }
        self
    }

    /// Waits for a line of its output with this in it.
    pub(crate) fn wait_for_part(mut self, expected: &str) -> Self {
        let mut line = String::new();
        while !line.contains(expected) {
            line.clear();
            let len = self.out.read_line(&mut line).unwrap();
            assert!(len > 0, "ended without '{expected}': {}", self.errors());
        }
        self
    }

    fn errors(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.ask_to_stop()
    }

    /// Asks it to stop, and gives what it has logged.
    pub(crate) fn log_of_end(mut self) -> String {
        self.ask_to_stop();
        self.errors()
    }

    fn ask_to_stop(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the gateway of the grid in `grid` answers, whatever the status, to a client that has
/// nothing to do with ours.
pub(crate) fn ask_web(dir: &Path, method: Method, page: &str, body: &str) -> String {
    let url = fs::read_to_string(dir.join("grid/gateway/node.url")).unwrap();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{page}", url.trim()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.to_owned())
        .unwrap();
    let bytes = agent.run(request).unwrap().body_mut().read_to_vec().unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A page of the gateway.
pub(crate) fn page(dir: &Path, page: &str) -> String {
    ask_web(dir, Method::GET, page, "")
}

/// Makes a grid in `grid`.
pub(crate) fn make_grid(dir: &Path, options: &[&str]) {
    let done = tallac(dir, &[&["grid", "create", "grid"], options].concat());
    assert_eq!(done.status, 0, "{done:?}");
}

pub(crate) fn run_grid(dir: &Path) -> Running {
    Running::start(dir, &["grid", "run", "grid"]).wait_for(GRID_RUNS)
}

pub(crate) fn gateway(dir: &Path, args: &[&str]) -> Done {
    tallac(dir, &[&["-d", "grid/gateway"], args].concat())
}

/// A file of bytes without a pattern, in `dir`.
pub(crate) fn make_file(dir: &Path, name: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).unwrap();
    fs::write(dir.join(name), &bytes).unwrap();
    bytes
}

/// Names and lengths of the files under a directory.
fn lengths(dir: &Path, found: &mut BTreeMap<PathBuf, u64>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        // Between the listing and the look at it, a file may have gone to where it belongs.
        let Ok(entry) = entry else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            lengths(&entry.path(), found);
        } else {
            found.insert(entry.path(), metadata.len());
        }
    }
}

/// The shares on all servers of a grid: those that came whole, or those that are under way.
fn shares(dir: &Path, servers: usize, under_way: bool) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for number in 1..=servers {
        lengths(&dir.join(format!("grid/storage{number:02}/storage/shares")), &mut found);
    }
    let is_under_way = |path: &Path| path.components().any(|part| part.as_os_str() == "incoming");
    found.retain(|path, _| is_under_way(path) == under_way);
    found
}

#[test]
fn the_demo_brings_a_file_back() {
    let (_guard, dir) = scratch();
    make_file(&dir, "file", 300_000);
    let done = tallac(&dir, &["demo", "--exit", "--json", "file"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let found: Value = serde_json::from_str(&done.out).unwrap();
    assert!(found["cap"].as_str().unwrap().starts_with("URI:CHK:"), "{found}");
    assert_eq!(
        (&found["size"], found["servers_stopped"].as_array().unwrap().len()),
        (&300_000.into(), 7)
    );
}

#[test]
fn a_grid_takes_a_file_and_gives_it_back() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "4"]);
    let file = make_file(&dir, "file", 300_000);
    let grid = run_grid(&dir);

    let put = gateway(&dir, &["put", "file"]);
    assert_eq!((put.status, put.err.as_str()), (0, "200 OK\n"));
    assert!(put.out.ends_with(":3:10:300000\n"), "{put:?}");
    let cap = put.out.trim_end();
    let get = gateway(&dir, &["get", cap, "copy"]);
    let told = format!("file retrieved and written to {}\n", dir.join("copy").display());
    assert_eq!((get.status, get.out.as_str(), get.err.as_str()), (0, "", told.as_str()));
    assert!(fs::read(dir.join("copy")).unwrap() == file, "another file came back");

    let pid = grid.child.id();
    let second = tallac(&dir, &["run", "grid/gateway"]);
    assert_eq!(second.status, 1);
    assert!(second.err.contains(&format!("already: it is process {pid}. Stop it")), "{second:?}");

    let pid_file = dir.join("grid/gateway/running.process");
    assert!(fs::read_to_string(&pid_file).unwrap().starts_with(&format!("{pid} ")));
    assert!(grid.terminate().success());
    for node in ["gateway", "storage01", "storage02", "storage03", "storage04"] {
        assert!(!dir.join("grid").join(node).join("running.process").exists(), "{node}");
    }
    let late = gateway(&dir, &["get", cap, "late"]);
    assert_eq!(late.status, 1);
    assert!(late.err.contains("Is it running? Start it with 'tallac run'"), "{late:?}");
    assert!(!dir.join("late").exists());
}

#[test]
fn a_node_of_its_own_runs_until_its_input_ends() {
    let (_guard, dir) = scratch();
    let made = tallac(&dir, &["create-client", "--webport=tcp:0:interface=127.0.0.1", "node"]);
    assert_eq!(made.status, 0, "{made:?}");
    let node = Running::start(&dir, &["run", "--allow-stdin-close", "node"]);
    let node = node.wait_for("client running");
    let url = fs::read_to_string(dir.join("node/node.url")).unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/\n"), "{url}");
    assert!(node.terminate().success());
    // The input of this one has ended before it begins.
    let mut node = Running::start(&dir, &["run", "node"]).wait_for("client running");
    assert!(node.child.wait().unwrap().success());
    assert!(!dir.join("node/running.process").exists());
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let (_guard, dir) = scratch();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let endpoint = format!("tcp:{port}:interface=127.0.0.1");
    let location = format!("--location=tcp:127.0.0.1:{port}");
    let cases: [(&[&str], &str); 2] = [
        (&["create-client", "--webport", &endpoint, "web"], "[node] web.port"),
        (
            &["create-node", "--webport=none", "--port", &endpoint, &location, "tub"],
            "[node] tub.port",
        ),
    ];
    for (create, setting) in cases {
        assert_eq!(tallac(&dir, create).status, 0);
        let node = create.last().unwrap();
        let done = tallac(&dir, &["run", node]);
        let expected = format!("cannot listen on 127.0.0.1:{port}, which {setting} asks for");
        assert!(done.status == 1 && done.err.contains(&expected), "{done:?}");
        assert!(!done.out.contains("client running"), "{done:?}");
        assert!(!dir.join(node).join("running.process").exists());
    }
}

/// A SOCKS proxy that knows every name, for ports of this machine; counts the connections.
fn pretend_tor() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || -> std::io::Result<()> {
                client.read_exact(&mut [0; 3])?;
                client.write_all(&[5, 0])?;
                let mut head = [0; 5];
                client.read_exact(&mut head)?;
                assert_eq!(head[..4], [5, 1, 0, 3], "not by name");
                let mut rest = vec![0; usize::from(head[4]) + 2];
                client.read_exact(&mut rest)?;
                let (name, port) = rest.split_at(usize::from(head[4]));
                assert!(name.ends_with(b".invalid"), "{name:?}");
                counted.fetch_add(1, Ordering::Relaxed);
                let port = u16::from_be_bytes([port[0], port[1]]);
                let mut server = TcpStream::connect(("127.0.0.1", port))?;
                client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
                let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                std::io::copy(&mut server, &mut client)?;
                client.shutdown(std::net::Shutdown::Both)
            });
        }
    });
    (port, count)
}

#[test]
fn a_node_that_hides_reaches_its_servers_through_tor() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let private = dir.join("grid/gateway/private/servers.yaml");
    let servers = fs::read_to_string(&private).unwrap().replace("127.0.0.1", "server.invalid");
    fs::write(&private, servers).unwrap();
    let (port, connections) = pretend_tor();
    let file = dir.join("grid/gateway/tahoe.cfg");
    let settings = fs::read_to_string(&file).unwrap();
    let settings = settings.replace("reveal-IP-address = true", "reveal-IP-address = false");
    let tor = format!("[connections]\ntcp = tor\n[tor]\nsocks.port = tcp:127.0.0.1:{port}\n");
    fs::write(&file, format!("{settings}\n{tor}")).unwrap();
    let _grid = run_grid(&dir);
    let content = make_file(&dir, "file", 100_000);
    let put = gateway(&dir, &["put", "file"]);
    assert_eq!(put.status, 0, "{put:?}");
    let get = gateway(&dir, &["get", put.out.trim(), "copy"]);
    assert_eq!(get.status, 0, "{get:?}");
    assert_eq!(fs::read(dir.join("copy")).unwrap(), content);
    assert!(connections.load(Ordering::Relaxed) >= 3);
}

/// An onion service is made anew each time the node starts, with the key that was kept.
#[test]
fn an_onion_service_is_there_as_long_as_its_node() {
    let (_guard, dir) = scratch();
    let control = TcpListener::bind("127.0.0.1:0").unwrap();
    let control_port = control.local_addr().unwrap().port();
    let tub_port = free_port();
    fs::create_dir_all(dir.join("n/private")).unwrap();
    fs::write(dir.join("n/tahoe-client.tac"), "").unwrap();
    fs::write(dir.join("n/private/tor_onion.privkey"), "ED25519-V3:kept+/==").unwrap();
    let settings = format!(
        "[node]\nreveal-IP-address = false\ntub.port = listen:tor\n\
         tub.location = tor:x.onion:3457\n[connections]\ntcp = disabled\n\
         [tor]\ncontrol.port = tcp:127.0.0.1:{control_port}\nonion = true\n\
         onion.local_port = {tub_port}\nonion.external_port = 3457\n\
         onion.private_key_file = private/tor_onion.privkey\n"
    );
    fs::write(dir.join("n/tahoe.cfg"), settings).unwrap();
    let node = Running::start(&dir, &["run", "--allow-stdin-close", "n"]);
    let (mut out, _) = control.accept().unwrap();
    let mut lines = BufReader::new(out.try_clone().unwrap()).lines().map(Result::unwrap);
    let answers = [
        ("PROTOCOLINFO 1", "250-AUTH METHODS=NULL\r\n250 OK\r\n".to_owned()),
        ("AUTHENTICATE", "250 OK\r\n".to_owned()),
        ("SETEVENTS HS_DESC", "250 OK\r\n".to_owned()),
        (
            &format!("ADD_ONION ED25519-V3:kept+/== Port=3457,127.0.0.1:{tub_port}"),
            format!("250-ServiceID={}\r\n250 OK\r\n", "a2".repeat(28)),
        ),
    ];
    for (asked, answer) in answers {
        assert_eq!(lines.next().unwrap(), asked);
        out.write_all(answer.as_bytes()).unwrap();
    }
    let node = node.wait_for("client running");
    // It listens where only Tor of this machine connects to.
    TcpStream::connect(("127.0.0.1", tub_port)).unwrap();
    assert!(node.terminate().success());
    assert_eq!(lines.next(), None, "the service ends with the connection");
    let furl = fs::read_to_string(dir.join("n/private/storage.furl")).unwrap();
    assert!(furl.contains("@tor:x.onion:3457/"), "it names no other place");
}

/// A port that nothing listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_node_that_must_not_connect_openly_does_not_run() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let file = dir.join("grid/gateway/tahoe.cfg");
    let settings = fs::read_to_string(&file).unwrap();
    // Tor leads to no server of this machine either.
    for tcp in ["disabled", "tor"] {
        fs::write(&file, format!("{settings}\n[connections]\ntcp = {tcp}\n")).unwrap();
        let done = tallac(&dir, &["run", "grid/gateway"]);
        let expected = "none of the server's addresses can be reached in the ways that";
        assert!(done.status == 1 && done.err.contains(expected), "{tcp}: {done:?}");
    }
}

#[test]
fn too_few_servers_are_told_in_tahoes_words() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2", "--shares-happy", "4"]);
    make_file(&dir, "file", 1000);
    let _grid = run_grid(&dir);
    let put = gateway(&dir, &["put", "file"]);
    assert_eq!((put.status, put.out.as_str()), (1, ""));
    let expected = "shares could be placed or found on only 2 server(s). We were asked to place \
                    shares on at least 4 server(s) such that any 3 of them have enough shares to \
                    recover the file.";
    assert!(put.err.contains("Error: 503"), "{put:?}");
    assert!(put.err.contains(expected), "{put:?}");
}

#[test]
fn commands_without_a_node_say_how_to_get_one() {
    let (_guard, dir) = scratch();
    make_file(&dir, "file", 1000);
    for args in [["put", "file"], ["get", "URI:LIT:aa"]] {
        let done = tallac(&dir, &args);
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        let file = dir.join(".tahoe/node.url");
        let expected = format!("cannot read {}. Start the node with 'tallac run ", file.display());
        assert!(done.err.contains(&expected), "{done:?}");
    }
}

#[test]
fn after_a_crash_no_half_share_is_visible() {
    const SERVERS: usize = 3;
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let file = make_file(&dir, "file", 24 << 20);
    let grid = run_grid(&dir);
    let mut put = Running::start(&dir, &["-d", "grid/gateway", "put", "file"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !shares(&dir, SERVERS, true).values().any(|len| *len > 0) {
        assert!(Instant::now() < deadline, "no share is under way: {}", put.errors());
        std::thread::yield_now();
    }
    grid.kill();
    assert!(!put.child.wait().unwrap().success(), "it was over before the crash");
    let mut out = String::new();
    put.out.read_line(&mut out).unwrap();
    assert_eq!(out, "", "a capability was given for what may be lost");

    let after_crash = shares(&dir, SERVERS, false);
    let _grid = run_grid(&dir);
    assert_eq!(shares(&dir, SERVERS, true), BTreeMap::new(), "what was under way is cleared away");
    assert_eq!(shares(&dir, SERVERS, false), after_crash);
    let put = gateway(&dir, &["put", "file"]);
    assert_eq!(put.status, 0, "{put:?}");
    // The same file makes the same shares: those that were there before must be as long.
    let whole = shares(&dir, SERVERS, false);
    assert_eq!(whole.len(), 10);
    for (path, len) in after_crash {
        assert_eq!(whole.get(&path), Some(&len), "{}", path.display());
    }
    let get = gateway(&dir, &["get", put.out.trim_end(), "copy"]);
    assert_eq!(get.status, 0, "{get:?}");
    assert!(fs::read(dir.join("copy")).unwrap() == file, "another file came back");
}
