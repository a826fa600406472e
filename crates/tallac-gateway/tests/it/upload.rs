//! Files in: of every size, spooled or not, cut off, refused.

use tallac_core::storage::StorageError;
use tallac_testkit::Fault;
use tokio::io::AsyncWriteExt;

use crate::support::{Web, file};

#[tokio::test]
async fn files_of_every_size_come_back() {
    let web = Web::new().await;
    let mib = 1 << 20;
    for len in [0, 1, 55, 56, 57, 65_535, 65_536, 65_537, mib - 1, mib, mib + 1, 5_000_000] {
        let data = file(len);
        let answer = web.put("/uri", &data).await;
        assert_eq!(answer.status, 200, "{len}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        let cap = answer.text();
        let kind = if len <= 55 { "URI:LIT:" } else { "URI:CHK:" };
        assert!(cap.starts_with(kind), "{len}");
        let got = web.get(&format!("/uri/{cap}")).await;
        assert_eq!((got.status, got.length()), (200, len));
        assert!(got.body == data, "{len} bytes came back otherwise");
        let again = if len % 2 == 0 { web.put("/cap", &data).await } else { answer };
        assert_eq!(again.text(), cap, "the same file has the same cap");
    }
    assert_eq!(web.put_file(b"").await, "URI:LIT:");
    assert_eq!(web.put_file(b"hello").await, "URI:LIT:nbswy3dp");
}

#[tokio::test]
async fn the_key_is_the_same_by_way_of_memory_and_disk() {
    // A body without a length begins in memory and goes over to the disk.
    let web = Web::new().await;
    let data = file(1_500_000);
    let cap = web.put_file(&data).await;
    let mut client = web.connect().await;
    let head = "PUT /uri HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.stream.write_all(head.as_bytes()).await.unwrap();
    for piece in data.chunks(50_000) {
        let size = format!("{:x}\r\n", piece.len());
        client.stream.write_all(size.as_bytes()).await.unwrap();
        client.stream.write_all(piece).await.unwrap();
        client.stream.write_all(b"\r\n").await.unwrap();
    }
    client.stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(client.answer("PUT").await.unwrap().text(), cap);
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let web = Web::new().await;
    let mut client = web.connect().await;
    for round in 0..3 {
        client.send("PUT", "/uri?format=chk", &[], &file(100 + round)).await;
        let cap = client.answer("PUT").await.unwrap().text();
        client.send("GET", &format!("/uri/{cap}"), &[], b"").await;
        assert_eq!(client.answer("GET").await.unwrap().body, file(100 + round));
    }
}

#[tokio::test]
async fn a_client_is_told_to_go_on() {
    let web = Web::new().await;
    let mut client = web.connect().await;
    let head = "PUT /uri HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(client.head().await.unwrap().status, 100);
    client.stream.write_all(b"hello").await.unwrap();
    assert_eq!(client.answer("PUT").await.unwrap().text(), "URI:LIT:nbswy3dp");
}

#[tokio::test]
async fn a_refused_body_is_heard_to_its_end() {
    let web = Web::new().await;
    let mut client = web.connect().await;
    client.send("PUT", "/uri?format=zip", &[], &file(3_000_000)).await;
    let answer = client.answer("PUT").await.unwrap();
    assert_eq!(answer.status, 400);
    client.send("PUT", "/uri", &[], b"hello").await;
    assert_eq!(client.answer("PUT").await.unwrap().status, 200);
}

#[tokio::test]
async fn large_bodies_leave_no_file_behind() {
    let web = Web::new().await;
    web.put_file(&file(2_500_000)).await;
    assert_eq!(std::fs::read_dir(web.tempdir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_client_that_vanishes_stores_nothing() {
    let web = Web::new().await;
    for sent in [500_000, 2_000_000] {
        let mut client = web.connect().await;
        let head = "PUT /uri HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n";
        client.stream.write_all(head.as_bytes()).await.unwrap();
        client.stream.write_all(&file(sent)).await.unwrap();
        client.stream.shutdown().await.unwrap();
        let answer = client.answer("PUT").await;
        assert!(answer.is_none_or(|answer| answer.status == 400));
    }
    let (sims, tempdir) = web.stopped().await;
    assert!(sims.iter().all(|sim| sim.shares().is_empty() && sim.calls().len() == 1));
    assert_eq!(std::fs::read_dir(tempdir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn two_servers_are_too_few() {
    let web = Web::with(2, |_| {}).await;
    let answer = web.put("/uri", &file(1000)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("text/plain;charset=utf-8"));
    let text = answer.text();
    assert!(text.starts_with("UploadUnhappinessError: "), "{text}");
    assert!(text.contains("shares could be placed or found on only 2 server(s)."), "{text}");
    assert!(text.contains("We were asked to place shares on at least 7 server(s)"), "{text}");
    assert!(text.contains("shares.happy in tahoe.cfg"), "{text}");
    assert_eq!(web.put("/uri", b"small").await.status, 200, "a literal file needs no servers");
}

#[tokio::test]
async fn no_servers_and_failing_servers() {
    let web = Web::with(0, |_| {}).await;
    let answer = web.put("/uri", &file(1000)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("client gave us zero servers"), "{}", answer.text());
    let web = Web::new().await;
    web.fault_everywhere(&Fault::Fail(StorageError::Unreachable("gone".to_owned())));
    let answer = web.put("/uri", &file(2_000_000)).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(std::fs::read_dir(web.tempdir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_tempdir_that_is_not_there_is_the_nodes_fault() {
    let web = Web::with(10, |config| config.tempdir.push("missing")).await;
    assert_eq!(web.put("/uri", &file(1000)).await.status, 200, "small files need none");
    let answer = web.put("/uri", &file(2_000_000)).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("set tempdir in tahoe.cfg"), "{}", answer.text());
}
