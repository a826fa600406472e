//! Bad requests: which status, which sentence, and no cap in it.

use crate::support::{Web, file};

const FIELDS: &str =
    "lg4chvdp7ulgcrg2mh7okvovmi:m6psgzbbkm6uskj65uedndsr33uycntsfef4q6a73lrkdbvz7vnq";

async fn check(web: &Web, (method, target): (&str, &str), (status, sentence): (u16, &str)) {
    let answer = web.ask(method, target, &[]).await;
    assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain;charset=utf-8"), "{target}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    if method != "HEAD" {
        let text = answer.text();
        assert!(text.contains(sentence), "{method} {target}: {text}");
        assert!(!text.contains("lg4chvdp"), "a key is repeated: {text}");
    }
}

#[tokio::test]
async fn caps_that_cannot_be_read() {
    let web = Web::new().await;
    let get = async |path: String, status, sentence| {
        check(&web, ("GET", &path), (status, sentence)).await;
    };
    get("/uri/garbage".into(), 400, "not a capability of a kind that is known").await;
    get("/named/garbage/x".into(), 400, "Invalid capability").await;
    get("/named/".into(), 400, "Invalid capability").await;
    get("/uri/URI:CHK:lg4chvdp".into(), 400, "malformed read cap of an immutable file").await;
    get(format!("/uri/URI:CHK:{FIELDS}:3:2:10"), 400, "3-of-2 is no encoding").await;
    get(format!("/uri/URI:CHK:{FIELDS}:3:10:10x"), 400, "something follows its end").await;
    get(format!("/uri/URI:CHK-Verifier:{FIELDS}:3:10:10"), 400, "only check shares").await;
    get(format!("/file/URI:SSK-Verifier:{FIELDS}/x"), 400, "only check shares").await;
    get(format!("/uri/URI:DIR2-Verifier:{FIELDS}/a/b"), 400, "only check shares").await;
    get(format!("/uri/URI:SSK:{FIELDS}"), 410, "UnrecoverableFileError: the directory").await;
    get(format!("/uri/URI:MDMF-RO:{FIELDS}?t=json"), 410, "UnrecoverableFileError").await;
    get(format!("/uri/URI:DIR2:{FIELDS}/a/b"), 410, "UnrecoverableFileError").await;
    get(format!("/uri/URI:DIR2-CHK:{FIELDS}:3:10:100"), 410, "NoSharesError").await;
    get(format!("/named/URI:DIR2:{FIELDS}/x"), 400, "no content of its own").await;
    get("/uri?uri=garbage".into(), 400, "Invalid capability").await;
    get(format!("/uri/URI:CHK:{FIELDS}:0:0:10?t=json"), 400, "0-of-0").await;
    check(&web, ("HEAD", "/uri/garbage"), (400, "")).await;
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let web = Web::new().await;
    let lit = "/uri/URI:LIT:nbswy3dp";
    let named = "/named/URI:LIT:nbswy3dp/x";
    let cases = [
        (("GET", "/zzz"), (404, "no such page")),
        (("GET", "/uri"), (400, "GET /uri requires uri=")),
        (("GET", "/uri//x"), (400, "empty pathname components, i.e. a double slash")),
        (("GET", "/uri/%ff"), (400, "not UTF-8")),
        (("GET", "/?t=%ff"), (400, "not UTF-8")),
        (("GET", "/?t=zz"), (400, "GET /: bad t=zz")),
        (("GET", &format!("{lit}?t=zzz")), (400, "GET file: bad t=zzz")),
        (("GET", &format!("{lit}?t=lg4chvdp:lg4chvdp")), (400, "GET file: bad t=(not shown)")),
        (("HEAD", &format!("{lit}?t=json")), (400, "")),
        (("GET", &format!("{lit}?save=maybe")), (400, "invalid boolean argument: save=")),
        (("GET", &format!("{lit}/x")), (400, "Files have no children named 'x'")),
        (("GET", &format!("{lit}/")), (400, "Files have no children named ''")),
        (("PUT", lit), (400, "An immutable file cannot be changed")),
        (("PUT", &format!("{lit}?offset=1")), (400, "append operation invoked on an immutable")),
        (("PUT", &format!("{lit}?offset=-1")), (400, "Invalid offset")),
        (("PUT", &format!("{lit}?replace=false")), (409, "already a child by that name")),
        (("PUT", &format!("{lit}?replace=zz")), (400, "invalid replace= argument")),
        (("PUT", &format!("{lit}?t=uri")), (400, "cannot be replaced or removed")),
        (("PUT", &format!("{lit}?t=zz")), (400, "PUT to a file: bad t=zz")),
        (("PUT", &format!("{lit}/x")), (409, "Cannot create directory 'x', because its parent")),
        (("POST", &format!("{lit}?t=upload")), (400, "An immutable file cannot be changed")),
        (("DELETE", lit), (400, "cannot be replaced or removed")),
        (("GET", "/uri/ro.x-later:abc"), (400, "GET unknown URI type")),
        (("GET", "/operations/none"), (404, "unknown/expired handle")),
        (("GET", "/operations"), (404, "no such page")),
        (("POST", lit), (400, "POST to file: bad t=")),
        (("POST", &format!("{lit}?t=check&verify=2")), (400, "invalid boolean argument")),
        (("POST", "/uri/ro.x-later:abc?t=check"), (405, "This URL takes only GET, HEAD.")),
        (("PUT", named), (405, "This URL takes only GET, HEAD.")),
        (("POST", "/"), (405, "This URL takes only GET, HEAD.")),
        (("DELETE", "/uri"), (405, "This URL takes only GET, HEAD, PUT, POST.")),
        (("FOO", "/uri"), (501, "don't know how to treat")),
        (("OPTIONS", "*"), (501, "don't know how to treat")),
        (("PUT", "/uri?t=zzz"), (400, "/uri accepts only PUT, PUT?t=mkdir")),
        (("POST", "/uri?t=zzz"), (400, "/uri accepts only PUT, PUT?t=mkdir")),
        (("PUT", "/uri?t=mkdir&format=chk"), (400, "format=CHK not accepted")),
        (("POST", "/uri"), (400, "needs file=")),
        (("PUT", "/uri?mutable=true&private-key=%21"), (400, "private-key= must be")),
        (("PUT", "/uri?mutable=true&private-key=AAAA"), (400, "private-key= holds no key")),
        (("POST", "/uri?t=mkdir&private-key=AAAA"), (400, "private-key= holds no key")),
        (("PUT", "/uri?format=zzz"), (400, "Unknown format: zzz, I know CHK, SDMF, MDMF")),
        (("PUT", "/uri?mutable=zz"), (400, "invalid boolean argument: mutable=")),
    ];
    for (request, answer) in cases {
        check(&web, request, answer).await;
    }
    let allowed = web.ask("DELETE", "/uri", &[]).await;
    assert_eq!(allowed.header("allow"), Some("GET, HEAD, PUT, POST"));
}

#[tokio::test]
async fn heads_are_bounded() {
    let web = Web::new().await;
    let long = format!("/uri/{}", "a".repeat(20_000));
    let mut client = web.connect().await;
    client.send("GET", &long, &[], b"").await;
    let answer = client.head().await.unwrap();
    assert!([414, 431].contains(&answer.status), "{}", answer.status);
    let many: Vec<String> = (0..200).map(|i| format!("X-{i}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut client = web.connect().await;
    client.send("GET", "/", &many, b"").await;
    assert_eq!(client.head().await.unwrap().status, 431);
    assert_eq!(web.put("/uri", &file(60)).await.status, 200, "others are not bothered");
}
