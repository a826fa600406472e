//! Deep check, streamed, or begun and looked at later.

use serde_json::{Value, json};
use tallac_testkit::Fault;

use crate::check::{corrupt, lose};
use crate::directories::parse;
use crate::operations::{finished, started};
use crate::support::{Web, file, storage_index, unreachable};

/// A directory with two files that have shares, one that has none, and something unknown.
async fn tree(web: &Web) -> (String, [String; 2]) {
    let files = [web.put_file(&file(3000)).await, web.put_file(&file(4000)).await];
    let root = json!({
        "a": ["filenode", {"ro_uri": files[0]}],
        "b": ["filenode", {"ro_uri": files[1]}],
        "lit": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}],
        "fut": ["unknown", {"ro_uri": "imm.x-future:abc"}],
    });
    let root = web.text_of("POST", "/uri?t=mkdir-with-children", root.to_string().as_bytes()).await;
    (root, files.map(|cap| storage_index(&cap)))
}

async fn stream(web: &Web, root: &str, query: &str) -> Vec<Value> {
    let (head, text) = web.stream(&format!("/uri/{root}?t=stream-deep-check{query}")).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/plain")));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn results_are_streamed() {
    let web = Web::new().await;
    let (root, files) = tree(&web).await;
    lose(&web, &files[1], 3);
    let lines = stream(&web, &root, "").await;
    let names: Vec<_> = lines.iter().map(|line| line["path"][0].as_str().unwrap_or("")).collect();
    assert_eq!(names, ["", "fut", "a", "b", "lit", ""]);
    let literal = json!({"storage-index": "", "results": {"healthy": true}});
    assert_eq!(lines[1]["check-results"], literal, "as Tahoe-LAFS has it");
    assert_eq!(lines[4]["check-results"], literal);
    assert_eq!(lines[0]["type"], "directory");
    assert_eq!(lines[0]["check-results"]["summary"], "Healthy");
    assert_eq!(lines[2]["storage-index"], files[0]);
    assert_eq!(lines[3]["check-results"]["results"]["count-shares-good"], 7);
    assert_eq!(lines[5]["type"], "stats");
    assert_eq!(lines[5]["stats"]["count-files"], 3);

    corrupt(&web, &files[0]);
    let lines = stream(&web, &root, "&verify=true&repair=true&add-lease=true").await;
    let results = |line: usize| &lines[line]["check-and-repair-results"];
    assert_eq!(results(4), &json!({"storage-index": "", "repair-attempted": false}));
    for line in [2, 3] {
        assert_eq!(results(line)["repair-successful"], true, "{}", lines[line]);
    }
    let corrupt = &results(2)["pre-repair-results"]["results"]["count-corrupt-shares"];
    assert_eq!(corrupt, 1);
    assert_eq!(results(0)["repair-attempted"], false);
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    web.fault_everywhere(&unreachable());
    let (_, text) = web.stream(&format!("/uri/{root}?t=stream-deep-check")).await;
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("ERROR: UnrecoverableFileError("), "{text}");
    assert!(!last.contains("URI:"));
    let target = format!("/uri/{root}?t=stream-deep-check&verify=perhaps");
    assert_eq!(web.post(&target, b"").await.status, 400);
    let target = "/uri/URI:LIT:nbswy3dp?t=stream-deep-check";
    assert_eq!(web.post(target, b"").await.status, 400, "a file");
}

#[tokio::test]
async fn results_are_looked_at_later() {
    let web = Web::new().await;
    let (root, files) = tree(&web).await;
    lose(&web, &files[0], 2);
    let (server, share) = corrupt(&web, &files[1]);
    let query = "t=start-deep-check&verify=true&ophandle=h%20h&output=JSON";
    let location = started(&web, &root, query).await;
    assert_eq!(location, "/operations/h%20h?output=JSON");
    let found = parse(&finished(&web, &location, "\"finished\": true").await);
    for (name, value) in [
        ("count-objects-checked", json!(3)),
        ("count-objects-healthy", json!(1)),
        ("count-objects-unhealthy", json!(2)),
        ("count-corrupt-shares", json!(1)),
        ("list-corrupt-shares", json!([[server, files[1], share]])),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    assert_eq!(found.as_object().unwrap().len(), 9, "{found}");
    let unhealthy = found["list-unhealthy-files"].as_array().unwrap();
    assert_eq!((&unhealthy[0][0], &unhealthy[1][0]), (&json!(["a"]), &json!(["b"])));
    assert_eq!(unhealthy[0][1]["results"]["count-shares-good"], 8);
    assert_eq!(found["stats"]["count-directories"], 1);

    let page = web.get("/operations/h%20h").await.text();
    for part in [
        "<h1>Deep-Check Results for root SI=",
        "<li>Objects Checked: <span>3</span></li>",
        "&lt;root&gt;",
        &format!("<a href=\"/operations/h%20h/{}\">", files[1]),
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let detail = parse(&web.get(&format!("/operations/h%20h/{}?output=JSON", files[0])).await);
    assert_eq!(detail, unhealthy[0][1]);
    let detail = web.get(&format!("/operations/h%20h/{}", files[1])).await.text();
    assert!(detail.contains(&format!("File Check Results for SI={}", files[1])), "{detail}");
    for unknown in ["aaaaaaaaaaaaaaaaaaaaaaaaaa", "zzz"] {
        let answer = web.get(&format!("/operations/h%20h/{unknown}")).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.text(), format!("No detailed results for SI {unknown}"));
    }
    assert_eq!(web.get("/operations/h%20h?output=text").await.status, 400);
}

#[tokio::test]
async fn repairs_are_counted() {
    let web = Web::new().await;
    let (root, files) = tree(&web).await;
    lose(&web, &files[0], 8);
    corrupt(&web, &files[1]);
    let query = "t=start-deep-check&verify=true&repair=true&ophandle=r&output=JSON";
    let location = started(&web, &root, query).await;
    let found = parse(&finished(&web, &location, "\"finished\": true").await);
    for (name, value) in [
        ("count-objects-checked", 3),
        ("count-objects-healthy-pre-repair", 1),
        ("count-objects-unhealthy-pre-repair", 2),
        ("count-objects-healthy-post-repair", 2),
        ("count-objects-unhealthy-post-repair", 1),
        ("count-repairs-attempted", 2),
        ("count-repairs-successful", 1),
        ("count-repairs-unsuccessful", 1),
        ("count-corrupt-shares-pre-repair", 1),
    ] {
        assert_eq!(found[name], value, "{name}: {found}");
    }
    let remaining = found["list-remaining-corrupt-shares"].as_array().unwrap().len();
    assert_eq!(found["count-corrupt-shares-post-repair"], remaining);
    assert_eq!(found["list-unhealthy-files"].as_array().unwrap().len(), 2);
    let page = web.get("/operations/r").await.text();
    for part in ["Deep-Check-And-Repair Results for root", "Repairs Unsuccessful: <span>1</span>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let detail = parse(&web.get(&format!("/operations/r/{}?output=JSON", files[1])).await);
    assert_eq!(detail["repair-successful"], true);
}

#[tokio::test]
async fn a_deep_check_needs_a_handle_and_can_be_cancelled() {
    let web = Web::new().await;
    let (root, _) = tree(&web).await;
    let start = format!("/uri/{root}?t=start-deep-check");
    let answer = web.post(&start, b"").await;
    assert_eq!((answer.status, &*answer.text()), (400, "slow operation requires ophandle="));
    let answer = web.post(&format!("{start}&ophandle=x&repair=maybe"), b"").await;
    assert_eq!(answer.status, 400);
    web.fault_everywhere(&Fault::Hang);
    let location = started(&web, &root, "t=start-deep-check&ophandle=x").await;
    let page = web.get(&location).await.text();
    assert!(page.contains("Operation still running") && page.contains("Nothing to report yet"));
    let json = parse(&web.get("/operations/x?output=JSON").await);
    assert_eq!((&json["finished"], &json["count-objects-checked"]), (&json!(false), &json!(0)));
    assert_eq!(web.post("/operations/x?t=cancel", b"").await.status, 200);
    assert_eq!(web.get("/operations/x").await.status, 404);
    // A manifest has nothing to tell of single objects.
    let location = started(&web, &root, "t=start-manifest&ophandle=m").await;
    assert_eq!(web.get(&format!("{location}/aaaa")).await.status, 404);
    // A literal directory has no storage index.
    let literal = web.text_of("POST", "/uri?t=mkdir-immutable", b"{}").await;
    let location = started(&web, &literal, "t=start-deep-check&ophandle=l&output=JSON").await;
    let found = parse(&finished(&web, &location, "\"finished\": true").await);
    assert_eq!(found["root-storage-index"], "<none>");
}
