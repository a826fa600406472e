//! Grids that meet at an introducer, theirs or ours: ten servers half and half, gateways of both
//! programs over both protocols, while the introducer crashes, changes hands and comes back.

use std::path::Path;

use interop::{Commands, Kind, Node, NodeOptions};

use crate::{file, playground};

/// Gateways of both programs, each with either protocol.
const GATEWAYS: [(Kind, bool); 4] =
    [(Kind::Tahoe, false), (Kind::Tallac, false), (Kind::Tahoe, true), (Kind::Tallac, true)];

const fn other(kind: Kind) -> Kind {
    match kind {
        Kind::Tahoe => Kind::Tallac,
        Kind::Tallac => Kind::Tahoe,
    }
}

/// An introducer that runs, and its FURL.
fn introducer(commands: &Commands, home: &Path, kind: Kind) -> (Node, String) {
    let dir = home.join("introducer");
    let mut node = Node::create_introducer(commands, kind, dir).unwrap();
    node.start(kind).unwrap();
    let furl = node.file("private/introducer.furl").unwrap();
    (node, furl)
}

/// Nodes made and started by these programs.
fn start(
    commands: &Commands,
    home: &Path,
    wanted: &[(Kind, String)],
    options: &NodeOptions,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (kind, name) in wanted {
        nodes.extend(Node::create(commands, *kind, &[home.join(name)], options).unwrap());
    }
    for (node, (kind, _)) in nodes.iter_mut().zip(wanted) {
        node.launch(*kind).unwrap();
    }
    for node in &mut nodes {
        node.wait_until_up().unwrap();
    }
    nodes
}

/// Each gateway puts a file, and all get it.
fn check_files(gateways: &[Node], round: usize) {
    for (i, putter) in gateways.iter().enumerate() {
        let data = file(300_000 + 10 * round + i);
        let cap = putter.web().put(&data).unwrap();
        for (getter, (kind, foolscap)) in gateways.iter().zip(GATEWAYS) {
            let got = getter.web().get(&cap).unwrap();
            assert!(got == data, "round {round}, put by {i}, got by {kind:?}, {foolscap}");
        }
    }
}

fn check_introducer(kind: Kind) {
    let Some((commands, home)) = playground() else { return };
    let home = home.path();
    let (mut introducer, furl) = introducer(&commands, home, kind);
    let server = NodeOptions { introducer: Some(furl.clone()), ..NodeOptions::server() };
    let kinds = [Kind::Tahoe, Kind::Tallac];
    let wanted: Vec<_> = (0..10).map(|i| (kinds[i % 2], format!("server{i}"))).collect();
    let mut storage = start(&commands, home, &wanted, &server);
    let mut gateways = Vec::new();
    for (i, (kind, force_foolscap)) in GATEWAYS.into_iter().enumerate() {
        let introducer = Some(furl.clone());
        let options =
            NodeOptions { introducer, force_foolscap, ..NodeOptions::gateway((3, 7, 10)) };
        gateways.extend(start(&commands, home, &[(kind, format!("gateway{i}"))], &options));
    }
    let connected = |gateways: &[Node], count| {
        gateways.iter().for_each(|gateway| gateway.wait_for_servers(count).unwrap());
    };
    connected(&gateways, 10);
    check_files(&gateways, 0);
    let page = introducer.web().get_text("/?t=json").unwrap();
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["announcement_summary"]["storage"], 10, "{page}");
    assert_eq!(page["subscription_summary"]["storage"], 14, "{page}");

    // The introducer is gone: clients that start know the servers from last time.
    introducer.kill().unwrap();
    for (gateway, (kind, _)) in gateways.iter_mut().zip(GATEWAYS) {
        gateway.stop().unwrap();
        gateway.launch(kind).unwrap();
    }
    gateways.iter_mut().for_each(|gateway| gateway.wait_until_up().unwrap());
    connected(&gateways, 10);
    check_files(&gateways, 1);

    // It comes back, run by the other program, and all find it again: a new server is heard of.
    introducer.start(other(kind)).unwrap();
    assert_eq!(introducer.file("private/introducer.furl").unwrap(), furl);
    storage.extend(start(&commands, home, &[(kind, "server10".to_owned())], &server));
    connected(&gateways, 11);
    // And back, in the hands of the first.
    introducer.stop().unwrap();
    introducer.start(kind).unwrap();
    storage.extend(start(&commands, home, &[(other(kind), "server11".to_owned())], &server));
    connected(&gateways, 12);
    check_files(&gateways, 2);
}

#[test]
fn a_mixed_grid_at_their_introducer() {
    check_introducer(Kind::Tahoe);
}

#[test]
fn a_mixed_grid_at_our_introducer() {
    check_introducer(Kind::Tallac);
}
