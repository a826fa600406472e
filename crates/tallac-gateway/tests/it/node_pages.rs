//! Pages about the node: operations, statistics, its storage server and helper.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tallac_core::dirnode::Json;
use tallac_gateway::metrics::Exposition;
use tallac_gateway::wapi::{ClientUse, Named, NodeView, Statistics, StorageView};
use tokio::sync::broadcast;

use crate::support::{Web, file, storage_index};

/// A node with everything.
#[derive(Debug)]
pub(crate) struct FakeNode {
    pub(crate) lines: broadcast::Sender<Arc<str>>,
    incidents: Mutex<Vec<String>>,
}

impl FakeNode {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { lines: broadcast::Sender::new(4), incidents: Mutex::default() })
    }
}

fn number(value: u64) -> Json {
    Json::Number(value.to_string())
}

impl NodeView for FakeNode {
    fn statistics(&self) -> BoxFuture<'_, Statistics> {
        let counters = vec![("storage_server.read".to_owned(), number(7))];
        let stats = vec![
            ("node.uptime".to_owned(), Json::float(1.5)),
            ("storage_server.latencies.get.50_0_percentile".to_owned(), Json::Null),
        ];
        async { Statistics { counters, stats } }.boxed()
    }

    fn storage(&self) -> BoxFuture<'_, Option<StorageView>> {
        let stats = vec![("storage_server.disk_avail".to_owned(), number(75_576_836_096))];
        let object = |text: &str| Json::parse(text).unwrap();
        let view = StorageView {
            node_id: "abc<".to_owned(),
            stats,
            bucket_counter: object("{\"last-complete-bucket-count\": 12}"),
            lease_checker: object("{\"history\": {}}"),
            lease_checker_progress: object(
                "{\"cycle-in-progress\": false, \"remaining-wait-time\": 5}",
            ),
            expiration: vec!["Expiration Disabled".to_owned()],
            clients: vec![
                ClientUse { client: Some("tub<id".to_owned()), shares: 3, bytes: 3_000_000 },
                ClientUse { client: None, shares: 1, bytes: 20 },
            ],
        };
        async { Some(view) }.boxed()
    }

    fn helper(&self) -> BoxFuture<'_, Option<Named>> {
        let stats = vec![("chk_upload_helper.incoming_size".to_owned(), number(5))];
        async { Some(stats) }.boxed()
    }

    fn metrics<'a>(&'a self, text: &'a mut Exposition) -> BoxFuture<'a, ()> {
        text.single(("x_total", "counter"), "x", 1);
        async {}.boxed()
    }

    fn report_incident(&self, details: String) -> BoxFuture<'_, io::Result<()>> {
        self.incidents.lock().unwrap().push(details);
        async { Ok(()) }.boxed()
    }

    fn log_lines(&self) -> Option<broadcast::Receiver<Arc<str>>> {
        Some(self.lines.subscribe())
    }
}

async fn json(web: &Web, target: &str) -> Value {
    let answer = web.get(target).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[tokio::test]
async fn operations_and_what_they_did() {
    let web = Web::new().await;
    assert_eq!(web.get("/status?t=json").await.text(), "{\n \"active\": [],\n \"recent\": []\n}\n");
    let cap = web.put_file(&file(200_000)).await;
    web.get(&format!("/uri/{cap}")).await;
    let dir = web.mkdir().await;
    web.put(&format!("/uri/{dir}/name"), b"a small file").await;
    let answer = web.get("/status/?t=json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status = json(&web, "/status?t=JSON").await;
    assert_eq!(status["active"], Value::Array(Vec::new()));
    let recent = status["recent"].as_array().unwrap();
    let find = |kind: &str| recent.iter().find(|one| one["type"] == kind).unwrap();
    let is_large = |one: &&Value| one["type"] == "upload" && one["total-size"] == 200_000;
    let upload = recent.iter().find(is_large).unwrap();
    assert_eq!(upload["storage-index-string"], storage_index(&cap));
    assert_eq!(upload["status"], "Finished");
    for part in ["progress-hash", "progress-ciphertext", "progress-encode-push"] {
        assert_eq!(upload[part], 1.0, "{part}");
    }
    assert_eq!(find("download")["progress"], 1.0);
    assert_eq!(find("download")["status"], "idle");
    let published = recent.iter().filter(|one| one["type"] == "publish");
    assert!(published.clone().any(|one| one["total-size"] == 0), "the empty directory");
    assert!(published.count() >= 2);
    let literal = recent.iter().find(|one| one["storage-index-string"].is_null()).unwrap();
    assert_eq!(literal["total-size"], 12);
    // The same for those who post, as the command does.
    let body = "t=json&token=x";
    let headers = ["Content-Type: application/x-www-form-urlencoded"];
    let answer = web.send(("POST", "/status"), &headers, body.as_bytes()).await;
    assert_eq!(serde_json::from_str::<Value>(&answer.text()).unwrap(), status);

    let page = web.get("/status").await.text();
    assert!(page.contains("<h1>Recent and Active Operations</h1>"), "{page}");
    assert!(page.contains("<a href=\"/status/down-0\">idle</a>"), "{page}");
    let page = web.get("/status/up-0").await.text();
    assert!(page.contains("<h1>File Upload Status</h1>") && page.contains("Total Size: 200000"));
    assert!(page.contains("9 -&gt; placed on [v0-server"), "{page}");
    let page = web.get("/status/down-0").await.text();
    assert!(page.contains("File Download Status") && page.contains("DYHB Requests"), "{page}");
    let page = web.get("/status/publish-0").await.text();
    assert!(page.contains("Mutable File Publish Status"), "{page}");
    for page in [web.get("/status").await.text(), page] {
        assert!(!page.contains(cap.split(':').nth(2).unwrap()));
        assert!(!page.contains(dir.split(':').nth(2).unwrap()));
    }
}

#[tokio::test]
async fn what_a_download_did() {
    let web = Web::new().await;
    let cap = web.put_file(&file(200_000)).await;
    web.get(&format!("/uri/{cap}")).await;
    let events = json(&web, "/status/down-0/event_json").await;
    assert_eq!(events["read"][0]["length"], 200_000);
    assert_eq!(events["read"][0]["bytes_returned"], 200_000);
    assert_eq!(events["segment"][0]["segment_start"], 0);
    assert_eq!(events["segment"][0]["success"], true);
    assert!(events["dyhb"][0]["serverid"].as_str().unwrap().starts_with("v0-server"));
    assert!(events["block"][0]["response_length"].as_u64().unwrap() > 0);
    let count = events["num_serverids"].as_u64().unwrap();
    assert_eq!(count, events["serverids"].as_object().unwrap().len() as u64);
    assert_eq!(events["block_rownums"].as_array().unwrap().len(), 3);
    let (min, max) = (&events["bounds"]["min"], &events["bounds"]["max"]);
    assert!(min.as_f64().unwrap() <= max.as_f64().unwrap());
    assert_eq!(web.get("/status/up-0/event_json").await.status, 404);
    assert_eq!(web.get("/status/down-0/other").await.status, 404);
}

#[tokio::test]
async fn operations_that_there_are_not() {
    let web = Web::with(1, |_| {}).await;
    for (name, status, text) in [
        ("nodash", 400, "no '-' in 'nodash'"),
        ("up-1-2", 400, "no '-' in 'up-1-2'"),
        ("up-x", 400, "'up-x' does not end with the number of an operation"),
        ("up--1", 400, "no '-' in 'up--1'"),
        ("up-99999999999999999999", 400, "'up-9"),
        ("up-7", 404, "There is no such page here."),
        ("other-0", 404, "There is no such page here."),
    ] {
        let answer = web.get(&format!("/status/{name}")).await;
        assert_eq!(answer.status, status, "{name}");
        assert!(answer.text().starts_with(text), "{name}: {}", answer.text());
    }
    for page in ["status", "statistics", "storage", "helper_status"] {
        let answer = web.get(&format!("/{page}?t=xml")).await;
        assert_eq!((answer.status, answer.text().as_str()), (400, "Unknown t value: xml"));
        assert_eq!(web.send(("PUT", &format!("/{page}")), &[], b"x").await.status, 405);
    }
    assert_eq!(web.get("/status?t=openmetrics").await.status, 400);
}

#[tokio::test]
async fn statistics_under_tahoes_names() {
    let web = Web::with(10, |config| config.node = FakeNode::new()).await;
    web.put_file(&file(100)).await;
    let answer = web.get("/statistics?t=json").await;
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let expected = "{\n \"counters\": {\n  \"storage_server.read\": 7,\n  \
        \"uploader.files_uploaded\": 1,\n  \"uploader.bytes_uploaded\": 100\n },\n \"stats\": {\n  \
        \"node.uptime\": 1.5,\n  \"storage_server.latencies.get.50_0_percentile\": null\n }\n}\n";
    assert_eq!(answer.text(), expected);
    let answer = web.get("/statistics?t=openmetrics").await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    let expected = "tahoe_counters_storage_server_read 7\n\
        tahoe_counters_uploader_bytes_uploaded 100\ntahoe_counters_uploader_files_uploaded 1\n\
        tahoe_stats_node_uptime 1.5\n\
        tahoe_stats_storage_server_latencies_get{quantile=\"0.500\"} NaN\n# EOF\n";
    assert_eq!(answer.text(), expected);
    let page = web.get("/statistics").await.text();
    assert!(page.contains("Files Uploaded (immutable): 1 files / 100 bytes (100B)"), "{page}");
}

#[tokio::test]
async fn storage_and_helper() {
    let web = Web::with(1, |config| config.node = FakeNode::new()).await;
    let storage = json(&web, "/storage?t=json").await;
    assert_eq!(storage["bucket-counter"]["last-complete-bucket-count"], 12);
    let members: Vec<_> = storage.as_object().unwrap().keys().cloned().collect();
    let tahoes = ["bucket-counter", "lease-checker", "lease-checker-progress", "stats"];
    assert_eq!(members, [&tahoes[..], &["use-by-client"]].concat());
    assert_eq!(
        storage["use-by-client"],
        json!([
            { "client": "tub<id", "shares": 3, "bytes": 3_000_000 },
            { "client": null, "shares": 1, "bytes": 20 },
        ])
    );
    let page = web.get("/storage").await.text();
    assert!(page.contains("<h1>Storage Server Status</h1>"), "{page}");
    assert!(page.contains("75.58GB") && page.contains("Total buckets: 12"), "{page}");
    assert!(page.contains("<td>tub&lt;id</td><td>3</td><td>3.00MB</td>"), "{page}");
    assert!(page.contains("abc&lt;") && page.contains("Next crawl in 5.00s"), "{page}");
    let page = web.get("/ui/storage").await.text();
    assert!(page.contains("value=\"75576836096\"") && page.contains("<dd>12</dd>"), "{page}");
    assert_eq!(json(&web, "/helper_status?t=json").await["chk_upload_helper.incoming_size"], 5);
    assert!(web.get("/helper_status").await.text().contains("<h1>Helper Status</h1>"));

    let web = Web::with(1, |_| {}).await;
    assert!(web.get("/storage").await.text().contains("No Storage Server Running"));
    assert!(web.get("/ui/storage").await.text().contains("keeps nothing for others"));
    assert_eq!(web.get("/storage?t=json").await.status, 404);
    assert_eq!(web.get("/helper_status?t=json").await.text(), "{}\n");
    assert!(web.get("/helper_status").await.text().contains("No helper is running"));
}

#[tokio::test]
async fn incidents() {
    let node = FakeNode::new();
    let kept = Arc::clone(&node);
    let web = Web::with(1, |config| config.node = node).await;
    let fields = [("t", "report-incident"), ("details", "it <broke>")];
    let answer = web.form("/report_incident", &fields, None).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/plain; charset=UTF-8"))
    );
    assert!(answer.text().starts_with("An incident report has been saved to logs/incidents/"));
    assert_eq!(*kept.incidents.lock().unwrap(), ["it <broke>"]);
    for method in ["GET", "PUT", "DELETE"] {
        let answer = web.ask(method, "/report_incident", &[]).await;
        let text = "/report_incident can only be used with POST";
        assert_eq!((answer.status, answer.text().as_str()), (400, text));
    }
    let web = Web::with(1, |_| {}).await;
    assert_eq!(web.post("/report_incident", "").await.status, 500);
}

#[tokio::test]
async fn metrics() {
    let web = Web::with(10, |config| config.node = FakeNode::new()).await;
    web.put_file(&file(70_000)).await;
    web.get("/nothing").await;
    let answer = web.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for line in [
        "tallac_uploaded_files_total 1",
        "tallac_uploaded_bytes_total 70000",
        "tallac_web_request_seconds_count{kind=\"upload\"} 1",
        "tallac_web_request_seconds_bucket{kind=\"upload\",le=\"+Inf\"} 1",
        "tallac_servers{state=\"connected\"} 10",
        "tallac_operations_active{kind=\"upload\"} 0",
        "x_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert_eq!(web.post("/metrics", "").await.status, 405);
}

#[tokio::test]
async fn own_files() {
    let web = Web::with(1, |_| {}).await;
    assert_eq!(web.get("/icon.png").await.header("content-type"), Some("image/png"));
    assert_eq!(web.get("/tahoe.css").await.status, 200);
    for missing in ["/css/new-tahoe.css", "/img/logo.png", "/static", "/static/", "/static/x"] {
        assert_eq!(web.get(missing).await.status, 404, "{missing}");
    }
}
