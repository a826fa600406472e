//! Nodes are made as Tahoe-LAFS makes them: the same files, settings, modes, messages.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tallac::config::{NodeConfig, NodeKind, Tub, TubPort};

use crate::{scratch, tallac};

const NODES: &str = include_str!("../../../../vectors/node_files.json");
const INTRODUCERS: &str = include_str!("../../../../vectors/introducer_files.json");

fn lines(text: &str, dir: &Path) -> Vec<String> {
    let base = dir.to_str().unwrap();
    text.lines().map(|line| line.replace(base, "BASE")).collect()
}

/// What a program reads of a `tahoe.cfg`, and the settings that are there to be uncommented.
fn settings(text: &str) -> Vec<String> {
    let is_prose = |line: &str| line.starts_with("# ") && !line.contains("-*-");
    let lines = text.lines().filter(|line| !line.is_empty() && !is_prose(line));
    lines.map(without_port).collect()
}

/// A port that the system chose, left out.
fn without_port(line: &str) -> String {
    let is_tub = ["tub.port = tcp:", "tub.location = tcp:example.org:"];
    for start in is_tub {
        let port = line.strip_prefix(start).unwrap_or_default();
        if port.len() == 5 && port.bytes().all(|byte| byte.is_ascii_digit()) {
            return format!("{start}PORT");
        }
    }
    line.to_owned()
}

fn files(base: &Path, dir: &Path, found: &mut BTreeMap<String, Value>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mode = format!("0o{:o}", fs::metadata(&path).unwrap().permissions().mode() & 0o777);
        let name = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
        let content = if path.is_dir() {
            files(base, &path, found);
            Value::Null
        } else if name.ends_with(".tac") {
            json!([])
        } else {
            let text = fs::read_to_string(&path).unwrap();
            json!(if name.ends_with(".cfg") { settings(&text) } else { lines(&text, base) })
        };
        found.insert(name, json!([mode, content]));
    }
}

/// What Tahoe-LAFS did, where we mean to do something else.
fn expected_files(case: &Value) -> BTreeMap<String, Value> {
    let files = case["files"].as_object().unwrap();
    let mut files: BTreeMap<_, _> = files.clone().into_iter().collect();
    if let Some(introducers) = files.get_mut("node/private/introducers.yaml") {
        // What is secret is its owner's alone, and texts are quoted.
        introducers[0] = json!("0o600");
        let furl = introducers[1][2].as_str().unwrap().replace("furl: ", "furl: \"") + "\"";
        introducers[1][2] = json!(furl);
    }
    files
}

#[test]
fn nodes_are_made_as_tahoe_makes_them() {
    check_all(NODES);
}

#[test]
fn introducers_are_made_as_tahoe_makes_them() {
    check_all(INTRODUCERS);
}

fn check_all(cases: &str) {
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let (_guard, dir) = scratch();
        for path in case["make"].as_array().unwrap() {
            let path = dir.join(path.as_str().unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if !path.to_str().unwrap().ends_with('/') {
                fs::write(path, "").unwrap();
            }
        }
        let args: Vec<_> =
            case["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        let done = tallac(&dir, &args);
        assert_eq!(json!(done.status), case["exit"], "{args:?}: {done:?}");
        let out = lines(&done.out, &dir);
        match done.status {
            0 => {
                assert_eq!(json!(out), case["out"], "{args:?}");
                let mut found = BTreeMap::new();
                files(&dir, &dir, &mut found);
                assert_eq!(found, expected_files(&case), "{args:?}");
            }
            1 => {
                let message = case["out"][0].as_str().unwrap().replace("tahoe:", "tallac:");
                assert_eq!(out.last(), Some(&message), "{args:?}");
                assert!(out[0].starts_with("Usage: tallac create-"), "{args:?}: {out:?}");
                assert!(!dir.join("node").exists());
            }
            _ => assert_eq!(json!(lines(&done.err, &dir)), case["err"], "{args:?}"),
        }
    }
}

#[test]
fn what_is_made_can_be_run() {
    let (_guard, dir) = scratch();
    let make = ["--port=tcp:1234", "--location=tcp:h:1234", "--nickname=100% Zoë", "-p", "0"];
    let done = tallac(&dir, &[&["create-node"][..], &make, &["a/b"]].concat());
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let config = NodeConfig::load(&dir.join("a/b")).unwrap();
    assert_eq!(config.nickname, "100% Zoë");
    assert_eq!(config.directory.kind(), Some(NodeKind::Client));
    assert_eq!(config.web_port.unwrap().to_string(), "0.0.0.0:0");
    let Tub::Listening { ports, .. } = &config.tub else { panic!("listens") };
    assert!(matches!(&ports[0], TubPort::Socket(at) if at.port == 1234));
    assert_eq!(config.storage.unwrap().reserved_space, 1_000_000_000);

    assert_eq!(tallac(&dir, &["create-client"]).status, 0);
    let config = NodeConfig::load(&dir.join(".tahoe")).unwrap();
    assert_eq!((config.tub, config.storage), (Tub::Disabled, None));
}

#[test]
fn what_could_not_be_run_is_not_made() {
    let (_guard, dir) = scratch();
    let cases: [(&[&str], &str); 4] = [
        (&["create-client", "--shares-needed=11", "n"], "cannot be more than --shares-total (10)"),
        (&["create-client", "--shares-total=300", "n"], "--shares-total must be from 1 to 256"),
        (&["create-client", "--nickname=a\nb = c", "n"], "--nickname cannot have control"),
        (&["create-client", "--join=1-a-b", "n"], "--join comes with a later version"),
    ];
    for (args, expected) in cases {
        let done = tallac(&dir, args);
        assert_eq!(done.status, 1, "{args:?}");
        assert!((done.out + &done.err).contains(expected), "{args:?}");
        assert!(!dir.join("n").exists(), "{args:?}");
    }
}
