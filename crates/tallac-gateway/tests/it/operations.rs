//! Walks: streamed, or begun and looked at later.

use std::time::Duration;

use serde_json::{Value, json};
use tallac_testkit::Fault;

use crate::directories::parse;
use crate::support::{Answer, Web, file, unreachable};

/// An immutable tree, so that all is known beforehand: literal files, one that is not, and
/// directories in each other.
async fn tree(web: &Web) -> (String, String) {
    let chk = web.put_file(&file(3000)).await;
    let sub = json!({"x": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp", "metadata": {"a": 1}}]});
    let sub = web.text_of("POST", "/uri?t=mkdir-immutable", sub.to_string().as_bytes()).await;
    let root = json!({
        "a.txt": ["filenode", {"ro_uri": "URI:LIT:nbswy3dpbi"}],
        "chk": ["filenode", {"ro_uri": chk}],
        "fut": ["unknown", {"ro_uri": "imm.x-future:abc"}],
        "sub\u{e9}": ["dirnode", {"ro_uri": sub}],
    });
    (web.text_of("POST", "/uri?t=mkdir-immutable", root.to_string().as_bytes()).await, chk)
}

#[tokio::test]
async fn a_manifest_is_streamed() {
    let web = Web::new().await;
    let (root, chk) = tree(&web).await;
    let (head, text) = web.stream(&format!("/uri/{root}?t=stream-manifest")).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/plain")));
    assert_eq!(head.header("x-frame-options"), Some("DENY"));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<&Value> = lines[..6].iter().map(|line| &line["path"]).collect();
    let expected = [
        json!([]),
        json!(["fut"]),
        json!(["a.txt"]),
        json!(["chk"]),
        json!(["sub\u{e9}"]),
        json!(["sub\u{e9}", "x"]),
    ];
    assert!(paths.into_iter().eq(&expected), "unknown things, files, directories: {text}");
    // Tahoe-LAFS 1.20 streams these very lines.
    let first = text.lines().nth(1).unwrap();
    assert_eq!(
        first,
        "{\"path\": [\"fut\"], \"cap\": \"imm.x-future:abc\", \"type\": \"unknown\", \
         \"verifycap\": \"\", \"repaircap\": \"\", \"storage-index\": \"\"}"
    );
    assert!(text.contains("{\"path\": [\"sub\\u00e9\"], \"cap\": \"URI:DIR2-LIT:"), "{text}");
    let file = &lines[3];
    assert_eq!((&file["cap"], &file["type"]), (&json!(chk), &json!("file")));
    assert_eq!(file["repaircap"], file["verifycap"]);
    assert_eq!(lines[0]["repaircap"], "", "an immutable directory");
    assert_eq!(lines[6]["type"], "stats");
    let stats = &lines[6]["stats"];
    assert_eq!(stats["count-directories"], 2);
    assert_eq!(stats["size-files-histogram"], json!([[4, 10, 2], [1001, 3162, 1]]));
    let order: Vec<_> = text.lines().last().unwrap().match_indices("count-").collect();
    assert_eq!(order.len(), 6);
}

#[tokio::test]
async fn a_manifest_that_breaks_off_says_so_in_its_last_line() {
    let web = Web::new().await;
    let root = web.mkdir().await;
    web.fault_everywhere(&unreachable());
    let (head, text) = web.stream(&format!("/uri/{root}?t=stream-manifest")).await;
    assert_eq!(head.status, 200, "it had begun");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("ERROR: UnrecoverableFileError("), "{text}");
    assert!(!last.contains("URI:"));
}

pub(crate) async fn started(web: &Web, root: &str, query: &str) -> String {
    let answer = web.post(&format!("/uri/{root}?{query}"), b"").await;
    assert_eq!(answer.status, 302, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

/// The results of an operation, once it is over.
pub(crate) async fn finished(web: &Web, location: &str, sign: &str) -> Answer {
    loop {
        let answer = web.get(location).await;
        if answer.status != 200 || answer.text().contains(sign) {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn results_are_looked_at_later() {
    let web = Web::new().await;
    let (root, chk) = tree(&web).await;
    let location = started(&web, &root, "t=start-manifest&ophandle=a%2Fb&output=JSON").await;
    assert_eq!(location, "/operations/a%2Fb?output=JSON");
    let answer = finished(&web, &location, "\"finished\": true").await;
    let manifest = parse(&answer);
    assert_eq!(manifest["manifest"].as_array().unwrap().len(), 6);
    assert_eq!(manifest["manifest"][3], json!([["chk"], chk]));
    assert_eq!(manifest["verifycaps"].as_array().unwrap().len(), 2);
    assert_eq!(manifest["storage-index"].as_array().unwrap().len(), 2);
    assert!(manifest["origin"].is_string());
    let begin = "{\n \"stats\": {\n  \"api-version\": 1,\n  \"count-immutable-files\": 1,\n";
    assert!(answer.text().starts_with(begin), "{}", answer.text());
    let text = web.get("/operations/a%2Fb?output=text").await.text();
    assert!(text.starts_with(&format!("finished: yes\n {root}\nfut imm.x-future:abc\n")), "{text}");
    let page = web.get("/operations/a%2Fb").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("Manifest of SI="));
    assert_eq!(web.get("/operations/a%2Fb?output=zip").await.status, 400);

    let location = started(&web, &root, "t=start-deep-size&ophandle=size").await;
    let answer = finished(&web, &location, "finished: yes").await;
    let stats = started(&web, &root, "t=start-deep-stats&ophandle=stats").await;
    let stats = parse(&finished(&web, &stats, "\"finished\": true").await);
    let size = 3000 + stats["size-directories"].as_u64().unwrap();
    assert_eq!(answer.text(), format!("finished: yes\nsize: {size}\n"));
    let json = web.get(&format!("{location}?output=json")).await.text();
    assert!(json.starts_with("{\"finished\": true, \"size\": {\"api-version\": 1, "), "{json}");
    assert_eq!(stats["largest-directory-children"], 4);

    let target = format!("/uri/{root}?t=start-manifest");
    assert_eq!(web.post(&target, b"").await.text(), "slow operation requires ophandle=");
    for bad in ["ophandle=", "ophandle=x&retain-for=x", "ophandle=x&retain-for=-1"] {
        assert_eq!(web.post(&format!("{target}&{bad}"), b"").await.status, 400, "{bad}");
    }
    assert_eq!(web.delete("/operations/size").await.status, 405);
}

#[tokio::test]
async fn results_are_given_up() {
    let web = Web::new().await;
    let (root, _) = tree(&web).await;
    let status = async |target: &str| web.get(target).await.status;
    let a = started(&web, &root, "t=start-deep-size&ophandle=a").await;
    finished(&web, &a, "finished: yes").await;
    let released = web.get("/operations/a?release-after-complete=true").await;
    assert_eq!(released.status, 200);
    assert_eq!(status("/operations/a").await, 404);
    let b = started(&web, &root, "t=start-deep-size&ophandle=b").await;
    finished(&web, &b, "finished: yes").await;
    assert_eq!(web.post("/operations/b?t=cancel", b"").await.status, 200);
    assert_eq!(status("/operations/b").await, 404);
}

#[tokio::test]
async fn results_are_forgotten_in_time() {
    let web = Web::new().await;
    let (root, _) = tree(&web).await;
    let day = Duration::from_secs(24 * 3600);
    for (handle, more) in [("kept", ""), ("seen", ""), ("short", "&retain-for=60")] {
        let query = format!("t=start-deep-size&ophandle={handle}{more}");
        started(&web, &root, &query).await;
    }
    finished(&web, "/operations/seen", "finished: yes").await;
    finished(&web, "/operations/short?retain-for=7200", "finished: yes").await;
    let status = async |handle: &str| web.get(&format!("/operations/{handle}")).await.status;
    advance(day / 2).await;
    assert_eq!(status("short").await, 404);
    advance(day).await;
    assert_eq!(status("seen").await, 404);
    advance(3 * day).await;
    assert_eq!(status("kept").await, 404);
}

/// Lets time pass, for all that waits for it.
async fn advance(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_walk_that_fails_has_the_error_for_its_result() {
    let web = Web::new().await;
    let fields = "lg4chvdp7ulgcrg2mh7okvovmi:m6psgzbbkm6uskj65uedndsr33uycntsfef4q6a73lrkdbvz7vnq";
    let lost = format!("URI:DIR2-CHK:{fields}:3:10:1000");
    let location = started(&web, &lost, "t=start-manifest&ophandle=lost").await;
    let answer = finished(&web, &location, "nothing").await;
    assert_eq!(answer.status, 410);
    assert!(answer.text().starts_with("NoSharesError: "), "{}", answer.text());
}

#[tokio::test]
async fn a_walk_can_be_cancelled() {
    let web = Web::new().await;
    let (root, _) = tree(&web).await;
    web.fault_everywhere(&Fault::Hang);
    let location = started(&web, &root, "t=start-manifest&ophandle=h&output=text").await;
    assert!(web.get(&location).await.text().starts_with("finished: no\n"));
    assert!(web.get("/operations/h").await.text().contains("Operation still running"));
    let cancelled = web.post("/operations/h?t=cancel&output=text", b"").await;
    assert_eq!(cancelled.status, 200);
    assert!(cancelled.text().starts_with("finished: no\n"));
    assert_eq!(web.get(&location).await.status, 404);
}
