//! Uploads with a helper: clients and helpers of both programs, in all pairings.

use interop::{Kind, Node, NodeOptions};

use crate::{file, gateway, playground, servers};

/// A helper's directory that was made by one program is run by one after the other; clients of
/// both, which know no servers at all, upload through it.
fn check_helper(made_by: Kind, runs: [Kind; 3]) {
    let Some((commands, home)) = playground() else { return };
    let storage = servers(&commands, home.path(), &[Kind::Tahoe, Kind::Tallac, Kind::Tallac]);
    let entries: Vec<_> = storage.iter().map(|server| server.entry().unwrap()).collect();
    let encoding = (2, 3, 3);
    let options = NodeOptions { helper: true, encoding, ..NodeOptions::server() };
    let dir = home.path().join("helper");
    let mut helper = Node::create(&commands, made_by, &[dir], &options).unwrap().remove(0);
    // It gives shares to the others only.
    helper.set("storage", "enabled", "false").unwrap();
    helper.use_servers(&entries).unwrap();
    helper.start(runs[0]).unwrap();
    let furl = helper.file("private/helper.furl").unwrap();
    let options = NodeOptions { helper_furl: Some(furl.clone()), ..NodeOptions::gateway(encoding) };
    let client = |name: &str, kind| gateway(&commands, home.path().join(name), kind, &options, &[]);
    let clients = [client("ours", Kind::Tallac), client("theirs", Kind::Tahoe)];
    let plain = NodeOptions::gateway(encoding);
    let dir = home.path().join("reader");
    let reader = gateway(&commands, dir, Kind::Tallac, &plain, &storage);
    for (i, kind) in runs.into_iter().enumerate() {
        if i > 0 {
            helper.stop().unwrap();
            helper.start(kind).unwrap();
        }
        assert_eq!(helper.file("private/helper.furl").unwrap(), furl, "run {i}, by {kind:?}");
        for (at, client) in clients.iter().enumerate() {
            let data = file(400_000 + 10 * i + at);
            let cap = put_through(client, &data);
            assert!(reader.web().get(&cap).unwrap() == data, "run {i}, by {kind:?}, client {at}");
            // What is there already is not fetched again.
            assert_eq!(client.web().put(&data).unwrap(), cap);
        }
    }
}

/// Puts a file with a helper that may only just have come back: without it the client knows no
/// server, and says so.
fn put_through(client: &Node, data: &[u8]) -> String {
    client.wait_until("the helper takes it", || client.web().put(data).ok()).unwrap()
}

#[test]
fn their_helper_becomes_ours_and_theirs_again() {
    check_helper(Kind::Tahoe, [Kind::Tahoe, Kind::Tallac, Kind::Tahoe]);
}

#[test]
fn our_helper_becomes_theirs_and_ours_again() {
    check_helper(Kind::Tallac, [Kind::Tallac, Kind::Tahoe, Kind::Tallac]);
}
