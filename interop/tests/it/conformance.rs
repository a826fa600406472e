//! The conformance suite of storage servers, through our client, against nodes of either program.

use interop::Kind;
use tallac_net::gbs::GbsClient;
use tallac_net::transport::Ways;
use tallac_testkit::conformance::{self, Profile};

use crate::{playground, servers};

/// Runs all cases that are asked of servers of that profile.
fn check_server(kind: Kind, profile: Profile) {
    let Some((commands, home)) = playground() else { return };
    let servers = servers(&commands, home.path(), &[kind]);
    let nurl = servers[0].entry().unwrap().nurl().parse().unwrap();
    let client = GbsClient::new(&[nurl], &Ways::direct()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut failed = Vec::new();
    for case in conformance::cases().into_iter().filter(|case| case.applies_to(profile)) {
        let client = client.clone();
        let run = runtime.spawn(async move { case.run(&client).await });
        if runtime.block_on(run).is_err() {
            failed.push(case.name());
        }
    }
    assert_eq!(failed, Vec::<&str>::new());
}

#[test]
fn a_server_of_theirs_conforms() {
    check_server(Kind::Tahoe, Profile::Tahoe);
}

#[test]
fn a_server_of_ours_conforms() {
    check_server(Kind::Tallac, Profile::Full);
}
