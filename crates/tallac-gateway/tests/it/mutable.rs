//! Files that change: made, read, overwritten, updated.

use serde_json::json;

use crate::directories::parse;
use crate::support::{Web, file, unreachable};

/// The file of a format, and its cap.
async fn put(web: &Web, format: &str, content: &[u8]) -> String {
    web.text_of("PUT", &format!("/uri?format={format}"), content).await
}

#[tokio::test]
async fn files_of_every_size_change() {
    let web = Web::new().await;
    for (format, prefix) in [("SDMF", "URI:SSK:"), ("mdmf", "URI:MDMF:")] {
        for len in [0, 1, 1000, 65_536, 200_001] {
            let cap = put(&web, format, &file(len)).await;
            assert!(cap.starts_with(prefix), "{format}");
            let got = web.get(&format!("/uri/{cap}")).await;
            assert_eq!((got.status, got.length()), (200, len));
            assert!(got.body == file(len), "{format} {len}");
            let again = web.put(&format!("/uri/{cap}"), &file(len / 2 + 3)).await;
            assert_eq!((again.status, again.text()), (200, cap.clone()));
            assert!(web.get(&format!("/uri/{cap}")).await.body == file(len / 2 + 3));
        }
    }
    let large = put(&web, "mdmf", &file(2_000_000)).await;
    assert!(web.get(&format!("/uri/{large}")).await.body == file(2_000_000));
    let formed = web.form("/uri?t=upload&mutable=true", &[], Some(("x", b"hello"))).await;
    assert!(formed.text().starts_with("URI:SSK:"), "{}", formed.text());
    let formed = web.form("/uri", &[("format", "MDMF")], Some(("x", b"hello"))).await;
    assert!(formed.text().starts_with("URI:MDMF:"), "{}", formed.text());
    let page = web.form("/uri?t=upload", &[], Some(("x", b"hello"))).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("URI:LIT:nbswy3dp"));
    let fields = [("when_done", "/y?u=%(uri)s")];
    let sent = web.form("/uri", &fields, Some(("x", b"hello"))).await;
    assert_eq!(sent.header("location"), Some("/y?u=URI%3ALIT%3Anbswy3dp"));
    assert_eq!(sent.status, 302);
}

#[tokio::test]
async fn ranges_of_one_version() {
    let web = Web::new().await;
    let cap = put(&web, "mdmf", &file(200_000)).await;
    let target = format!("/uri/{cap}");
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=70000-140000", 70_000..140_001),
        ("bytes=199999-", 199_999..200_000),
        ("bytes=-5", 199_995..200_000),
        ("bytes=150000-999999999", 150_000..200_000),
    ] {
        let answer = web.ask("GET", &target, &[&format!("Range: {range}")]).await;
        assert_eq!(answer.status, 206, "{range}: {}", answer.body.len());
        assert!(answer.body == file(200_000)[expected.clone()], "{range}");
        let said = format!("bytes {}-{}/200000", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), Some(&*said));
        assert_eq!(answer.header("etag"), None);
    }
    let beyond = web.ask("GET", &target, &["Range: bytes=200000-200001"]).await;
    assert_eq!((beyond.status, beyond.text().as_str()), (416, "First beyond end of file"));
    assert_eq!(web.ask("GET", &target, &["Range: lines=1-2"]).await.status, 200);
    let head = web.ask("HEAD", &target, &[]).await;
    assert_eq!((head.status, head.length()), (200, 200_000));
    let head = web.ask("HEAD", &target, &["Range: bytes=1-2"]).await;
    assert_eq!((head.status, head.length()), (206, 2));
    let empty = put(&web, "sdmf", b"").await;
    assert_eq!(web.ask("GET", &format!("/uri/{empty}"), &["Range: bytes=-5"]).await.status, 200);
    let named = web.get(&format!("/named/{cap}/x.png?save=true")).await;
    assert_eq!(named.header("content-type"), Some("image/png"));
}

#[tokio::test]
async fn parts_are_rewritten() {
    let web = Web::new().await;
    for format in ["sdmf", "mdmf"] {
        let cap = put(&web, format, &file(150_000)).await;
        let mut expected = file(150_000).to_vec();
        for (offset, part) in [(0, 10), (70_000, 1), (149_999, 1), (150_000, 5), (149_000, 3000)] {
            let answer = web.put(&format!("/uri/{cap}?offset={offset}"), &vec![7; part]).await;
            assert_eq!((answer.status, answer.text()), (200, cap.clone()), "{format} {offset}");
            expected.resize(expected.len().max(offset + part), 0);
            expected[offset..offset + part].fill(7);
            assert!(web.get(&format!("/uri/{cap}")).await.body == expected, "{format} {offset}");
        }
        for bad in ["-1", "x", "", "99999999999999999999999"] {
            let answer = web.put(&format!("/uri/{cap}?offset={bad}"), b"x").await;
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert!(answer.text().contains("Invalid offset"));
        }
        let far = web.put(&format!("/uri/{cap}?offset=18446744073709551615"), b"x").await;
        assert!([400, 413].contains(&far.status), "{}: {}", far.status, far.text());
        assert!(web.get(&format!("/uri/{cap}")).await.body == expected, "nothing was changed");
    }
}

#[tokio::test]
async fn what_is_known_of_a_mutable_file() {
    let web = Web::new().await;
    for (format, prefix) in [("SDMF", "URI:SSK"), ("MDMF", "URI:MDMF")] {
        let cap = put(&web, format, b"some mutable").await;
        let readonly = web.get(&format!("/uri/{cap}?t=readonly-uri")).await.text();
        assert!(readonly.starts_with(&format!("{prefix}-RO:")));
        assert_eq!(web.get(&format!("/uri/{cap}?t=uri")).await.text(), cap);
        assert_eq!(web.get(&format!("/uri/{readonly}?t=readonly-uri")).await.text(), readonly);
        assert_eq!(web.get(&format!("/uri/{readonly}")).await.text(), "some mutable");
        let answer = web.get(&format!("/uri/{cap}?t=json")).await;
        let verify = parse(&answer)[1]["verify_uri"].as_str().unwrap().to_owned();
        assert!(verify.starts_with(&format!("{prefix}-Verifier:")));
        let expected = format!(
            "[\n \"filenode\",\n {{\n  \"mutable\": true,\n  \"format\": \"{format}\",\n  \
             \"size\": 12,\n  \"ro_uri\": \"{readonly}\",\n  \"rw_uri\": \"{cap}\",\n  \
             \"verify_uri\": \"{verify}\"\n }}\n]\n"
        );
        assert_eq!(answer.text(), expected, "as Tahoe-LAFS 1.20 has it");
        let weak = parse(&web.get(&format!("/uri/{readonly}?t=json")).await);
        assert_eq!(weak[1]["rw_uri"], json!(null));
        let refused = web.put(&format!("/uri/{readonly}"), b"x").await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("replace or update requested with read-only cap"));
        let refused = web.put(&format!("/uri/{readonly}?offset=0"), b"x").await;
        assert_eq!(refused.status, 400);
        let refused = web.form(&format!("/uri/{readonly}?t=upload"), &[], Some(("x", b"y"))).await;
        assert_eq!(refused.status, 400);
        assert!(!refused.text().contains("URI:"), "a cap is repeated");
        let kept = web.put(&format!("/uri/{cap}?replace=false"), b"x").await;
        assert_eq!(kept.status, 409);
        assert_eq!(web.get(&format!("/uri/{cap}")).await.text(), "some mutable");
    }
}

#[tokio::test]
async fn a_key_of_the_clients_own_gives_the_cap() {
    let vectors = include_str!("../../../../vectors/mutable_files.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let vector = &vectors[0];
    let (key, cap) = (vector["private"].as_str().unwrap(), vector["write"].as_str().unwrap());
    let key = key.replace('+', "-").replace('/', "_");
    assert!(cap.starts_with("URI:SSK:"));
    let web = Web::new().await;
    let made = web.put(&format!("/uri?format=sdmf&private-key={key}"), b"hello").await;
    assert_eq!((made.status, made.text().as_str()), (200, cap));
    assert_eq!(web.get(&format!("/uri/{cap}")).await.text(), "hello");
    let again = web.put(&format!("/uri?format=sdmf&private-key={key}"), b"other").await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(web.get(&format!("/uri/{cap}")).await.text(), "hello", "nothing is overwritten");
    let directory = cap.replace("URI:SSK:", "URI:DIR2:");
    for (target, uses_key) in [
        (format!("/uri?t=mkdir&private-key={key}"), true),
        (format!("/uri?t=mkdir-with-children&private-key={key}"), true),
    ] {
        let web = Web::new().await;
        assert_eq!(web.text_of("POST", &target, b"").await == directory, uses_key, "{target}");
    }
    let web = Web::new().await;
    let made = web.put(&format!("/uri?t=mkdir&private-key={key}"), b"").await;
    assert_ne!(made.text(), directory, "PUT has never heeded it");
    let root = made.text();
    let below = web.put(&format!("/uri/{root}/a/b?format=sdmf&private-key={key}"), b"x").await;
    assert_eq!(below.text(), cap, "the file has the key, and not the directory on the way");
    for bad in ["AAAA", "%21", &key[..100]] {
        let answer = web.put(&format!("/uri?format=sdmf&private-key={bad}"), b"x").await;
        assert_eq!(answer.status, 400);
        assert!(!answer.text().contains(&key[..20]));
    }
}

#[tokio::test]
async fn without_servers_nothing_is_found() {
    let web = Web::new().await;
    let cap = put(&web, "sdmf", b"hello").await;
    let root = web.mkdir().await;
    web.fault_everywhere(&unreachable());
    for target in [format!("/uri/{cap}?t=json"), format!("/uri/{root}/a"), format!("/uri/{root}")] {
        let answer = web.get(&target).await;
        assert_eq!(answer.status, 410, "{}", answer.text());
        assert!(answer.text().starts_with("UnrecoverableFileError: "), "{}", answer.text());
    }
    let answer = web.put("/uri?format=mdmf", b"x").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    for sim in &web.sims {
        sim.heal_all();
    }
    assert_eq!(web.get(&format!("/uri/{cap}")).await.text(), "hello");
}
