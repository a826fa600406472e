//! What only those see who have the token, what nobody is to have, and files of the node's owner.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tallac_gateway::wapi::ApiToken;

use crate::node_pages::FakeNode;
use crate::support::{Client, Web, file, storage_index};

const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

async fn with_token() -> (Web, Arc<FakeNode>) {
    let node = FakeNode::new();
    let shown = Arc::clone(&node);
    let web = Web::with(1, |config| {
        config.node = shown;
        config.api_token = Some(ApiToken::new("the-token"));
    });
    (web.await, node)
}

#[tokio::test]
async fn only_with_the_token() {
    let (web, _node) = with_token().await;
    for headers in [
        &[][..],
        &["Authorization: the-token"],
        &["Authorization: tahoe-lafs the-toke"],
        &["Authorization: tahoe-lafs the-token2"],
        &["Authorization: Basic the-token"],
        &["Authorization: x"],
    ] {
        for target in ["/private", "/private/", "/private/logs/v1", "/private/zzz"] {
            let answer = web.ask("GET", target, headers).await;
            assert_eq!(answer.status, 401, "{target} {headers:?}");
            let challenge = Some("tahoe-lafs realm=\"tahoe-lafs\"");
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
    let token = ["Authorization: tahoe-lafs the-token"];
    assert_eq!(web.ask("GET", "/private", &token).await.status, 404);
    assert_eq!(web.ask("GET", "/private/logs", &token).await.status, 404);
    let answer = web.ask("GET", "/private/logs/v1", &token).await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")));
    // A node without a token has nothing private.
    let web = Web::with(1, |_| {}).await;
    assert_eq!(web.ask("GET", "/private/logs/v1", &token).await.status, 401);
}

async fn log_reader(web: &Web) -> Client {
    let mut client = web.connect().await;
    let headers = [&["Authorization: Tahoe-LAFS the-token"], &UPGRADE[..]].concat();
    client.send("GET", "/private/logs/v1", &headers, b"").await;
    let head = client.head().await.unwrap();
    assert_eq!(head.status, 101);
    assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    client
}

async fn frame(client: &mut Client) -> String {
    let head = client.body(2).await;
    assert_eq!(head[0], 0x81, "one text frame");
    String::from_utf8(client.body(head[1].into()).await).unwrap()
}

#[tokio::test]
async fn the_log_as_it_is_written() {
    let (mut web, node) = with_token().await;
    let mut client = log_reader(&web).await;
    while node.lines.receiver_count() == 0 {
        tokio::task::yield_now().await;
    }
    node.lines.send("{\"a\":1}".into()).unwrap();
    assert_eq!(frame(&mut client).await, "{\"a\":1}");
    // What comes faster than it is read is lost, not kept.
    for at in 0..9 {
        node.lines.send(format!("{{\"b\":{at}}}").into()).unwrap();
    }
    assert_eq!(frame(&mut client).await, "{\"message_type\":\"tallac:lost\",\"count\":5}");
    assert_eq!(frame(&mut client).await, "{\"b\":5}");
    // Who goes is forgotten.
    drop(client);
    while node.lines.receiver_count() > 0 {
        let _ = node.lines.send("{}".into());
        tokio::task::yield_now().await;
    }
    // A node that stops does not wait for readers.
    let mut client = log_reader(&web).await;
    web.begin_stop();
    assert_eq!(client.body(1).await, b"");
    web.stopped().await;
}

#[tokio::test]
async fn readers_are_counted() {
    let (web, _node) = with_token().await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(log_reader(&web).await);
    }
    let headers = [&["Authorization: tahoe-lafs the-token"], &UPGRADE[..]].concat();
    assert_eq!(web.ask("GET", "/private/logs/v1", &headers).await.status, 503);
}

#[tokio::test]
async fn what_nobody_is_to_have() {
    let list = tempfile::NamedTempFile::new().unwrap();
    let path = list.path().to_owned();
    let web = Web::with(10, |config| config.files.blacklist = Some(path.clone())).await;
    let cap = web.put_file(&file(70_000)).await;
    let (dir, sub) = (web.mkdir().await, web.mkdir().await);
    web.put(&format!("/uri/{dir}/file?t=uri"), cap.as_bytes()).await;
    web.put(&format!("/uri/{dir}/sub?t=uri"), sub.as_bytes()).await;
    web.put(&format!("/uri/{sub}/inner"), b"here").await;
    let sub_index = web.get("/status?t=json").await.text();
    assert!(!sub_index.is_empty());
    let index = storage_index(&cap);
    let sub_cap: tallac_core::cap::Cap = tallac_core::cap::Cap::parse(&sub);
    let sub_index = tallac_core::dirnode::Node::from(sub_cap).storage_index().unwrap();
    fs::write(&path, format!("# why\n{index} off limits: \u{e9}\n{sub_index}  no entry\n"))
        .unwrap();
    for (target, reason) in [
        (format!("/uri/{cap}"), "off limits: \u{e9}"),
        (format!("/uri/{cap}?t=json"), "off limits: \u{e9}"),
        (format!("/uri/{cap}?t=info"), "off limits: \u{e9}"),
        (format!("/named/{cap}/x.png"), "off limits: \u{e9}"),
        (format!("/uri/{dir}/file"), "off limits: \u{e9}"),
        (format!("/uri/{sub}?t=json"), "no entry"),
        (format!("/uri/{dir}/sub/inner"), "no entry"),
    ] {
        let answer = web.get(&target).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert_eq!(answer.text(), format!("Access Prohibited: {reason}"));
    }
    assert_eq!(web.put(&format!("/uri/{sub}/other"), b"x").await.status, 403);
    let page = web.get(&format!("/uri/{dir}/")).await.text();
    assert!(page.contains("<td>BLACKLISTED</td><td><s>file</s></td>"), "{page}");
    assert!(page.contains("<td>DIR-BLACKLISTED</td><td><s>sub</s></td>"), "{page}");
    walks_name_it_and_do_not_enter(&web, &dir).await;
    let target = format!("/uri/{dir}?t=relink&from_name=file&to_dir={dir}/sub");
    assert_eq!(web.ask("POST", &target, &[]).await.status, 403);
    // Unlinking it is no access.
    assert_eq!(web.delete(&format!("/uri/{dir}/file")).await.status, 200);
    fs::write(&path, "what is this").unwrap();
    let answer = web.get(&format!("/uri/{dir}/sub/inner")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("line 1 has no storage index"), "{}", answer.text());
    fs::remove_file(&path).unwrap();
    assert_eq!(web.get(&format!("/uri/{dir}/sub/inner")).await.text(), "here");
}

/// As Tahoe-LAFS has it, even a directory is then a file of which nothing is known.
async fn walks_name_it_and_do_not_enter(web: &Web, dir: &str) {
    let lines = async |operation: &str| {
        let (_, lines) = web.stream(&format!("/uri/{dir}?t={operation}")).await;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let (manifest, checks) = (lines("stream-manifest").await, lines("stream-deep-check").await);
    let paths: Vec<&Value> = manifest.iter().map(|line| &line["path"]).collect();
    assert_eq!(paths, [&json!([]), &json!(["file"]), &json!(["sub"]), &Value::Null]);
    assert_eq!(manifest[2]["type"], "file");
    assert!(manifest[2]["cap"].as_str().unwrap().starts_with("URI:DIR2:"));
    let stats = &manifest[3]["stats"];
    assert_eq!((&stats["count-directories"], &stats["count-files"]), (&json!(1), &json!(0)));
    assert_eq!(checks.len(), 4);
    assert_eq!(checks[0]["check-results"]["results"]["count-shares-good"], 10);
    for line in &checks[1..3] {
        assert_eq!(line["check-results"]["results"], json!({"healthy": true}), "{line}");
    }
}

#[tokio::test]
async fn files_of_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("public_html");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("index.html"), "<p>hello").unwrap();
    fs::write(root.join("large.bin"), file(3_000_000)).unwrap();
    fs::write(root.join("sub/index.html"), "sub").unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let web = Web::with(1, |config| config.files.static_dir = Some(root.clone())).await;
    let answer = web.get("/static/").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "<p>hello"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert!(answer.header("last-modified").is_some());
    assert_eq!(web.get("/static/large.bin").await.body, file(3_000_000));
    let head = web.ask("HEAD", "/static/large.bin", &[]).await;
    assert_eq!(head.length(), 3_000_000);
    let answer = web.get("/static/sub").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/static/sub/")));
    assert_eq!(web.get("/static/sub/").await.text(), "sub");
    for bad in ["../secret", "%2e%2e/secret", "..%2fsecret", "sub/../../secret", "missing", "%00"] {
        assert_eq!(web.get(&format!("/static/{bad}")).await.status, 404, "{bad}");
    }
    assert_eq!(web.put("/static/new", b"x").await.status, 405);
}
