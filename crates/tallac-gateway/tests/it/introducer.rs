//! The page of an introducer.

use std::time::{Duration, SystemTime};

use tallac_core::introducer::{AnnouncementReport, IntroducerReport, SubscriberReport};
use tallac_gateway::wapi::{IntroducerPage, IntroducerPageConfig};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Answer, Client};

fn full() -> IntroducerReport {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let announcement = |nickname: &str| AnnouncementReport {
        service: "storage".to_owned(),
        server_id: format!("v0-{}", nickname.len()),
        nickname: nickname.to_owned(),
        version: "tahoe-lafs/1.20.0".to_owned(),
        hints: vec!["tcp:127.0.0.1:1".to_owned(), "<b>".to_owned()],
        announced: time,
    };
    let subscriber = SubscriberReport {
        service: "storage".to_owned(),
        tub_id: "bidn6wxtlgcqtgv5p5oa3wbhtjbzzoot".to_owned(),
        nickname: "a <client>".to_owned(),
        version: "tallac/0".to_owned(),
        since: time,
    };
    IntroducerReport {
        announcements: vec![announcement("one"), announcement("<other>")],
        subscribers: vec![subscriber],
    }
}

/// What a page with this report answers.
async fn ask(report: IntroducerReport, method: &str, target: &str) -> Answer {
    let page = IntroducerPage::new(IntroducerPageConfig {
        nickname: "the <introducer>".to_owned(),
        node_id: "x3kdaxbeq6xdijwo2yajzs4op6qoxpik".to_owned(),
        application_version: "tallac/0".to_owned(),
        report: Box::new(move || report.clone()),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { page.serve(listener, std::future::pending()).await });
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client.send(method, target, &[], b"").await;
    let answer = client.answer(method).await.unwrap();
    serving.abort();
    answer
}

#[tokio::test]
async fn programs_get_the_counts() {
    let answer = ask(full(), "GET", "/?t=json").await;
    assert_eq!(answer.status, 200);
    let text = "{\n \"subscription_summary\": {\n  \"storage\": 1\n },\n \
        \"announcement_summary\": {\n  \"storage\": 2\n }\n}\n";
    assert_eq!(answer.text(), text);
    let empty = "{\n \"subscription_summary\": {},\n \"announcement_summary\": {}\n}\n";
    assert_eq!(ask(IntroducerReport::default(), "GET", "/?t=json").await.text(), empty);
}

#[tokio::test]
async fn people_see_who_is_there() {
    let answer = ask(full(), "GET", "/").await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let page = answer.text();
    for expected in [
        "<h1>the &lt;introducer&gt;</h1>",
        "Announcement Summary: storage: 2",
        "Subscription Summary: storage: 1",
        "&lt;other&gt;<br><code>v0-7</code>",
        "title=\"tcp:127.0.0.1:1 &lt;b&gt;\">2027-01-15 08:00:00 UTC<",
        "a &lt;client&gt;<br><code>bidn6",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(ask(IntroducerReport::default(), "HEAD", "/").await.status, 200);
}

#[tokio::test]
async fn there_is_nothing_else() {
    let status = async |method, target| ask(full(), method, target).await.status;
    assert_eq!(status("GET", "/?t=yaml").await, 400);
    assert_eq!(status("GET", "/uri").await, 404);
    assert_eq!(status("PUT", "/").await, 405);
}
