//! A node directory is run by one program, then by the other, and back.

use std::path::Path;

use interop::{Kind, Node, NodeOptions};

use crate::{file, gateway, playground};

/// The files that say who a node is.
const IDENTITY: [&str; 7] = [
    "my_nodeid",
    "node.pubkey",
    "permutation-seed",
    "private/node.pem",
    "private/node.privkey",
    "private/storage.furl",
    "private/secret",
];

fn identity(dir: &Path) -> Vec<String> {
    IDENTITY.iter().map(|name| std::fs::read_to_string(dir.join(name)).unwrap()).collect()
}

/// Puts a file on a server that has just come back. Tahoe-LAFS's gateway keeps its connections for
/// a while, and the first request over one that the old process had answers 500: it is asked again,
/// a few times only.
fn put_after_restart(gateway: &Node, data: &[u8]) -> String {
    for _ in 0..4 {
        if let Ok(cap) = gateway.web().put(data) {
            return cap;
        }
        gateway.wait_for_servers(1).unwrap();
    }
    gateway.web().put(data).unwrap()
}

/// Makes a server with one program, and runs it with one after the other.
fn check_swap(made_by: Kind, runs: [Kind; 3]) {
    let Some((commands, home)) = playground() else { return };
    let dir = home.path().join("server");
    let mut server =
        Node::create(&commands, made_by, &[dir], &NodeOptions::server()).unwrap().remove(0);
    server.start(runs[0]).unwrap();
    let before = identity(server.dir());
    let options = NodeOptions::gateway((1, 1, 1));
    let servers = [server];
    let make =
        |name: &str, kind| gateway(&commands, home.path().join(name), kind, &options, &servers);
    let (ours, theirs) = (make("ours", Kind::Tallac), make("theirs", Kind::Tahoe));
    let mut server = servers.into_iter().next().unwrap();
    let mut caps = Vec::new();
    for (i, kind) in runs.into_iter().enumerate() {
        if i > 0 {
            server.stop().unwrap();
            server.start(kind).unwrap();
            ours.wait_for_servers(1).unwrap();
            theirs.wait_for_servers(1).unwrap();
        }
        assert_eq!(identity(server.dir()), before, "run {i}, by {kind:?}");
        for (gateway, len) in [(&ours, 100_000 + i), (&theirs, 200_000 + i)] {
            let data = file(len);
            caps.push((put_after_restart(gateway, &data), data));
        }
        for (cap, data) in &caps {
            assert!(ours.web().get(cap).unwrap() == *data, "run {i}, by {kind:?}");
            assert!(theirs.web().get(cap).unwrap() == *data, "run {i}, by {kind:?}");
        }
    }
}

#[test]
fn their_server_becomes_ours_and_theirs_again() {
    check_swap(Kind::Tahoe, [Kind::Tahoe, Kind::Tallac, Kind::Tahoe]);
}

#[test]
fn our_server_becomes_theirs_and_ours_again() {
    check_swap(Kind::Tallac, [Kind::Tallac, Kind::Tahoe, Kind::Tallac]);
}

#[test]
fn a_gateway_keeps_its_secrets_in_either_program() {
    let Some((commands, home)) = playground() else { return };
    let storage = crate::servers(&commands, home.path(), &[Kind::Tallac]);
    let options = NodeOptions::gateway((1, 1, 1));
    let dir = home.path().join("gateway");
    let mut node = gateway(&commands, dir, Kind::Tallac, &options, &storage);
    let data = file(12_345);
    let cap = node.web().put(&data).unwrap();
    for kind in [Kind::Tahoe, Kind::Tallac] {
        node.stop().unwrap();
        node.start(kind).unwrap();
        node.wait_for_servers(1).unwrap();
        assert_eq!(node.web().put(&data).unwrap(), cap, "run by {kind:?}");
        assert_eq!(node.web().get(&cap).unwrap(), data);
    }
}
