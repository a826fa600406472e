//! The conformance suite through client, TLS, server and a simulated storage server.

use tallac_core::storage::StorageServer as _;
use tallac_net::gbs::GbsClient;
use tallac_net::transport::Ways;
use tallac_testkit::Operation;
use tallac_testkit::conformance::{self, Profile};

use crate::support::Served;

#[tokio::test]
async fn our_client_and_our_server_conform() {
    let served = Served::start().await;
    let client = GbsClient::new(std::slice::from_ref(&served.nurl), &Ways::direct()).unwrap();
    conformance::run(&client, Profile::Full).await;
    served.stop().await;
}

#[tokio::test]
async fn our_client_conforms_where_slots_cannot_be_read_at_once() {
    let served = Served::start().await;
    served.sim.set_application_version("tahoe-lafs/1.20.0");
    let client = GbsClient::new(std::slice::from_ref(&served.nurl), &Ways::direct()).unwrap();
    client.version().await.unwrap();
    conformance::run(&client, Profile::Full).await;
    assert_eq!(served.sim.call_count(Operation::ReadSlot), 0);
    served.stop().await;
}

#[tokio::test]
async fn all_cases_can_run_at_once() {
    let served = Served::start().await;
    let client = GbsClient::new(std::slice::from_ref(&served.nurl), &Ways::direct()).unwrap();
    let cases = conformance::cases();
    futures_util::future::join_all(cases.iter().map(|case| case.run(&client))).await;
    served.stop().await;
}
