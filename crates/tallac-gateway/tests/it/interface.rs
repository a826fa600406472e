//! The interface for people, as far as no browser is needed: what it answers, with which headers.

use crate::support::{Web, file};

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
