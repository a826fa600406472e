//! How nodes are run: twistd's options, SIGHUP, and what `doctor` says of them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::nodes::{Running, make_grid};
use crate::{scratch, tallac};

#[test]
fn options_of_twistd_are_followed_or_refused() {
    let (_guard, dir) = scratch();
    let made = tallac(&dir, &["create-client", "--webport=tcp:0:interface=127.0.0.1", "n"]);
    assert_eq!(made.status, 0, "{made:?}");
    let done = tallac(&dir, &["run", "n", "--syslog"]);
    assert_eq!(done.status, 1);
    assert!(done.err.contains("tallac run: usage error from twistd: option --syslog"), "{done:?}");
    let args = ["run", "--allow-stdin-close", "n", "-nl", "log", "--umask=077", "--pidfile=pid"];
    let node = Running::start(&dir, &args);
    let node = node.wait_for("'tallac run' in 'n'").wait_for("client running");
    let pid = fs::read_to_string(dir.join("n/pid")).unwrap();
    assert_eq!(pid, node.child.id().to_string());
    let mode = fs::metadata(dir.join("n/node.url")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(dir.join("log").exists());
    assert!(node.terminate().success());
    assert!(!dir.join("n/pid").exists());
    for (node, expected) in
        [("absent", "does not look like a directory at all"), (".", "not a recognizable node")]
    {
        let done = tallac(&dir, &["run", node]);
        assert!(done.status == 1 && done.err.contains(expected), "{done:?}");
    }
}

#[test]
fn a_node_takes_new_settings_when_it_is_told_to() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2"]);
    let servers = dir.join("grid/gateway/private/servers.yaml");
    let both = fs::read_to_string(&servers).unwrap();
    let args = ["run", "--allow-stdin-close", "grid/gateway", "-l", "-"];
    let node = Running::start(&dir, &args).wait_for("client running");
    let pid = node.child.id().to_string();
    let hang_up = || {
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    fs::write(&servers, "storage: {}\n").unwrap();
    let file = dir.join("grid/gateway/tahoe.cfg");
    let settings = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{settings}\n[node]\nnickname = other\n")).unwrap();
    hang_up();
    let node = node.wait_for_part("[node] nickname has changed: start the node anew for it");
    let node = node.wait_for_part("servers.yaml: 0 new servers, 0 changed, 2 gone");
    fs::write(&file, "[nodes]\n").unwrap();
    hang_up();
    let node = node.wait_for_part("the settings cannot be used, nothing is changed");
    fs::write(&file, settings).unwrap();
    fs::write(&servers, both).unwrap();
    hang_up();
    let node = node.wait_for_part("servers.yaml: 2 new servers, 0 changed, 0 gone");
    assert!(node.terminate().success());
}

/// What doctor finds, as `level about: finding` lines.
fn doctor(dir: &std::path::Path, node: &str) -> (i32, Vec<String>) {
    let done = tallac(dir, &["doctor", "--json", node]);
    let all: Value = serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"));
    let findings = all["findings"].as_array().unwrap().iter().map(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap();
        format!("{} {}: {}", text("level"), text("about"), text("finding"))
    });
    (done.status, findings.collect())
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let (_guard, dir) = scratch();
    let has = |found: &[String], text: &str| {
        assert!(found.iter().any(|line| line.contains(text)), "{text}: {found:#?}");
    };
    let (status, found) = doctor(&dir, "absent");
    assert_eq!(status, 1);
    has(&found, "is not a node directory");

    make_grid(&dir, &["--servers", "2"]);
    let (status, found) = doctor(&dir, "grid/gateway");
    assert_eq!(status, 1, "the servers do not run");
    has(&found, "note process: the node does not run");
    has(&found, "cannot be reached");
    has(&found, "error shares: 0 servers can be reached");

    let text = tallac(&dir, &["doctor", "grid/storage01"]);
    assert!(text.out.contains("ok       settings: tahoe.cfg can be read"), "{text:?}");

    let cfg = dir.join("grid/gateway/tahoe.cfg");
    let settings = fs::read_to_string(&cfg).unwrap();
    fs::write(&cfg, settings.replace("[client]", "[client]\nshares.hapy = 1")).unwrap();
    let (status, found) = doctor(&dir, "grid/gateway");
    assert_eq!(status, 1);
    has(&found, "error settings: ");
    has(&found, "contains unknown option 'shares.hapy'");
    let text = tallac(&dir, &["doctor", "grid/gateway"]).out;
    let line = fs::read_to_string(&cfg).unwrap();
    let line = line.lines().position(|line| line.starts_with("shares.hapy")).unwrap() + 1;
    assert!(text.contains(&format!("error    settings: tahoe.cfg, line {line}: ")), "{text}");
    let toml = dir.join("grid/gateway/tallac.toml");
    fs::write(&cfg, format!("{settings}\n[client]\npeers.preferred = a\n")).unwrap();
    let (_, found) = doctor(&dir, "grid/gateway");
    has(&found, "warning settings: [client] peers.preferred");
    has(&found, "note settings: there is no tallac.toml");
    has(&found, "note clock: no server told");
    fs::write(&toml, "[maintenance]\nenabled = maybe\n").unwrap();
    has(&doctor(&dir, "grid/gateway").1, "/tallac.toml', line 2: ");
    fs::write(&toml, "[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\n").unwrap();
    has(&doctor(&dir, "grid/gateway").1, "maintenance is off, traces are on");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    fs::write(&cfg, format!("[node]\nweb.port = tcp:{port}:interface=127.0.0.1\n")).unwrap();
    let furl = "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:127.0.0.1:1/hush";
    let more = format!("[client]\nhelper.furl = {furl}\n");
    fs::write(&cfg, fs::read_to_string(&cfg).unwrap() + &more).unwrap();
    let private = dir.join("grid/gateway/private");
    fs::write(private.join("aliases"), "").unwrap();
    let open = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&private.join("aliases"), 0o644);
    open(&private, 0o755);
    open(&cfg, 0o644);
    open(&dir.join("grid/gateway"), 0o755);
    let (_, found) = doctor(&dir, "grid/gateway");
    has(&found, &format!("error ports: web.port 127.0.0.1:{port} is used by process"));
    has(&found, "warning secrets: other users of this machine may look into");
    has(&found, "warning secrets: other users may read these files in it: aliases");
    has(&found, "warning secrets: other users may read the address in [client] helper.furl");
    assert!(!found.iter().any(|line| line.contains("hush")), "{found:#?}");
    has(&found, "note ports: tub.port is not set");
}

#[test]
fn the_doctor_asks_a_node_that_runs() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "2"]);
    let grid = crate::nodes::run_grid(&dir);
    let (status, found) = doctor(&dir, "grid/gateway");
    assert_eq!(status, 0, "{found:#?}");
    let pid = grid.child.id();
    let expected = [
        format!("ok process: the node runs, as process {pid}"),
        "is the node's own".to_owned(),
        "ok clock: the clocks of 2 servers agree with it".to_owned(),
        "ok shares: 2 servers can be reached, an upload needs 2".to_owned(),
    ];
    for text in expected {
        assert!(found.iter().any(|line| line.contains(&text)), "{text}: {found:#?}");
    }
    let (_, found) = doctor(&dir, "grid/storage01");
    let is_there = |line: &String| line.contains("ok location: the node can be reached at tcp:127");
    assert!(found.iter().any(is_there), "{found:#?}");
    assert!(grid.terminate().success(), "it has not been disturbed");
    let (_, found) = doctor(&dir, "grid/storage01");
    let is_told = |line: &String| line.contains("note location: the node tells others to find it");
    assert!(found.iter().any(is_told), "{found:#?}");
}
