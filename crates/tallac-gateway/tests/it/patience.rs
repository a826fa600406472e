//! Clients that hang, and how many there may be.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::support::{Web, file};

/// Short, so that what is waited for comes soon.
const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_given_up() {
    let web = Web::with(1, |config| config.limits.header_timeout = SOON).await;
    let mut client = web.connect().await;
    client.stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    assert!(client.head().await.is_none_or(|answer| answer.status == 408));
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_body_is_told() {
    let web = Web::with(10, |config| config.limits.upload_silence = SOON).await;
    for sent in [1000, 2_000_000] {
        let mut client = web.connect().await;
        let head = "PUT /uri HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n";
        client.stream.write_all(head.as_bytes()).await.unwrap();
        client.stream.write_all(&file(sent)).await.unwrap();
        let answer = client.answer("PUT").await.unwrap();
        assert_eq!(answer.status, 408);
        assert!(answer.text().contains("nothing was stored"), "{}", answer.text());
    }
    assert!(web.sims.iter().all(|sim| sim.shares().is_empty()));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let mut web = Web::with(10, |config| config.limits.download_silence = SOON).await;
    let cap = web.put_file(&file(20_000_000)).await;
    let mut client = web.connect().await;
    client.send("GET", &format!("/uri/{cap}"), &[], b"").await;
    assert_eq!(client.head().await.unwrap().status, 200);
    // The node ends before its time to drain is over, although the client holds the connection.
    web.begin_stop();
    tokio::time::timeout(Duration::from_secs(9), web.stopped()).await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let web = Web::with(1, |config| config.limits.connections_max = 1).await;
    let mut first = web.connect().await;
    first.send("GET", "/?t=json", &[], b"").await;
    assert_eq!(first.answer("GET").await.unwrap().status, 200);
    let mut second = web.connect().await;
    second.send("GET", "/?t=json", &[], b"").await;
    first.send("GET", "/?t=json", &[], b"").await;
    assert_eq!(first.answer("GET").await.unwrap().status, 200);
    drop(first);
    assert_eq!(second.answer("GET").await.unwrap().status, 200);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let web = Web::with(1, |_| {}).await;
    let mut idle = web.connect().await;
    idle.send("GET", "/", &[], b"").await;
    assert_eq!(idle.answer("GET").await.unwrap().status, 200);
    let _unused = web.connect().await;
    tokio::time::timeout(Duration::from_secs(9), web.stopped()).await.unwrap();
}
