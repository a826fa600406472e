//! The disk server: conformance, containers, leases, crashes, full disks, neglect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;
mod containers;
mod crash;
mod crawl;
mod durable_slots;
mod killed;
mod lease_index;
mod limits;
mod neglect;
mod quota;
mod slots;
mod tahoe_slots;

use tallac_testkit::conformance::{self, Profile};

use common::open;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_server_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    // Twice and at once: no case may disturb another.
    let one = conformance::run(&server, Profile::Full);
    let two = conformance::run(&server, Profile::Full);
    futures_util::future::join(one, two).await;
}

#[tokio::test]
async fn shares_outlive_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = common::sample(1_500_000);
    common::upload(&open(dir.path()), 1, 3, &data).await.unwrap();
    assert_eq!(common::read(&open(dir.path()), 1, 3).await.unwrap(), data);
}
