//! What a running node takes from its directory on SIGHUP.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::introducers::{connected, introduce, make_introducer, make_listening, run, wait_until};
use crate::node_pages::name_something;
use crate::nodes::Running;
use crate::scratch;

/// What the page of a server says that deletes what has run out.
const EXPIRES: &str = "Enabled: expired leases will be removed.";

fn hang_up(node: &Running) {
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

/// A page of the node.
fn text_page(node: &Path, name: &str) -> String {
    let url = fs::read_to_string(node.join("node.url")).unwrap();
    let mut answer = ureq::get(format!("{}{name}", url.trim())).call().unwrap();
    answer.body_mut().read_to_string().unwrap()
}

/// The same as JSON.
fn page(node: &Path, name: &str) -> Value {
    serde_json::from_str(&text_page(node, name)).unwrap()
}

/// A node with storage that logs to standard output.
fn start(dir: &Path) -> Running {
    let args = ["run", "--allow-stdin-close", "store", "-l", "-"];
    Running::start(dir, &args).wait_for("client running")
}

fn make(dir: &Path) -> std::path::PathBuf {
    make_listening(dir, "create-node", "store", &["--webport=tcp:0:interface=127.0.0.1"]);
    dir.join("store")
}

#[test]
fn what_a_server_takes_and_keeps_changes() {
    let (_guard, dir) = scratch();
    let store = make(&dir);
    let node = start(&dir);
    let storage = || page(&store, "storage?t=json");
    let before = storage();
    assert_eq!(before["stats"]["storage_server.accepting_immutable_shares"], 1, "{before}");
    assert!(!text_page(&store, "storage").contains(EXPIRES));

    let cfg = store.join("tahoe.cfg");
    let settings = fs::read_to_string(&cfg).unwrap();
    let with = |more: &str| settings.replace("[storage]\n", &format!("[storage]\n{more}"));
    let more = "readonly = true\nexpire.enabled = true\nexpire.mode = age\n";
    let changed = with(more).replace("reserved_space = 1G", "reserved_space = 2MB");
    fs::write(&cfg, changed).unwrap();
    hang_up(&node);
    let node = node.wait_for_part("what [storage] says is taken and kept has changed");
    let after = storage();
    assert_eq!(after["stats"]["storage_server.accepting_immutable_shares"], 0, "{after}");
    assert_eq!(after["stats"]["storage_server.reserved_space"], 2_000_000, "{after}");
    assert!(text_page(&store, "storage").contains(EXPIRES));

    fs::write(&cfg, with("readonly = perhaps\n")).unwrap();
    hang_up(&node);
    let node = node.wait_for_part("nothing is changed: ");
    let kept = storage();
    assert_eq!(kept["stats"]["storage_server.reserved_space"], 2_000_000, "it has what it had");
    assert_eq!(kept["stats"]["storage_server.accepting_immutable_shares"], 0, "{kept}");

    fs::write(&cfg, with("anonymous = false\n")).unwrap();
    hang_up(&node);
    let node = node.wait_for_part("[storage] has changed: start the node anew for it");
    let node = node.wait_for_part("settings were read again");
    assert_eq!(storage()["stats"]["storage_server.accepting_immutable_shares"], 1);
    fs::write(store.join("tallac.toml"), "[storage]\nmax_use = \"1 B\"\n").unwrap();
    hang_up(&node);
    let node = node.wait_for_part("what [storage] says is taken and kept has changed");
    assert_eq!(storage()["stats"]["storage_server.disk_avail"], 1);
    assert!(node.terminate().success());
}

#[test]
fn what_is_of_tallac_alone_changes() {
    let (_guard, dir) = scratch();
    let store = make(&dir);
    let toml = store.join("tallac.toml");
    name_something(&store);
    let node = start(&dir);
    let say = |node: Running, text: &str, expected: &str| {
        fs::write(&toml, text).unwrap();
        hang_up(&node);
        node.wait_for_part(expected)
    };
    let on = "[maintenance]\nenabled = true\nevery = \"1 day\"\n";
    let node = say(node, on, "[maintenance] has changed: it is on");
    let node = say(node, "[maintenance]\nenabled = true\nevry = 1\n", "unknown field `evry`");
    let node = say(node, "[maintenance]\nenabled = true\ncaps = [\"lost:\"]\n", "as it was: ");
    let node = say(node, "", "[maintenance] has changed: it is off");
    let endpoint = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"\n";
    let node = say(node, endpoint, "[telemetry] otlp_endpoint has changed: start the node anew");
    let node = say(node, "[log]\nlevel = \"loud\"\n", "line 2: no level: write error");
    let node = say(node, "[log]\nlevel = \"debug\"\n", "[log] level has changed");
    page(&store, "?t=json");
    let node = node.wait_for_part("tallac_gateway::access");
    assert!(node.terminate().success());
}

#[test]
fn introducers_come_and_go() {
    let (_guard, dir) = scratch();
    make_introducer(&dir, "hall");
    let hall = run(&dir, "hall", "introducer running");
    let store = make(&dir);
    let node = start(&dir);
    assert_eq!(connected(&dir, "store").len(), 0);
    introduce(&dir, "store", &["hall"]);
    hang_up(&node);
    let node = node.wait_for_part("introducers.yaml: 1 new introducers, 0 gone");
    // What it announced itself comes back to it.
    wait_until("the server is known", || !connected(&dir, "store").is_empty());
    fs::write(store.join("private/introducers.yaml"), "introducers: [\n").unwrap();
    hang_up(&node);
    let node = node.wait_for_part("nothing is changed: ");
    fs::write(store.join("private/introducers.yaml"), "introducers: {}\n").unwrap();
    hang_up(&node);
    let node = node.wait_for_part("introducers.yaml: 0 new introducers, 1 gone");
    assert!(page(&store, "?t=json")["introducers"]["statuses"].as_array().unwrap().is_empty());
    assert!(node.terminate().success());
    assert!(hall.terminate().success());
}
