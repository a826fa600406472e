//! The disk server keeps to the conformance suite.

use tallac_storage::{Config, DiskServer};
use tallac_testkit::conformance::{self, Profile};

#[tokio::test]
async fn the_disk_server_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let server = DiskServer::open(Config::new(dir.path())).unwrap();
    conformance::run(&server, Profile::Full).await;
}
