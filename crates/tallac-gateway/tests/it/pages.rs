//! The welcome page for people and for programs; the access log.

use std::io;
use std::sync::{Arc, Mutex};

use tallac_gateway::wapi::{IntroducerStatus, Introducers};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Web, file};

fn introducers() -> Introducers {
    Introducers::new(|| {
        vec![IntroducerStatus { is_connected: true, text: "Connected to <it>".to_owned() }]
    })
}

#[tokio::test]
async fn programs_see_the_grid() {
    let web = Web::with(1, |config| config.introducers = introducers()).await;
    let answer = web.get("/?t=json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let text = answer.text();
    let start = "{\n \"introducers\": {\n  \"statuses\": [\n   \"Connected to <it>\"\n  ]\n },\n \
        \"servers\": [\n  {\n   \"nodeid\": \"v0-server0\",\n   \
        \"connection_status\": \"connected\",\n   \"available_space\": ";
    assert!(text.starts_with(start), "{text}");
    assert!(
        text.contains("\"nickname\": \"sim0\",\n   \"version\": \"tallac-testkit/0\""),
        "{text}"
    );
    assert!(text.contains("\"last_received_data\": 1"), "{text}");
    assert!(text.ends_with("\n  }\n ]\n}\n"), "{text}");
    let web = Web::with(0, |_| {}).await;
    assert_eq!(
        web.get("/?t=json").await.text(),
        "{\n \"introducers\": {\n  \"statuses\": []\n },\n \"servers\": []\n}\n"
    );
}

#[tokio::test]
async fn people_see_the_grid() {
    let web = Web::with(3, |config| config.introducers = introducers()).await;
    let answer = web.get("/").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    let page = answer.text();
    assert!(page.contains("Connected to 3 of 3 storage servers"), "{page}");
    assert!(page.contains("Connected to 1 of 1 introducers"), "{page}");
    assert!(page.contains("v0-server2"), "{page}");
    assert!(page.contains("a &lt;node&gt;") && !page.contains("<node>"), "{page}");
    assert!(page.contains("Connected to &lt;it&gt;"), "{page}");
    let head = web.ask("HEAD", "/", &[]).await;
    assert_eq!((head.status, head.length()), (200, page.len()));
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_cap_gets_into_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // As long as there is only one, a test in another thread, which has none, decides for all
    // whether a line is wanted.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let _guard = tracing::subscriber::set_default(subscriber);
    let web = Web::new().await;
    let cap = web.put_file(&file(70_000)).await;
    let quoted = cap.replace(':', "%3A");
    for target in [
        format!("/uri/{cap}"),
        format!("/uri/{quoted}?t=json"),
        format!("/named/{cap}/secret-name.png?save=true"),
        format!("/file/{cap}/x"),
        format!("/cap?uri={cap}"),
        format!("/uri?t={cap}"),
        format!("/{cap}"),
        format!("/uri/{cap}x"),
        format!("/uri?private-key={cap}"),
        format!("/operations/{cap}?ophandle={cap}"),
    ] {
        web.get(&target).await;
    }
    for sim in &web.sims {
        sim.set_fault_everywhere(&crate::support::unreachable());
    }
    web.get(&format!("/uri/{cap}")).await;
    web.stopped().await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let key = cap.split(':').nth(2).unwrap();
    assert!(!log.contains(key), "{log}");
    assert!(!log.contains("secret-name"), "{log}");
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("tallac_gateway::access")).collect();
    assert_eq!(lines.len(), 12, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("method=GET")
        && line.contains("/uri/[CENSORED]?t=json")
        && line.contains("status=200")));
    assert!(lines.iter().any(|line| line.contains("bytes=70000")), "{lines:#?}");
}
