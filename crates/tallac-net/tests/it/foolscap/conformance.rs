//! The conformance suite through client, tubs, server and a simulated storage server.

use tallac_core::storage::StorageServer as _;
use tallac_testkit::conformance::{self, Profile};

use super::Served;

#[tokio::test]
async fn our_client_and_our_server_conform() {
    let served = Served::start().await;
    let (_tub, client) = served.client();
    conformance::run(&client, Profile::Full).await;
    served.stop().await;
}

#[tokio::test]
async fn all_cases_can_run_at_once() {
    let served = Served::start().await;
    let (_tub, client) = served.client();
    let cases = conformance::cases();
    futures_util::future::join_all(cases.iter().map(|case| case.run(&client))).await;
    served.stop().await;
}

#[tokio::test]
async fn a_client_connects_again_when_its_connection_was_lost() {
    let served = Served::start().await;
    let (tub, client) = served.client();
    let version = client.version().await.unwrap();
    let (_other_tub, other) = served.client();
    // Two tubs of one identity cannot be connected at once: the newer takes the place.
    assert_eq!(other.version().await.unwrap(), version);
    assert_eq!(client.version().await.unwrap(), version);
    tub.stop().await;
    assert!(client.version().await.is_err());
}
