//! The interface for people, as far as no browser is needed: what it answers, with which headers.

use std::collections::BTreeMap;
use std::io::Read as _;

use rawzip::ZipArchive;
use tallac_testkit::Operation;

use crate::support::{Web, file, unreachable};

/// What a browser sends that goes to a page.
const NAVIGATION: [&str; 2] = ["Sec-Fetch-Mode: navigate", "Upgrade-Insecure-Requests: 1"];

#[tokio::test]
async fn people_are_sent_to_it_and_programs_are_not() {
    let web = Web::new().await;
    let folder = web.mkdir().await;
    assert_eq!(web.get("/").await.status, 200);
    assert_eq!(web.get(&format!("/uri/{folder}")).await.status, 200);
    for header in NAVIGATION {
        assert_eq!(web.ask("GET", "/", &[header]).await.header("location"), Some("/ui/"));
        assert_eq!(web.ask("GET", "/?plain", &[header]).await.status, 200);
        assert_eq!(web.ask("GET", "/?t=json", &[header]).await.status, 200);
        let sent = web.ask("GET", &format!("/uri/{folder}/"), &[header]).await;
        assert_eq!(sent.header("location"), Some(&*format!("/ui/open/{folder}/")));
    }
}

#[tokio::test]
async fn pages_run_only_what_is_ours() {
    let web = Web::new().await;
    let folder = web.mkdir().await;
    web.put(&format!("/uri/{folder}/a%3Cb%3E.txt"), b"<script>").await;
    let pages = ["grid", "storage", "words", ""].map(|page| format!("/ui/{page}"));
    let nodes = ["", "a%3Cb%3E.txt"].map(|path| format!("/ui/open/{folder}/{path}"));
    for page in pages.iter().chain(&nodes).chain(&["/?plain".to_owned()]) {
        let answer = web.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        let text = answer.text();
        let title = text.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        assert!(!title.contains("URI"), "{title}");
        assert!(!text.contains("<script>") && !text.contains("<style"), "{page}");
        assert!(!text.contains("a<b>"), "{page}");
    }
}

#[tokio::test]
async fn content_is_looked_at_and_never_run() {
    let web = Web::new().await;
    let cap = web.put_file(&file(1000)).await;
    let page = format!("/named/{cap}/@@named=/x.html");
    let answer = web.get(&page).await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox ") && !policy.contains("allow-scripts"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for dest in ["script", "worker", "serviceworker"] {
        let header = format!("Sec-Fetch-Dest: {dest}");
        assert_eq!(web.ask("GET", &page, &[&header]).await.status, 403);
    }
    assert_eq!(web.ask("GET", &page, &["Sec-Fetch-Dest: video"]).await.status, 200);
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let web = Web::new().await;
    for headers in [
        &["Sec-Fetch-Site: cross-site"][..],
        &["Sec-Fetch-Site: same-site", "Origin: http://localhost"],
        &["Origin: null"],
        &["Origin: http://evil.example"],
    ] {
        let answer = web.send(("POST", "/uri?t=mkdir"), headers, b"").await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.text().contains("another site"));
    }
    let own = web.send(("POST", "/uri?t=mkdir"), &["Origin: http://localhost"], b"").await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn forms_and_files_of_the_interface() {
    let web = Web::new().await;
    let made = web.form("/ui/new", &[], None).await;
    assert_eq!(made.status, 303);
    assert!(made.header("location").unwrap().starts_with("/ui/open/URI%3ADIR2%3A"));
    let gone = web.form("/ui/go", &[("cap", " URI:LIT:nbswy3dp ")], None).await;
    assert_eq!(gone.header("location"), Some("/ui/open/URI%3ALIT%3Anbswy3dp/"));
    assert_eq!(web.form("/ui/go", &[("cap", "nonsense")], None).await.status, 400);
    assert_eq!(web.get("/ui/new").await.status, 405);
    let sheet = web.form("/ui/sheet", &[("cap", "URI:LIT:nbswy3dp")], None).await;
    assert!(sheet.text().contains("<svg"));
    let style = web.get("/ui/assets/any/app.css").await;
    assert!(style.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(web.get("/ui/assets/any/missing").await.status, 404);
}

/// What is in an archive, by paths.
fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let archive = ZipArchive::from_slice(archive).unwrap();
    let mut found = BTreeMap::new();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().unwrap() {
        let path = entry.file_path().try_normalize().unwrap().as_ref().to_owned();
        let local = archive.get_entry(entry.wayfinder()).unwrap();
        let mut content = Vec::new();
        local.verifying_reader(local.data()).read_to_end(&mut content).unwrap();
        assert!(found.insert(path, content).is_none(), "no path is there twice");
    }
    found
}

#[tokio::test]
async fn a_folder_comes_as_an_archive() {
    let web = Web::new().await;
    let folder = web.mkdir().await;
    for (path, content) in [
        ("a%3Ab", &b"one"[..]),
        ("a_b", b"another"),
        ("inner/%C3%A9/large", &file(300_000)),
        ("inner/empty", b""),
        ("mutable?format=SDMF", b"changes"),
    ] {
        let put = web.put(&format!("/uri/{folder}/{path}"), content).await;
        assert!(put.status < 300, "{}", put.text());
    }
    // A folder that is in itself is not followed for ever.
    web.text_of("PUT", &format!("/uri/{folder}/inner/again?t=uri"), folder.as_bytes()).await;
    let (answer, archive) = web.stream_of("GET", &format!("/ui/zip/{folder}")).await;
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    let found = unpacked(&archive.unwrap());
    let paths: Vec<_> = found.keys().map(String::as_str).collect();
    let expected = [
        "a_b",
        "a_b_",
        "inner/",
        "inner/again/",
        "inner/empty",
        "inner/é/",
        "inner/é/large",
        "mutable",
    ];
    assert_eq!(paths, expected);
    let mut same = [&found["a_b"][..], &found["a_b_"]];
    same.sort_unstable();
    assert_eq!(same, [&b"another"[..], b"one"]);
    assert_eq!(found["inner/é/large"], file(300_000));
    assert_eq!(found["mutable"], b"changes");
}

#[tokio::test]
async fn an_archive_that_cannot_be_whole_breaks_off() {
    let web = Web::new().await;
    let folder = web.mkdir().await;
    web.put(&format!("/uri/{folder}/lost"), &file(300_000)).await;
    for sim in &web.sims {
        sim.set_fault(Operation::Read, unreachable());
    }
    let (answer, archive) = web.stream_of("GET", &format!("/ui/zip/{folder}")).await;
    assert_eq!((answer.status, archive), (200, None));
}
