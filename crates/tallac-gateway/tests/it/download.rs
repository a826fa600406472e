//! Files out: headers, ranges, names, what is known of them; servers lost before and on the way.

use crate::support::{Web, file, storage_index, unreachable};

#[tokio::test]
async fn headers_of_a_whole_file() {
    let web = Web::new().await;
    let data = file(1000);
    let cap = web.put_file(&data).await;
    let etag = format!("{}-", storage_index(&cap));
    for method in ["GET", "HEAD"] {
        let answer = web.ask(method, &format!("/uri/{cap}"), &[]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("content-length"), Some("1000"));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.body, if method == "GET" { &data[..] } else { b"" });
    }
    let literal = web.get("/uri/URI:LIT:nbswy3dp").await;
    assert_eq!((literal.header("etag"), literal.text().as_str()), (None, "hello"));
}

#[tokio::test]
async fn every_name_of_a_file_leads_to_it() {
    let web = Web::new().await;
    let data = file(1000);
    let cap = web.put_file(&data).await;
    let quoted = cap.replace(':', "%3A");
    for target in [
        format!("/uri/{quoted}"),
        format!("/cap/{cap}"),
        format!("/file/{quoted}/name"),
        format!("/named/{cap}/a/b"),
        format!("/named/{cap}/@@named=/name"),
        format!("/named/{cap}"),
        format!("/uri/imm.{cap}"),
    ] {
        let answer = web.get(&target).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &data[..]), "{target}");
    }
}

#[tokio::test]
async fn head_asks_no_server() {
    let web = Web::new().await;
    let cap = web.put_file(&file(100_000)).await;
    web.fault_everywhere(&unreachable());
    for sim in &web.sims {
        sim.forget_calls();
    }
    let answer = web.ask("HEAD", &format!("/uri/{cap}"), &["Range: bytes=10-19"]).await;
    assert_eq!((answer.status, answer.length()), (206, 10));
    assert!(web.sims.iter().all(|sim| sim.calls().is_empty()));
}

#[tokio::test]
async fn ranges() {
    let web = Web::new().await;
    let data = file(200_000);
    let cap = web.put_file(&data).await;
    let parts = [
        ("bytes=0-0", 0..1),
        ("bytes=65535-65536", 65_535..65_537),
        ("bytes=199999-", 199_999..200_000),
        ("bytes=-7", 199_993..200_000),
        ("bytes=-300000", 0..200_000),
        ("bytes=100000-900000", 100_000..200_000),
        ("bytes=5-6,9-10", 5..7),
    ];
    for (header, range) in parts {
        let answer = web.ask("GET", &format!("/uri/{cap}"), &[&format!("Range: {header}")]).await;
        assert_eq!(answer.status, 206, "{header}");
        let expected = format!("bytes {}-{}/200000", range.start, range.end - 1);
        assert_eq!(answer.header("content-range"), Some(expected.as_str()));
        assert!(answer.body == data[range], "{header}");
    }
    for header in ["bytes=9-2", "bytes=200000-", "bytes=-0", "bytes=x-y", "lines=1-2", ""] {
        let answer = web.ask("GET", &format!("/uri/{cap}"), &[&format!("Range: {header}")]).await;
        assert_eq!((answer.status, answer.length()), (200, 200_000), "{header}");
        assert_eq!(answer.header("content-range"), None);
    }
    let answer = web.ask("GET", &format!("/uri/{cap}"), &["Range: bytes=200000-200001"]).await;
    assert_eq!((answer.status, answer.text().as_str()), (416, "First beyond end of file"));
    assert_eq!(answer.header("content-range"), Some("bytes */200000"));
    let answer = web.ask("GET", "/uri/URI:LIT:nbswy3dp", &["Range: bytes=1-2"]).await;
    assert_eq!((answer.status, answer.text().as_str()), (206, "el"));
    let answer = web.ask("GET", "/uri/URI:LIT:", &["Range: bytes=0-"]).await;
    assert_eq!((answer.status, answer.length()), (200, 0));
}

#[tokio::test]
async fn a_range_counts_only_for_the_same_file() {
    let web = Web::new().await;
    let cap = web.put_file(&file(1000)).await;
    let etag = format!("{}-", storage_index(&cap));
    for (if_range, status) in [(etag.as_str(), 206), ("other-", 200)] {
        let headers = ["Range: bytes=0-3", &format!("If-Range: {if_range}")];
        assert_eq!(web.ask("GET", &format!("/uri/{cap}"), &headers).await.status, status);
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let web = Web::new().await;
    let cap = web.put_file(&file(1000)).await;
    let si = storage_index(&cap);
    web.fault_everywhere(&unreachable());
    for tag in [format!("{si}-"), format!("\"{si}-\""), format!("a, W/\"{si}-\""), "*".to_owned()] {
        for method in ["GET", "HEAD"] {
            let header = format!("If-None-Match: {tag}");
            let answer = web.ask(method, &format!("/named/{cap}/x.png"), &[&header]).await;
            assert_eq!(answer.status, 304, "{tag}");
            assert_eq!(answer.header("etag"), Some(format!("{si}-").as_str()));
            assert_eq!(answer.header("content-type"), None);
        }
    }
    let header = format!("If-None-Match: {si}-json");
    assert_eq!(web.ask("GET", &format!("/uri/{cap}?t=json"), &[&header]).await.status, 304);
    assert_eq!(web.ask("GET", &format!("/uri/{cap}"), &[&header]).await.status, 410);
}

#[tokio::test]
async fn names_make_types() {
    let web = Web::new().await;
    let lit = "URI:LIT:nbswy3dp";
    let cases = [
        (format!("/uri/{lit}?filename=a.PNG"), "image/png", None),
        (format!("/file/{lit}/x.jpg?filename=y.html"), "text/html", None),
        (format!("/named/{lit}/x.html"), "text/html", None),
        (format!("/named/{lit}/@@named=/x.tar.gz"), "application/x-tar", Some("gzip")),
        (format!("/uri/{lit}"), "text/plain", None),
    ];
    for (target, content_type, encoding) in cases {
        let answer = web.get(&target).await;
        assert_eq!(answer.header("content-type"), Some(content_type), "{target}");
        assert_eq!(answer.header("content-encoding"), encoding, "{target}");
        assert_eq!(answer.header("content-disposition"), None);
    }
    let saved = |query: &str| format!("/uri/{lit}?{query}");
    for (query, disposition) in [
        ("filename=a%20b.txt&save=true", "attachment; filename=\"a b.txt\""),
        ("save=1", "attachment; filename=\"unknown\""),
        ("filename=%0d%0aX:y&save=t", "attachment; filename=\"__X:y\""),
    ] {
        let answer = web.get(&saved(query)).await;
        assert_eq!(answer.header("content-disposition"), Some(disposition), "{query}");
        assert_eq!(answer.header("x"), None);
    }
    assert_eq!(web.get(&saved("filename=a&save=0")).await.header("content-disposition"), None);
}

#[tokio::test]
async fn what_is_known_of_a_file() {
    let web = Web::new().await;
    let cap = web.put_file(&file(1000)).await;
    let verifier = cap.parse::<tallac_core::cap::ChkReadCap>().unwrap().to_verifier().to_string();
    let answer = web.get(&format!("/uri/{cap}?t=json")).await;
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let etag = format!("{}-json", storage_index(&cap));
    assert_eq!(answer.header("etag"), Some(etag.as_str()));
    assert_eq!(
        answer.text(),
        format!(
            "[\n \"filenode\",\n {{\n  \"mutable\": false,\n  \"format\": \"CHK\",\n  \
             \"size\": 1000,\n  \"ro_uri\": \"{cap}\",\n  \"verify_uri\": \"{verifier}\"\n }}\n]\n"
        )
    );
    assert_eq!(
        web.get("/uri/URI:LIT:nbswy3dp?t=json").await.text(),
        "[\n \"filenode\",\n {\n  \"mutable\": false,\n  \"format\": \"CHK\",\n  \"size\": 5,\n  \
         \"ro_uri\": \"URI:LIT:nbswy3dp\"\n }\n]\n"
    );
    assert_eq!(web.get("/uri/future:cap?t=json").await.text(), "[\n \"unknown\",\n {}\n]\n");
    for operation in ["uri", "readonly-uri"] {
        let answer = web.get(&format!("/uri/{cap}?t={operation}")).await;
        assert_eq!((answer.status, answer.text()), (200, cap.clone()));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    }
}

#[tokio::test]
async fn a_cap_is_looked_up() {
    let web = Web::new().await;
    for (target, location) in [
        ("/uri?uri=URI:LIT:nbswy3dp", "/uri/URI%3ALIT%3Anbswy3dp"),
        ("/cap?t=json&uri=URI%3ALIT%3A&filename=a%20b", "/cap/URI%3ALIT%3A?t=json&filename=a%20b"),
        ("/uri/?uri=+URI:LIT:%0A", "/uri/URI%3ALIT%3A"),
    ] {
        let answer = web.get(target).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some(location)));
        assert!([200, 501].contains(&web.get(location).await.status));
    }
}

#[tokio::test]
async fn lost_servers_are_told_from_few() {
    let web = Web::new().await;
    let data = file(300_000);
    let cap = web.put_file(&data).await;
    for sim in &web.sims[3..] {
        sim.set_fault_everywhere(&unreachable());
    }
    assert!(web.get(&format!("/uri/{cap}")).await.body == data, "three are enough");
    web.sims[0].set_fault_everywhere(&unreachable());
    let answer = web.get(&format!("/uri/{cap}")).await;
    assert_eq!(answer.status, 410);
    assert!(answer.text().starts_with("NotEnoughSharesError: 2 of the 3"), "{}", answer.text());
    web.fault_everywhere(&unreachable());
    let answer = web.get(&format!("/uri/{cap}")).await;
    assert_eq!(answer.status, 410);
    assert!(answer.text().starts_with("NoSharesError: no shares"), "{}", answer.text());
    assert_eq!(answer.header("etag"), None, "an error is not the file");
}

/// Larger than all that the node, the sockets and the client may hold.
const LARGE: usize = 24_000_000;

#[tokio::test]
async fn a_download_that_breaks_off_does_not_look_whole() {
    let web = Web::new().await;
    let data = file(LARGE);
    let cap = web.put_file(&data).await;
    let mut client = web.connect().await;
    client.send("GET", &format!("/uri/{cap}"), &[], b"").await;
    let head = client.head().await.unwrap();
    assert_eq!((head.status, head.length()), (200, LARGE));
    web.fault_everywhere(&unreachable());
    let got = client.body(LARGE).await;
    assert!(got.len() < LARGE);
    assert!(data.starts_with(&got), "what came is right");
}

#[tokio::test]
async fn a_file_begins_before_it_is_whole_and_ends_after_the_node_was_told_to_stop() {
    let mut web = Web::new().await;
    let data = file(LARGE);
    let cap = web.put_file(&data).await;
    let mut client = web.connect().await;
    client.send("GET", &format!("/uri/{cap}"), &[], b"").await;
    assert_eq!(client.head().await.unwrap().status, 200);
    let mut got = client.body(60_000).await;
    let read: u64 = web.sims.iter().map(|sim| sim.bytes_read()).sum();
    assert!(read < LARGE as u64, "{read} bytes were read for 60000");
    web.begin_stop();
    got.extend(client.body(LARGE - 60_000).await);
    assert!(got == data);
    web.stopped().await;
}
