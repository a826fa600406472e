//! Directories: made, listed, changed, by path and by form.

use serde_json::{Value, json};

use crate::support::{Answer, Web, file};

pub(crate) fn parse(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    serde_json::from_slice(&answer.body).unwrap()
}

/// Names in a directory, in order.
async fn names(web: &Web, cap: &str) -> Vec<String> {
    let listing = parse(&web.get(&format!("/uri/{cap}?t=json")).await);
    assert_eq!(listing[0], "dirnode");
    listing[1]["children"].as_object().unwrap().keys().cloned().collect()
}

fn check(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(sentence), "{}", answer.text());
}

#[tokio::test]
async fn every_way_to_make_a_directory() {
    let web = Web::new().await;
    let ways = [("PUT", "/uri?t=mkdir"), ("POST", "/uri?t=mkdir"), ("POST", "/cap?t=mkdir")];
    for (method, target) in ways {
        let cap = web.text_of(method, target, b"").await;
        assert!(cap.starts_with("URI:DIR2:"), "{method} {target}");
        assert!(names(&web, &cap).await.is_empty());
    }
    for (format, prefix) in [("sdmf", "URI:DIR2:"), ("MDMF", "URI:DIR2-MDMF:")] {
        let target = format!("/uri?t=mkdir&format={format}");
        assert!(web.text_of("PUT", &target, b"").await.starts_with(prefix));
        let made = web.form("/uri", &[("t", "mkdir"), ("format", format)], None).await;
        assert!(made.text().starts_with(prefix), "{}", made.text());
    }
    let fields = [("t", "mkdir"), ("redirect_to_result", "true")];
    let sent = web.form("/uri", &fields, None).await;
    assert_eq!(sent.status, 303);
    let location = sent.header("location").unwrap();
    assert!(location.starts_with("/uri/URI%3ADIR2%3A"), "{location}");
    assert_eq!(web.get(location).await.status, 200);
    let children = br#"{"a": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}]}"#;
    check(&web.post("/uri?t=mkdir", children).await, 400, "try t=mkdir-with-children instead");
    let urlencoded = ["Content-Type: application/x-www-form-urlencoded"];
    let sent = web.send(("POST", "/uri?t=mkdir"), &urlencoded, children).await;
    check(&sent, 400, "try t=mkdir-with-children instead");
    let sent = web.send(("POST", "/uri?t=mkdir-with-children"), &urlencoded, children).await;
    assert_eq!(names(&web, &sent.text()).await, ["a"], "as curl -d sends it");
    let cap = web.text_of("POST", "/uri?t=mkdir-with-children", children).await;
    assert_eq!(names(&web, &cap).await, ["a"]);
    assert_eq!(web.get(&format!("/uri/{cap}/a")).await.text(), "hello");
    let cap = web.text_of("POST", "/uri?t=mkdir-with-children", b"").await;
    assert!(names(&web, &cap).await.is_empty());
}

#[tokio::test]
async fn the_node_has_a_format_of_its_own_for_directories() {
    let mdmf = tallac_core::cap::MutableFormat::Mdmf;
    let web = Web::with(10, |config| config.mutable_format = mdmf).await;
    let root = web.mkdir().await;
    assert!(root.starts_with("URI:DIR2-MDMF:"));
    let child = web.text_of("POST", &format!("/uri/{root}?t=mkdir&name=a"), b"").await;
    assert!(child.starts_with("URI:DIR2-MDMF:"));
    let file = web.text_of("PUT", "/uri?mutable=true", b"x").await;
    assert!(file.starts_with("URI:SSK:"), "mutable= has always meant SDMF");
}

#[tokio::test]
async fn immutable_directories_small_and_large() {
    let web = Web::new().await;
    let empty = web.text_of("POST", "/uri?t=mkdir-immutable", b"").await;
    assert_eq!(empty, "URI:DIR2-LIT:");
    let small = json!({"x": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp", "metadata": {"a": 1}}]});
    let cap = web.text_of("POST", "/uri?t=mkdir-immutable", small.to_string().as_bytes()).await;
    // Tahoe-LAFS 1.20 gives this very cap, and this answer.
    assert_eq!(
        cap,
        "URI:DIR2-LIT:gm4dumj2pawdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormha5hwitbei5caml5fqwa"
    );
    let child = "\"mutable\": false,\n     \"format\": \"CHK\",\n     \"size\": 5,\n     \
        \"metadata\": {\n      \"a\": 1\n     },\n     \"ro_uri\": \"URI:LIT:nbswy3dp\"";
    let expected = format!(
        "[\n \"dirnode\",\n {{\n  \"children\": {{\n   \"x\": [\n    \"filenode\",\n    \
         {{\n     {child}\n    }}\n   ]\n  }},\n  \"ro_uri\": \"{cap}\",\n  \
         \"mutable\": false\n }}\n]\n"
    );
    assert_eq!(web.get(&format!("/uri/{cap}?t=json")).await.text(), expected);
    assert_eq!(web.get(&format!("/uri/{cap}?t=json")).await.header("etag"), None);

    let cap = web.put_file(&file(1000)).await;
    let large =
        json!({"chk": ["filenode", {"ro_uri": cap}], "sub": ["dirnode", {"ro_uri": empty}]});
    let cap = web.text_of("POST", "/uri?t=mkdir-immutable", large.to_string().as_bytes()).await;
    assert!(cap.starts_with("URI:DIR2-CHK:"));
    let first = web.get(&format!("/uri/{cap}?t=json")).await;
    let etag = first.header("etag").unwrap().to_owned();
    assert!(etag.starts_with("DIR:") && etag.ends_with("-json"), "{etag}");
    let header = format!("If-None-Match: {etag}");
    let again = web.ask("GET", &format!("/uri/{cap}?t=json"), &[&header]).await;
    assert_eq!(again.status, 304);
    assert_eq!(web.get(&format!("/uri/{cap}/chk")).await.body, file(1000));
    let listing = parse(&first);
    assert_eq!(listing[1]["children"]["chk"][1]["metadata"], json!({}), "no times are added");
    assert_eq!(listing[1]["children"]["sub"][0], "dirnode");

    let refused = web.put(&format!("/uri/{cap}/new"), b"x").await;
    check(&refused, 403, "cannot be changed through this capability");
    let refused = web.delete(&format!("/uri/{cap}/chk")).await;
    check(&refused, 403, "cannot be changed through this capability");
    let refused = web.post(&format!("/uri/{cap}?t=mkdir&name=y"), b"").await;
    check(&refused, 403, "cannot be changed through this capability");
}

#[tokio::test]
async fn an_immutable_directory_takes_nothing_that_changes() {
    let web = Web::new().await;
    let fields = "lg4chvdp7ulgcrg2mh7okvovmi:m6psgzbbkm6uskj65uedndsr33uycntsfef4q6a73lrkdbvz7vnq";
    for cap in ["URI:SSK:", "URI:SSK-RO:", "URI:DIR2:", "URI:DIR2-MDMF-RO:"] {
        let slot = if cap.contains("RO") { "ro_uri" } else { "rw_uri" };
        let children = json!({"some name": ["filenode", {slot: format!("{cap}{fields}")}]});
        let refused = web.post("/uri?t=mkdir-immutable", children.to_string()).await;
        check(&refused, 400, "MustBeDeepImmutableError: a cap passed to this operation for the");
        check(&refused, 400, "'some name'");
        assert!(!refused.text().contains("lg4chvdp"));
    }
    let children = br#"{"a": ["unknown", {"rw_uri": "x-later:1", "ro_uri": "ro.x-later:2"}]}"#;
    check(&web.post("/uri?t=mkdir-immutable", children).await, 400, "MustBeDeepImmutable");
}

#[tokio::test]
async fn files_are_put_by_path() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    let made = web.put(&format!("/uri/{root}/a/b%20c/%C3%A9.txt"), &file(1000)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(made.text().starts_with("URI:CHK:"));
    assert_eq!(names(&web, &root).await, ["a"]);
    assert_eq!(names(&web, &format!("{root}/a")).await, ["b c"]);
    let got = web.get(&format!("/uri/{root}/a/b%20c/e%CC%81.txt")).await;
    assert_eq!(got.body, file(1000), "names are normalised");
    assert_eq!(got.header("content-type"), Some("text/plain"));
    let again = web.put(&format!("/uri/{root}/a/b%20c/%C3%A9.txt"), b"other").await;
    assert_eq!((again.status, again.text().as_str()), (200, "URI:LIT:n52gqzls"));

    let kept = web.put(&format!("/uri/{root}/a/b%20c/%C3%A9.txt?replace=false"), b"x").await;
    check(&kept, 409, "There was already a child by that name");
    check(&web.put(&format!("/uri/{root}/a"), b"x").await, 400, "PUT to a directory");
    let below = format!("/uri/{root}/a/b%20c/%C3%A9.txt/z");
    check(&web.put(&below, b"x").await, 409, "Unable to create directory 'é.txt': a file was in");
    check(&web.get(&below).await, 400, "Files have no children named 'z'");
    check(&web.get(&format!("/uri/{root}/zzz")).await, 404, "No such child: zzz");
    check(&web.get(&format!("/uri/{root}/zzz/y?t=json")).await, 404, "No such child: zzz");
    check(&web.get(&format!("/uri/{root}/a//b")).await, 400, "a double slash");
    check(&web.put(&format!("/uri/{root}//b"), b"x").await, 400, "a double slash");
    check(&web.get(&format!("/uri/{root}/%ff")).await, 400, "not UTF-8");
    assert_eq!(web.get(&format!("/uri/{root}/a/")).await.status, 200, "a slash at the end");
    let slash = web.get(&format!("/uri/{root}/a/b%20c/%C3%A9.txt/")).await;
    check(&slash, 400, "Files have no children named ''");
    check(&web.put(&format!("/uri/{root}/new/"), b"x").await, 400, "PUT to a directory");

    let headers = ["Content-Range: bytes 0-1/2"];
    let part = web.send(("PUT", &format!("/uri/{root}/part")), &headers, b"xx").await;
    check(&part, 501, "Content-Range in PUT not yet supported");
    for (format, prefix) in [("SDMF", "URI:SSK:"), ("mdmf", "URI:MDMF:")] {
        let made = web.put(&format!("/uri/{root}/{format}?format={format}"), b"changes").await;
        assert_eq!(made.status, 201);
        assert!(made.text().starts_with(prefix));
        let target = format!("/uri/{root}/{format}");
        let again = web.put(&target, b"changed").await;
        assert_eq!((again.status, again.text()), (200, made.text()), "the same file");
        assert_eq!(web.get(&target).await.text(), "changed");
    }
}

#[tokio::test]
async fn caps_are_linked_and_unlinked() {
    let web = Web::new().await;
    let (root, sub) = (web.mkdir().await, web.mkdir().await);
    let linked = web.put(&format!("/uri/{root}/x/sub?t=uri"), sub.as_bytes()).await;
    assert_eq!((linked.status, linked.text()), (200, sub.clone()));
    let lit = web.put(&format!("/uri/{root}/x/lit?t=uri"), b"URI:LIT:nbswy3dp\n").await;
    assert_eq!(lit.text(), "URI:LIT:nbswy3dp");
    assert_eq!(names(&web, &format!("{root}/x")).await, ["lit", "sub"]);
    let kept = web.put(&format!("/uri/{root}/x/sub?t=uri&replace=only-files"), b"URI:LIT:").await;
    check(&kept, 409, "already a child by that name");
    let kept = web.put(&format!("/uri/{root}/x/sub?t=uri&replace=false"), b"URI:LIT:").await;
    check(&kept, 409, "already a child by that name");
    let target = format!("/uri/{root}/x/lit?t=uri&replace=only-files");
    assert_eq!(web.put(&target, b"URI:LIT:").await.status, 200);
    let bad = web.put(&format!("/uri/{root}/x/bad?t=uri"), b"x-later:cap").await;
    check(&bad, 400, "MustNotBeUnknownRWError");
    assert_eq!(web.put(&format!("/uri/{root}/x/new?t=uri"), b"ro.x-later:cap").await.status, 200);
    let unknown = web.get(&format!("/uri/{root}/x/new?t=json")).await;
    assert!(unknown.text().contains("\"ro_uri\": \"ro.x-later:cap\""), "{}", unknown.text());
    check(&web.get(&format!("/uri/{root}/x/new")).await, 400, "can only do t=info and t=json");

    assert_eq!(web.delete(&format!("/uri/{root}/x/sub")).await.text(), sub);
    assert_eq!(web.delete(&format!("/uri/{root}/x/lit")).await.text(), "URI:LIT:");
    assert_eq!(web.delete(&format!("/uri/{root}/x/new")).await.text(), "ro.x-later:cap");
    check(&web.delete(&format!("/uri/{root}/x/sub")).await, 404, "No such child: sub");
    check(&web.delete(&format!("/uri/{root}")).await, 400, "cannot be replaced or removed");

    let post = format!("/uri/{root}/x?t=uri&name=a%2Fb&uri={sub}&when_done=/x%20y");
    let sent = web.post(&post, b"").await;
    assert_eq!((sent.status, sent.header("location")), (302, Some("/x%20y")));
    check(&web.post(&format!("/uri/{root}?t=uri&name=a"), b"").await, 400, "requires a uri");
    check(&web.post(&format!("/uri/{root}?t=uri&uri=URI:LIT:"), b"").await, 400, "requires a name");
    for operation in ["unlink", "delete"] {
        let fields = [("t", operation), ("name", "a/b")];
        let answer = web.form(&format!("/uri/{root}/x"), &fields, None).await;
        let expected = if operation == "unlink" { 200 } else { 404 };
        assert_eq!(answer.status, expected);
    }
    let answer = web.post(&format!("/uri/{root}?t=unlink&name=x"), b"").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "thing unlinked"));
    check(&web.post(&format!("/uri/{root}?t=unlink"), b"").await, 404, "No such child: ");
}

#[tokio::test]
async fn directories_in_directories() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    let made = web.text_of("PUT", &format!("/uri/{root}/a/b?t=mkdir"), b"").await;
    let again = web.text_of("PUT", &format!("/uri/{root}/a/b?t=mkdir"), b"").await;
    assert_eq!(made, again, "one that is there is left alone");
    let posted = web.text_of("POST", &format!("/uri/{root}/a/c/d?t=mkdir"), b"").await;
    assert_eq!(web.text_of("POST", &format!("/uri/{root}/a/c/d?t=mkdir"), b"").await, posted);
    let named = web.text_of("POST", &format!("/uri/{root}?t=mkdir&name=e"), b"").await;
    assert_eq!(web.get(&format!("/uri/{root}/e?t=uri")).await.text(), named);
    let kept = web.post(&format!("/uri/{root}?t=mkdir&name=e&replace=false"), b"").await;
    check(&kept, 409, "already a child by that name");

    let children =
        br#"{"f": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp", "metadata": {"k": "v"}}]}"#;
    for (target, prefix) in [
        (format!("/uri/{root}/g?t=mkdir-with-children"), "URI:DIR2:"),
        (format!("/uri/{root}?t=mkdir-with-children&name=h&format=mdmf"), "URI:DIR2-MDMF:"),
        (format!("/uri/{root}/i/j?t=mkdir-immutable"), "URI:DIR2-LIT:"),
        (format!("/uri/{root}?t=mkdir-immutable&name=k"), "URI:DIR2-LIT:"),
    ] {
        let cap = web.text_of("POST", &target, children).await;
        assert!(cap.starts_with(prefix), "{target}");
        assert_eq!(names(&web, &cap).await, ["f"]);
    }
    assert_eq!(names(&web, &root).await, ["a", "e", "g", "h", "i", "k"]);
    for operation in ["mkdir-with-children", "mkdir-immutable"] {
        let again = web.post(&format!("/uri/{root}?t={operation}&name=g"), children).await;
        check(&again, 409, "already a child by that name");
    }
    let listing = parse(&web.get(&format!("/uri/{root}/h?t=json")).await);
    assert_eq!(listing[1]["children"]["f"][1]["metadata"], json!({"k": "v"}));
    let listing = parse(&web.get(&format!("/uri/{root}?t=json")).await);
    let metadata = &listing[1]["children"]["h"][1]["metadata"]["tahoe"];
    assert!(metadata["linkcrtime"].is_f64() && metadata["linkmotime"].is_f64());
}

#[tokio::test]
async fn children_are_set_together() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    let children = json!({
        "a": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp", "metadata": {"n": 1}}],
        "b/c\u{0}": ["whatever", {"rw_uri": root}],
        "x".repeat(10_000): ["unknown", {"rw_uri": "x-later:w", "ro_uri": "ro.x-later:r"}],
    });
    for operation in ["set_children", "set-children"] {
        let answer = web.post(&format!("/uri/{root}?t={operation}"), children.to_string()).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "Okay so I did it."));
    }
    let listing = parse(&web.get(&format!("/uri/{root}?t=json")).await);
    let found = listing[1]["children"].as_object().unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found["a"][1]["metadata"]["n"], 1);
    assert_eq!(found["b/c\u{0}"][1]["rw_uri"], root.as_str());
    assert_eq!(found[&"x".repeat(10_000)][1]["rw_uri"], "x-later:w");
    let by_path = web.get(&format!("/uri/{root}/b%2Fc%00/a?t=uri")).await;
    assert_eq!(by_path.text(), "URI:LIT:nbswy3dp");

    let more = r#"{"a": ["", {"ro_uri": "URI:LIT:"}], "d": ["", {"ro_uri": "URI:LIT:"}]}"#;
    let kept = web.post(&format!("/uri/{root}?t=set_children&replace=false"), more).await;
    check(&kept, 409, "already a child by that name");
    assert!(!names(&web, &root).await.contains(&"d".to_owned()), "all or nothing");
    for (bad, sentence) in [
        ("", "not JSON"),
        ("[]", "outermost value"),
        (r#"{"\ud800": ["", {"ro_uri": "URI:LIT:"}]}"#, "half of a surrogate pair"),
        (r#"{"a": ["", {"rw_uri": "x-later:w"}]}"#, "MustNotBeUnknownRWError"),
    ] {
        check(&web.post(&format!("/uri/{root}?t=set_children"), bad).await, 400, sentence);
    }
}

#[tokio::test]
async fn names_that_are_set_at_the_same_time_are_all_there() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    let name = |i: usize| format!("file {i:02}");
    let put = async |i: usize| {
        let target = format!("/uri/{root}/file%20{i:02}");
        let (target, body) = match i % 2 {
            0 => (target, format!("content {i}")),
            _ => (format!("{target}?t=uri"), "URI:LIT:nbswy3dp".to_owned()),
        };
        let answer = web.put(&target, body.as_bytes()).await;
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
    };
    futures_util::future::join_all((0..16).map(put)).await;
    assert_eq!(names(&web, &root).await, (0..16).map(name).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_link_costs_two_round_trips() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    web.put(&format!("/uri/{root}/a?t=uri"), b"URI:LIT:").await;
    let calls = || web.sims.iter().map(|sim| sim.calls().len()).max().unwrap();
    for (method, target) in [
        ("PUT", format!("/uri/{root}/b?t=uri")),
        ("POST", format!("/uri/{root}?t=uri&name=c&uri=URI:LIT:")),
        ("DELETE", format!("/uri/{root}/b")),
        ("POST", format!("/uri/{root}?t=rename&from_name=c&to_name=d")),
    ] {
        let before = calls();
        let answer = web.send((method, &target), &[], b"URI:LIT:").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(calls() - before <= 2, "{method}: {} round trips", calls() - before);
    }
}

#[tokio::test]
async fn things_move() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    web.put(&format!("/uri/{root}/a"), b"hello").await;
    let sub = web.text_of("PUT", &format!("/uri/{root}/sub/deep?t=mkdir"), b"").await;
    let moved = async |target: String| {
        let answer = web.post(&target, b"").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "thing moved"), "{target}");
    };
    moved(format!("/uri/{root}?t=rename&from_name=a&to_name=b")).await;
    moved(format!("/uri/{root}?t=relink&from_name=b&to_dir={root}/sub/deep")).await;
    assert_eq!(names(&web, &sub).await, ["b"]);
    moved(format!("/uri/{sub}?t=relink&from_name=b&to_name=c&to_dir={root}")).await;
    assert_eq!(names(&web, &root).await, ["c", "sub"]);
    assert!(names(&web, &sub).await.is_empty());
    moved(format!("/uri/{root}?t=rename&from_name=c&to_name=c")).await;

    for (query, status, sentence) in [
        ("t=rename&from_name=c".to_owned(), 400, "to_name= is required"),
        ("t=rename&to_name=c".to_owned(), 400, "from_name= is required"),
        (format!("t=rename&from_name=c&to_name=d&to_dir={root}"), 400, "to_dir= is not valid"),
        ("t=rename&from_name=c&to_name=d%2Fe".to_owned(), 400, "to_name= may not contain a slash"),
        ("t=relink&from_name=c%2Fd".to_owned(), 400, "from_name= may not contain a slash"),
        ("t=rename&from_name=c&to_name=+".to_owned(), 400, "to_name= is required"),
        ("t=rename&from_name=none&to_name=d".to_owned(), 404, "No such child: none"),
        ("t=rename&from_name=c&to_name=sub&replace=false".to_owned(), 409, "already a child"),
        ("t=rename&from_name=c&to_name=sub&replace=only-files".to_owned(), 409, "already a child"),
        ("t=relink&from_name=c&to_dir=URI:LIT:".to_owned(), 400, "not a directory"),
        (format!("t=relink&from_name=c&to_dir={root}/none"), 404, "No such child: none"),
        ("t=relink&from_name=c&to_dir=garbage".to_owned(), 400, "not a directory"),
    ] {
        check(&web.post(&format!("/uri/{root}?{query}"), b"").await, status, sentence);
    }
    assert_eq!(names(&web, &root).await, ["c", "sub"], "nothing is lost");
}

#[tokio::test]
async fn forms_upload_into_directories() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    let target = format!("/uri/{root}");
    let upload = [("t", "upload"), ("_charset", "utf-8")];
    let answer = web.form(&target, &upload, Some(("own name.txt", b"hello"))).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "URI:LIT:nbswy3dp"));
    let fields = [("t", "upload"), ("name", " given "), ("when_done", ".")];
    let answer = web.form(&target, &fields, Some(("x", &file(2_000_000)))).await;
    assert_eq!((answer.status, answer.header("location")), (302, Some(".")));
    assert_eq!(web.get(&format!("{target}/given")).await.body, file(2_000_000));
    let fields = [("t", "upload"), ("name", "m"), ("format", "sdmf")];
    let made = web.form(&target, &fields, Some(("x", b"first"))).await.text();
    assert!(made.starts_with("URI:SSK:"));
    let again = web.form(&target, &[("t", "upload"), ("name", "m")], Some(("x", b"again"))).await;
    assert_eq!(again.text(), made, "a mutable file is rewritten in place");
    assert_eq!(web.get(&format!("{target}/m")).await.text(), "again");
    let by_path = web.form(&format!("{target}/m?t=upload"), &[], Some(("x", b"third"))).await;
    assert_eq!(by_path.text(), made);
    let by_cap = web.form(&format!("/uri/{made}?t=upload"), &[], Some(("x", b"fourth"))).await;
    assert_eq!(by_cap.text(), made);
    assert_eq!(web.get(&format!("/uri/{made}")).await.text(), "fourth");

    for (fields, file, status, sentence) in [
        (
            vec![("t", "upload"), ("name", "a/b")],
            Some(("x", &b""[..])),
            400,
            "may not contain a slash",
        ),
        (vec![("t", "upload")], Some(("  ", &b""[..])), 400, "upload requires a name"),
        (vec![("t", "upload"), ("name", "a")], None, 400, "needs file="),
        (
            vec![("t", "upload"), ("name", "given"), ("replace", "0")],
            Some(("x", &b""[..])),
            409,
            "already",
        ),
    ] {
        check(&web.form(&target, &fields, file).await, status, sentence);
    }
    web.text_of("PUT", &format!("{target}/dir?t=mkdir"), b"").await;
    let over = web.form(&target, &[("t", "upload"), ("name", "dir")], Some(("x", b""))).await;
    check(&over, 409, "There is a directory of that name");
    assert_eq!(names(&web, &root).await, ["dir", "given", "m", "own name.txt"]);
}

#[tokio::test]
async fn read_caps_read_only() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    web.put(&format!("/uri/{root}/m?format=mdmf"), b"changes").await;
    let readonly = web.get(&format!("/uri/{root}?t=readonly-uri")).await.text();
    assert!(readonly.starts_with("URI:DIR2-RO:"));
    let listing = parse(&web.get(&format!("/uri/{readonly}?t=json")).await);
    assert_eq!(listing[1]["rw_uri"], Value::Null);
    let child = &listing[1]["children"]["m"][1];
    assert_eq!((&child["mutable"], &child["rw_uri"]), (&json!(true), &Value::Null));
    for answer in [
        web.put(&format!("/uri/{readonly}/new"), b"x").await,
        web.post(&format!("/uri/{readonly}?t=mkdir&name=new"), b"").await,
        web.post(&format!("/uri/{readonly}?t=uri&name=new&uri=URI:LIT:"), b"").await,
        web.post(&format!("/uri/{readonly}?t=unlink&name=m"), b"").await,
        web.post(&format!("/uri/{readonly}?t=rename&from_name=m&to_name=n"), b"").await,
        web.post(&format!("/uri/{readonly}?t=set_children"), b"{}").await,
        web.delete(&format!("/uri/{readonly}/m")).await,
    ] {
        check(&answer, 403, "cannot be changed through this capability");
        assert!(!answer.text().contains("URI:"));
    }
    let written = web.put(&format!("/uri/{readonly}/m"), b"x").await;
    check(&written, 400, "replace or update requested with read-only cap");
    assert_eq!(web.get(&format!("/uri/{readonly}/m")).await.text(), "changes");
}

#[tokio::test]
async fn people_see_a_directory() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    web.put(&format!("/uri/{root}/%3Cb%3E.txt"), b"hello").await;
    web.text_of("PUT", &format!("/uri/{root}/sub?t=mkdir"), b"").await;
    let page = web.get(&format!("/uri/{root}/")).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("(modifiable)") && text.contains("&lt;b&gt;.txt"), "{text}");
    assert!(text.contains("name=\"file\"") && text.contains("value=\"mkdir\""), "{text}");
    assert!(!text.contains("<script") && !text.contains("<b>"));
    let readonly = web.get(&format!("/uri/{root}?t=readonly-uri")).await.text();
    let text = web.get(&format!("/uri/{readonly}")).await.text();
    assert!(text.contains("(read-only)") && !text.contains("<form"), "{text}");
    let form = web.get(&format!("/uri/{root}?t=rename-form&name=%22x")).await.text();
    assert!(form.contains("value=\"&quot;x\"") && form.contains("to_name"), "{form}");
    let info = web.get(&format!("/uri/{root}?t=info")).await.text();
    assert!(info.contains("URI:DIR2-Verifier:") && info.contains(&root), "{info}");
    let info = web.get("/uri/URI:LIT:nbswy3dp?t=info").await.text();
    assert!(info.contains("5 bytes"), "{info}");
    check(&web.get(&format!("/uri/{root}?t=zzz")).await, 400, "GET directory: bad t=zzz");
    check(&web.post(&format!("/uri/{root}?t=zzz"), b"").await, 400, "POST to a directory");
}
