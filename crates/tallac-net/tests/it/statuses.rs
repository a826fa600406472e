//! Every status of section 7.3, as a client without manners sees it.

use bytes::Bytes;
use http::{Method, header};
use tallac_core::ids::ShareNumber;
use tallac_core::storage::StorageError;
use tallac_testkit::{Fault, Operation};

use crate::support::{RawRequest, SI, Served};

const VERSION: &str = "/storage/v1/version";
/// `{"share-numbers": {0, 1}, "allocated-size": 10}`
const ALLOCATE: &str =
    "a26d73686172652d6e756d62657273d90102820001 6e616c6c6f63617465642d73697a650a";

fn path(rest: &str) -> String {
    format!("/storage/v1/{}", rest.replace("SI", &SI.to_string()))
}

fn allocate_body() -> Vec<u8> {
    hex::decode(ALLOCATE.replace(' ', "")).unwrap()
}

impl Served {
    fn allocate(&self) -> RawRequest {
        let request = self.request(Method::POST, &path("immutable/SI"));
        request.lease().upload_secret().body(allocate_body())
    }

    fn write(&self, share: u8, range: &str, body: &'static [u8]) -> RawRequest {
        let request = self.request(Method::PATCH, &path(&format!("immutable/SI/{share}")));
        request.upload_secret().header("content-range", range).body(body)
    }

    fn get(&self, rest: &str) -> RawRequest {
        self.request(Method::GET, &path(rest))
    }
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let served = Served::start().await;
    for path in [VERSION, "/", "/storage/v1/immutable/x", "/nothing"] {
        let request = || served.request(Method::GET, path);
        request().without("authorization").expect(401).await;
        request().header("authorization", "").expect(401).await;
        request().header("authorization", "Tahoe-LAFS").expect(401).await;
        request().header("authorization", "Tahoe-LAFS YWJjZA==").expect(401).await;
    }
    let stranger = served.allocate().without("x-tahoe-authorization").without("authorization");
    stranger.expect(401).await;
    assert!(served.sim.calls().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let served = Served::start().await;
    let dots = format!("{}/..", SI);
    for rest in [
        "immutable/../SI/0",
        "immutable/%2e%2e/0",
        "immutable/SI%2f0",
        "immutable/SI/256",
        "immutable/SI/x",
        "immutable/SI/0/",
        "immutable/short/0",
        "immutable//0",
        "else",
        &dots,
        "mutable/SI",
        "immutable/SI/read-test-write",
    ] {
        served.get(rest).expect(404).await;
    }
    assert!(served.sim.calls().is_empty());
    served.stop().await;
}

#[tokio::test]
async fn methods_are_kept_apart() {
    let served = Served::start().await;
    for (method, rest, allowed) in [
        (Method::POST, "version", "GET, HEAD"),
        (Method::GET, "immutable/SI", "POST"),
        (Method::DELETE, "immutable/SI/0", "GET, HEAD, PATCH"),
        (Method::PATCH, "mutable/SI/0", "GET, HEAD"),
        (Method::GET, "mutable/SI/read-test-write", "POST"),
        (Method::GET, "mutable/SI/read", "POST"),
        (Method::GET, "immutable/SI/0/abort", "PUT"),
        (Method::GET, "immutable/SI/0/corrupt", "POST"),
        (Method::POST, "lease/SI", "PUT"),
        (Method::PUT, "immutable/SI/shares", "GET, HEAD"),
    ] {
        let response = served.request(method, &path(rest)).expect(405).await;
        assert_eq!(response.headers()[header::ALLOW], allowed);
    }
}

#[tokio::test]
async fn only_cbor_is_spoken() {
    let served = Served::start().await;
    let get = |accept| served.request(Method::GET, VERSION).header("accept", accept);
    get("application/cbor").expect(200).await;
    get("text/html;q=0.1, application/cbor").expect(200).await;
    get("*/*").expect(406).await;
    get("application/json").expect(406).await;
    let answer = served.request(Method::GET, VERSION).expect(200).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/cbor");

    served.allocate().header("content-type", "application/json").expect(415).await;
    served.allocate().header("content-type", "application/cbor; x=y").expect(200).await;
    served.allocate().expect(200).await;
}

#[tokio::test]
async fn secrets_must_be_exactly_those_that_belong() {
    let served = Served::start().await;
    let bare = || served.allocate().without("x-tahoe-authorization");
    bare().expect(400).await;
    bare().lease().expect(400).await;
    bare().upload_secret().expect(400).await;
    bare().lease().upload_secret().secret("write-enabler", &[1; 32]).expect(400).await;
    bare().lease().upload_secret().secret("mystery", &[1; 32]).expect(400).await;
    bare().lease().secret("upload-secret", &[]).expect(400).await;
    let short = bare().upload_secret().secret("lease-renew-secret", &[1; 31]);
    short.secret("lease-cancel-secret", &[2; 32]).expect(400).await;
    let text = bare().lease().header("x-tahoe-authorization", "upload-secret c2VjcmV0!");
    let answer = text.expect(400).await;
    assert!(!String::from_utf8_lossy(answer.body()).contains("c2VjcmV0"));
    served.request(Method::GET, VERSION).upload_secret().expect(400).await;
    served.request(Method::PUT, &path("lease/SI")).lease().upload_secret().expect(400).await;
    served.request(Method::PUT, &path("immutable/SI/0/abort")).expect(400).await;
    assert!(served.sim.calls().is_empty());
}

#[tokio::test]
async fn messages_must_be_right() {
    let served = Served::start().await;
    served.allocate().body(Bytes::new()).expect(400).await;
    served.allocate().body("nonsense").expect(400).await;
    served.allocate().body(vec![0; 8193]).expect(413).await;
    served.allocate().body(vec![0; 2_000_000]).expect(413).await;
    served.allocate().body([allocate_body(), vec![0]].concat()).expect(400).await;
    let answer = served.allocate().expect(200).await;
    let expected = "a26c616c72656164792d68617665d901028069616c6c6f6361746564d90102820001";
    assert_eq!(hex::encode(answer.body()), expected);
}

#[tokio::test]
async fn writes() {
    let served = Served::start().await;
    served.write(0, "bytes 0-4/10", b"01234").expect(404).await;
    served.allocate().expect(200).await;
    let other = served.write(0, "bytes 0-4/10", b"01234").without("x-tahoe-authorization");
    other.secret("upload-secret", &[9; 20]).expect(401).await;
    served.write(0, "x", b"01234").without("content-range").expect(416).await;
    for range in ["", "bytes", "bytes */10", "bytes 4-0/10", "bytes 0-4", "items 0-4/10"] {
        served.write(0, range, b"01234").expect(416).await;
    }
    served.write(0, "bytes 6-10/11", b"01234").expect(416).await;
    served.write(0, "bytes 0-5/10", b"01234").expect(400).await;
    served.write(0, "bytes 0-3/10", b"01234").expect(400).await;
    served.write(0, "bytes 0-4/10", b"01234").header("accept", "*/*").expect(406).await;

    let answer = served.write(0, "bytes 0-4/10", b"01234").expect(200).await;
    let five_to_ten = "a168726571756972656481a265626567696e0563656e640a";
    assert_eq!(hex::encode(answer.body()), five_to_ten);
    served.write(0, "bytes 2-4/10", b"xyz").expect(409).await;
    let answer = served.write(0, "bytes 5-9/*", b"56789").expect(201).await;
    assert_eq!(hex::encode(answer.body()), "a168726571756972656480");
    assert_eq!(served.sim.share(SI, ShareNumber::new(0)).unwrap(), "0123456789");
}

#[tokio::test]
async fn aborts() {
    let served = Served::start().await;
    let abort = |share: u8| {
        let path = path(&format!("immutable/SI/{share}/abort"));
        served.request(Method::PUT, &path).upload_secret()
    };
    abort(0).expect(404).await;
    served.allocate().expect(200).await;
    let other = abort(0).without("x-tahoe-authorization").secret("upload-secret", &[9; 20]);
    other.expect(401).await;
    abort(0).expect(200).await;
    served.write(1, "bytes 0-9/10", b"0123456789").expect(201).await;
    abort(1).expect(405).await;
}

#[tokio::test]
async fn reads() {
    let served = Served::start().await;
    let share: Vec<u8> = (0..200_000u32).map(|at| at.to_le_bytes()[1]).collect();
    served.sim.put_share(SI, ShareNumber::new(3), share.clone().into());
    let get = || served.get("immutable/SI/3");
    assert_eq!(get().expect(200).await.body(), &share);
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-199999", 5, 200_000),
        ("bytes=5-200000", 5, 200_000),
        ("bytes=100-70000", 100, 70_001),
        ("bytes=0-99999999999", 0, 200_000),
        ("bytes=50000-18446744073709551614", 50_000, 200_000),
        ("bytes=199999-300000", 199_999, 200_000),
    ] {
        let answer = get().header("range", range).expect(206).await;
        assert!(answer.body() == &share[start..end], "{range}");
        let expected = format!("bytes {start}-{}/*", end - 1);
        assert_eq!(answer.headers()[header::CONTENT_RANGE], expected, "{range}");
        assert_eq!(answer.headers()[header::CONTENT_LENGTH], (end - start).to_string());
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/octet-stream");
    }
    for range in ["bytes=200000-200001", "bytes=999999-1999999"] {
        assert!(get().header("range", range).expect(204).await.body().is_empty());
    }
    for range in ["bytes=-5", "bytes=5-", "bytes=5-4", "bytes=0-1,4-5", "items=0-1", "x"] {
        get().header("range", range).expect(416).await;
    }
    let missing = served.get("immutable/SI/4").expect(404).await;
    assert_eq!(missing.headers()[header::CONTENT_TYPE], "application/octet-stream");
    let head = served.request(Method::HEAD, &path("immutable/SI/3")).header("range", "bytes=0-9");
    assert_eq!(head.expect(206).await.headers()[header::CONTENT_LENGTH], "10");
    served.get("mutable/SI/3").expect(404).await;
}

#[tokio::test]
async fn lists_leases_and_reports() {
    let served = Served::start().await;
    let lease = || served.request(Method::PUT, &path("lease/SI")).lease();
    let report = || served.request(Method::POST, &path("immutable/SI/3/corrupt"));
    let reason = hex::decode("a166726561736f6e63626164").unwrap();
    assert_eq!(
        served.get("immutable/SI/shares").expect(200).await.body()[..],
        *b"\xd9\x01\x02\x80"
    );
    lease().expect(404).await;
    report().body(reason.clone()).expect(404).await;

    served.sim.put_share(SI, ShareNumber::new(3), Bytes::from_static(b"x"));
    for (rest, shares) in
        [("immutable/SI/shares", &b"\x81\x03"[..]), ("mutable/SI/shares", b"\x80")]
    {
        let answer = served.get(rest).expect(200).await;
        assert_eq!(answer.body()[..], [b"\xd9\x01\x02", shares].concat());
    }
    assert!(lease().expect(204).await.body().is_empty());
    assert!(report().body(reason).expect(200).await.body().is_empty());
    report().body(hex::decode("a166726561736f6e60").unwrap()).expect(400).await;
    report().body(vec![0; 32_769]).expect(413).await;
    assert_eq!(served.sim.advisories()[0].reason, "bad");
}

#[tokio::test]
async fn failures_of_the_storage_have_statuses_and_keep_quiet() {
    let served = Served::start().await;
    for (error, status) in [
        (StorageError::NoSpace, 507),
        (StorageError::Local("the disk at /secret/place fell off".into()), 500),
        (StorageError::Damaged("at /secret/place".into()), 500),
        (StorageError::Unreachable("at /secret/place".into()), 502),
        (StorageError::TimedOut { seconds: 5 }, 504),
    ] {
        served.sim.set_fault(Operation::Version, Fault::Fail(error));
        let answer = served.request(Method::GET, VERSION).expect(status).await;
        assert!(!String::from_utf8_lossy(answer.body()).contains("secret"));
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let served = Served::start().await;
    let request = served.request(Method::GET, VERSION).header("x-long", "x".repeat(100_000));
    request.expect(431).await;
}
