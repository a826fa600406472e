//! `invite` and `--join`, with a rendezvous server in this process.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tallac::config::NodeConfig;

use crate::rendezvous::Rendezvous;
use crate::{Done, scratch, tallac};

const FURL: &str = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:1/introducer";

/// A rendezvous server on threads of its own.
struct Relay {
    _runtime: tokio::runtime::Runtime,
    url: String,
}

fn relay() -> Relay {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let url = runtime.block_on(Rendezvous::start()).url;
    Relay { _runtime: runtime, url }
}

/// A node that knows an introducer.
fn inviting_node(dir: &Path) {
    let made = tallac(dir, &["create-client", "-C", "host", "-i", FURL]);
    assert_eq!(made.status, 0, "{made:?}");
}

/// Starts `tallac invite`; gives the code.
fn invite(dir: &Path, relay: &Relay, args: &[&str]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tallac"))
        .args(["-d", "host", "--wormhole-server", &relay.url, "invite"])
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    let code = loop {
        let mut line = String::new();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "no code was printed");
        if let Some(code) = line.strip_prefix("Invite Code for client: ") {
            break code.trim().to_owned();
        }
    };
    (child, code)
}

fn join(dir: &Path, relay: &Relay, args: &[&str]) -> Done {
    tallac(dir, &[&["--wormhole-server", &relay.url], args].concat())
}

/// How an inviting command ended, and what it said on standard error.
fn end(mut child: Child) -> (Option<i32>, String) {
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (child.wait().unwrap().code(), err)
}

#[test]
fn whoever_is_invited_gets_a_node_of_the_grid() {
    let (_guard, dir) = scratch();
    inviting_node(&dir);
    let relay = relay();
    let (child, code) = invite(&dir, &relay, &["bärbel", "--shares-needed", "2"]);
    let done = join(&dir, &relay, &["create-client", "--join", &code, "-C", "new"]);
    let node = dir.join("new");
    let expected = format!(
        "Opening wormhole with code '{code}'\nConnecting to '{}'\nConnected to wormhole server\n  \
         received server introduction\n  received configuration\n\
         Encoding: 2 of 10 shares, on at least 7 servers\nOverriding the following config:\n  \
         introducer: [sensitive data; see tahoe.cfg]\n  nickname: bärbel\n\
         Node created in '{}'\n",
        relay.url,
        node.display()
    );
    assert_eq!((done.status, done.out), (0, expected));
    assert_eq!(end(child), (Some(0), String::new()));

    let config = NodeConfig::load(&node).unwrap();
    assert_eq!((config.client.needed, config.client.happy, config.client.total), (2, 7, 10));
    assert_eq!(config.nickname, "bärbel");
    let introducers = fs::read_to_string(node.join("private/introducers.yaml")).unwrap();
    assert!(introducers.contains(FURL), "{introducers}");
}

#[test]
fn storage_servers_can_be_invited_too() {
    let (_guard, dir) = scratch();
    inviting_node(&dir);
    let relay = relay();
    let (child, code) = invite(&dir, &relay, &["server"]);
    let args = ["create-node", "--join", &code, "-C", "new", "--hostname", "localhost"];
    assert_eq!(join(&dir, &relay, &args).status, 0);
    assert_eq!(end(child).0, Some(0));
    assert!(NodeConfig::load(&dir.join("new")).unwrap().storage.is_some());
}

#[test]
fn a_wrong_code_makes_no_node() {
    let (_guard, dir) = scratch();
    inviting_node(&dir);
    let relay = relay();
    let (child, code) = invite(&dir, &relay, &["somebody"]);
    let wrong = format!("{code}-and-more");
    let done = join(&dir, &relay, &["create-client", "--join", &wrong, "-C", "new"]);
    let expected = "tallac: the code does not match: it was mistyped, or somebody tried to guess \
                    it. Ask for a new one\n";
    assert_eq!((done.status, done.err.as_str()), (1, expected));
    assert_eq!(end(child), (Some(1), expected.to_owned()));
    assert!(!dir.join("new").exists());
}

#[test]
fn failures_say_what_to_do() {
    let (_guard, dir) = scratch();
    let done = tallac(&dir, &["-d", "host", "invite", "somebody"]);
    let expected = format!(
        "Can't find introducer FURL for node 'host': Can't find introducer FURL in tahoe.cfg nor \
         {}/private/introducer.furl\n",
        dir.join("host").display()
    );
    assert_eq!((done.status, done.err), (1, expected));

    inviting_node(&dir);
    let check = |args: &[&str], out: &str, err: &str| {
        let done = tallac(&dir, args);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.out.ends_with(out) && done.err.contains(err), "{done:?}");
        assert!(!dir.join("new").exists());
    };
    let join = ["create-client", "-C", "new", "--join"];
    check(
        &[&join[..], &["seven words"]].concat(),
        "--join: a code has no spaces in it: put dashes between its words\n",
        "",
    );
    check(
        &[&["--wormhole-server", "https://example.org/"], &join[..], &["7-a-b"]].concat(),
        "",
        "is no address of a rendezvous server: write one like ws://",
    );
    // Nothing listens on port 1.
    let nobody = "cannot reach the rendezvous server at 127.0.0.1:1: ";
    check(
        &[&["--wormhole-server", "ws://127.0.0.1:1/v1"], &join[..], &["7-a-b"]].concat(),
        "Connecting to 'ws://127.0.0.1:1/v1'\n",
        nobody,
    );
    check(
        &["-d", "host", "invite", "--shares-needed", "x", "somebody"],
        "--shares-needed must be an integer\n",
        "",
    );
}
