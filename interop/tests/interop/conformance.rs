//! The conformance suite of storage servers, through our clients of either protocol, against nodes
//! of either program.

use std::sync::Arc;

use foolscap::{Certificate, Tub, TubOptions};
use interop::{Kind, ServerEntry};
use tallac_core::storage::StorageServer;
use tallac_net::foolscap_storage::FoolscapClient;
use tallac_net::gbs::GbsClient;
use tallac_net::transport::Ways;
use tallac_testkit::conformance::{self, Profile};

use crate::{playground, servers};

/// Makes a client of a server.
type MakeClient = fn(&ServerEntry) -> Arc<dyn StorageServer>;

fn gbs(entry: &ServerEntry) -> Arc<dyn StorageServer> {
    Arc::new(GbsClient::new(&[entry.nurl().parse().unwrap()], &Ways::direct()).unwrap())
}

fn foolscap(entry: &ServerEntry) -> Arc<dyn StorageServer> {
    let tub = Tub::new(&Certificate::generate().unwrap(), TubOptions::default()).unwrap();
    Arc::new(FoolscapClient::new(tub, entry.furl().parse().unwrap()))
}

/// Runs all cases that are asked of servers of that profile.
fn check_server(kind: Kind, profile: Profile, client: MakeClient) {
    let Some((commands, home)) = playground() else { return };
    let servers = servers(&commands, home.path(), &[kind]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let client = client(&servers[0].entry().unwrap());
    let mut failed = Vec::new();
    for case in conformance::cases().into_iter().filter(|case| case.applies_to(profile)) {
        let client = client.clone();
        let run = runtime.spawn(async move { case.run(&*client).await });
        if runtime.block_on(run).is_err() {
            failed.push(case.name());
        }
    }
    assert_eq!(failed, Vec::<&str>::new());
}

#[test]
fn a_server_of_theirs_conforms() {
    check_server(Kind::Tahoe, Profile::Tahoe, gbs);
}

#[test]
fn a_server_of_theirs_conforms_over_foolscap() {
    check_server(Kind::Tahoe, Profile::Tahoe, foolscap);
}

#[test]
fn a_server_of_ours_conforms() {
    check_server(Kind::Tallac, Profile::Full, gbs);
}

#[test]
fn a_server_of_ours_conforms_over_foolscap() {
    check_server(Kind::Tallac, Profile::Full, foolscap);
}
