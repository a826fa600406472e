//! Introducers and those who meet there, over real sockets.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use foolscap::object::BoxFuture;
use foolscap::{
    Arguments, Certificate, Failure, Furl, IncomingCall, Object, Referenceable, RemoteReference,
    Swissnum, Tub, TubOptions, Value,
};
use serde_json::json;
use tallac_core::announcement::{Announcement, SignedAnnouncement, TableLimits};
use tallac_core::crypto::SigningKey;
use tallac_net::introducer::{
    IntroducerClient, IntroducerLimits, IntroducerServer, IntroducerState, News, NodeInfo,
};
use tallac_net::switch::Switch;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Identities; making them takes a while.
static CERTIFICATES: LazyLock<[Certificate; 4]> =
    LazyLock::new(|| std::array::from_fn(|_| Certificate::generate().unwrap()));

fn tub(number: usize) -> Tub {
    Tub::new(&CERTIFICATES[number], TubOptions::default()).unwrap()
}

/// An object at a port of its own.
struct Served {
    tub: Tub,
    furl: Furl,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn new(object: Arc<dyn Referenceable>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), object).await
    }

    async fn at(address: SocketAddr, object: Arc<dyn Referenceable>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let tub = tub(0);
        tub.set_hints(vec![format!("tcp:{address}")]);
        let furl = tub.register(Swissnum::from_text("introducer").unwrap(), object);
        let stop = CancellationToken::new();
        let (switch, stopped) = (Switch::new(tub.clone(), None), stop.clone());
        let serving =
            tokio::spawn(async move { switch.serve(listener, stopped.cancelled_owned()).await });
        Self { tub, furl, address, stop, serving }
    }

    async fn introducer(limits: IntroducerLimits) -> (Self, IntroducerServer) {
        let introducer = IntroducerServer::new("test/1", limits);
        (Self::new(Arc::new(introducer.clone())).await, introducer)
    }

    /// Ends all connections and gives the port up.
    async fn stop(self) -> SocketAddr {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.tub.stop().await;
        self.address
    }
}

fn offer(key: u8, seqnum: u64) -> SignedAnnouncement {
    let key = SigningKey::from_seed(Zeroizing::new([key; 32])).unwrap();
    let keys = json!({
        "service-name": "storage",
        "seqnum": seqnum,
        "nickname": format!("server {seqnum}"),
        "my-version": "test/2",
        "anonymous-storage-FURL": "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:h:1/hush",
    });
    SignedAnnouncement::sign(keys.as_object().unwrap(), &key)
}

fn client(number: usize, furl: &Furl, offers: &[SignedAnnouncement]) -> IntroducerClient {
    let node =
        NodeInfo { nickname: format!("node {number}"), application_version: "test/3".to_owned() };
    IntroducerClient::start(&tub(number), furl.clone(), node, offers.to_vec())
}

/// Waits for so many announcements; gives their numbers, in order.
async fn hear(news: &mut News, count: usize) -> Vec<u64> {
    let mut heard: Vec<Arc<Announcement>> = Vec::new();
    while heard.len() < count {
        heard.extend(patiently(news.next()).await);
    }
    let mut seqnums: Vec<_> = heard.iter().map(|a| a.seqnum().unwrap()).collect();
    seqnums.sort_unstable();
    seqnums
}

async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

async fn wait_until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(wait).await;
}

#[tokio::test]
async fn nodes_hear_of_each_other_and_of_themselves() {
    let (served, introducer) = Served::introducer(IntroducerLimits::default()).await;
    let one = client(1, &served.furl, &[offer(1, 10)]);
    let mut news = one.news();
    assert_eq!(hear(&mut news, 1).await, [10]);
    let other = client(2, &served.furl, &[offer(2, 20)]);
    assert_eq!(hear(&mut other.news(), 2).await, [10, 20]);
    assert_eq!(hear(&mut news, 1).await, [20]);
    // Who begins to listen later hears all.
    assert_eq!(hear(&mut one.news(), 2).await, [10, 20]);
    assert_eq!(one.announcements().len(), 2);
    assert!(!patiently(one.first_attempt_failed()).await);
    assert!(matches!(one.state(), IntroducerState::Connected { .. }));

    let report = introducer.report();
    let announced: Vec<_> =
        report.announcements.iter().map(|a| (&*a.nickname, &*a.version, &*a.hints)).collect();
    let hints = ["tcp:h:1".to_owned()];
    assert_eq!(announced, [("server 10", "test/2", &hints[..]), ("server 20", "test/2", &hints)]);
    let mut subscribers: Vec<_> =
        report.subscribers.iter().map(|s| (&*s.nickname, &*s.tub_id, &*s.version)).collect();
    subscribers.sort_unstable();
    let ids = [1, 2].map(|number| CERTIFICATES[number].tub_id().to_string());
    assert_eq!(subscribers, [("node 1", &*ids[0], "test/3"), ("node 2", &*ids[1], "test/3")]);
    assert_eq!(report.subscription_counts()["storage"], 2);
    served.stop().await;
    wait_until(|| introducer.report().subscribers.is_empty()).await;
}

#[tokio::test]
async fn an_introducer_that_comes_back_is_found_and_told_again() {
    let (served, _) = Served::introducer(IntroducerLimits::default()).await;
    let one = client(1, &served.furl, &[offer(1, 10)]);
    let mut news = one.news();
    assert_eq!(hear(&mut news, 1).await, [10]);
    let address = served.stop().await;
    wait_until(|| matches!(one.state(), IntroducerState::Connecting { .. })).await;

    // It comes back and knows nobody.
    let introducer = IntroducerServer::new("test/1", IntroducerLimits::default());
    let served = Served::at(address, Arc::new(introducer.clone())).await;
    one.retry_soon();
    wait_until(|| introducer.report().announcements.len() == 1).await;
    let other = client(2, &served.furl, &[offer(2, 20)]);
    assert_eq!(hear(&mut news, 1).await, [20]);
    assert_eq!(hear(&mut other.news(), 2).await, [10, 20]);
}

#[tokio::test]
async fn an_introducer_that_is_down_is_noticed_and_found_later() {
    let (served, introducer) = Served::introducer(IntroducerLimits::default()).await;
    let furl = served.furl.clone();
    let address = served.stop().await;
    let one = client(1, &furl, &[offer(1, 10)]);
    assert!(patiently(one.first_attempt_failed()).await);
    wait_until(|| one.last_error().is_some()).await;
    assert!(matches!(one.state(), IntroducerState::Connecting { .. }));
    let _served = Served::at(address, Arc::new(introducer)).await;
    one.retry_soon();
    assert_eq!(hear(&mut one.news(), 1).await, [10]);
    assert_eq!(one.last_error(), None);
}

/// A reference to an introducer, to call what we like.
async fn reference(tub: &Tub, furl: &Furl) -> RemoteReference {
    patiently(tub.get_reference(furl)).await.unwrap()
}

fn value(announcement: &SignedAnnouncement) -> Value {
    let SignedAnnouncement { message, signature, key } = announcement.clone();
    Value::Tuple([message, signature, key].map(Value::Bytes).into())
}

/// Keeps what it is told, and answers when it may.
#[derive(Default)]
struct Ear {
    heard: Mutex<usize>,
    may_answer: Option<Notify>,
}

impl Referenceable for Ear {
    fn interface(&self) -> Option<&str> {
        Some("RIIntroducerSubscriberClient_v2.tahoe.allmydata.com")
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move {
            assert_eq!(call.method, "announce_v2");
            let [announcements] = call.arguments.bind(["announcements"])?;
            let Value::Set(announcements) = announcements else { panic!("no set") };
            *self.heard.lock().unwrap() += announcements.len();
            if let Some(may_answer) = &self.may_answer {
                may_answer.notified().await;
            }
            Ok(Value::None)
        })
    }
}

fn publish(announcement: Value) -> Arguments {
    let canary: Arc<dyn Referenceable> = Arc::new(Ear::default());
    Arguments::positional(vec![announcement, Value::Object(Object::Local(canary))])
}

fn subscribe(ear: &Arc<Ear>) -> Arguments {
    Arguments::none()
        .with("subscriber", Value::Object(Object::Local(ear.clone())))
        .with("service_name", Value::Bytes("storage".into()))
        .with("subscriber_info", Value::Dict(Vec::new()))
}

#[tokio::test]
async fn bad_announcements_are_refused_one_by_one() {
    let (served, introducer) = Served::introducer(IntroducerLimits::default()).await;
    let tub = tub(1);
    let reference = reference(&tub, &served.furl).await;
    let mut forged = offer(1, 7);
    forged.message = offer(1, 8).message;
    let unsigned = Value::Tuple(vec![Value::Bytes("{}".into()), Value::None, Value::None]);
    let bad = [
        (value(&forged), "its signature does not match"),
        (unsigned, "it is not signed"),
        (Value::None, "damaged"),
        (Value::Int(7), "damaged"),
    ];
    for (announcement, expected) in bad {
        let error = patiently(reference.call("publish_v2", publish(announcement))).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (method, arguments) in [
        ("publish_v2", Arguments::none()),
        ("publish", publish(value(&offer(1, 1)))),
        ("subscribe_v2", publish(Value::None)),
        ("get_version", publish(Value::None)),
    ] {
        assert!(patiently(reference.call(method, arguments)).await.is_err(), "{method}");
    }
    // Nobody was harmed.
    for seqnum in [5, 5, 4] {
        let good = publish(value(&offer(1, seqnum)));
        patiently(reference.call("publish_v2", good)).await.unwrap();
    }
    let report = introducer.report();
    assert_eq!(report.announcements.len(), 1);
    assert_eq!(report.announcements[0].nickname, "server 5");
}

#[tokio::test]
async fn tables_are_bounded() {
    let announcements = TableLimits { per_service: 2, total: 2, bytes: 10_000 };
    let limits = IntroducerLimits {
        announcements,
        subscriptions_per_peer: 2,
        ..IntroducerLimits::default()
    };
    let (served, introducer) = Served::introducer(limits).await;
    let tub = tub(1);
    let reference = reference(&tub, &served.furl).await;
    let ear = Arc::new(Ear::default());
    for (key, is_taken) in [(1, true), (2, true), (3, false)] {
        let answer = reference.call("publish_v2", publish(value(&offer(key, 1)))).await;
        assert_eq!(answer.is_ok(), is_taken, "{key}");
        let answer = reference.call("subscribe_v2", subscribe(&ear)).await;
        assert_eq!(answer.is_ok(), is_taken, "{key}");
    }
    assert_eq!(introducer.report().announcements.len(), 2);
    assert_eq!(introducer.report().subscribers.len(), 2);
}

#[tokio::test]
async fn a_subscriber_that_does_not_answer_holds_nobody_up() {
    let (served, _introducer) = Served::introducer(IntroducerLimits::default()).await;
    let (slow_tub, publisher) = (tub(1), tub(2));
    let slow = Arc::new(Ear { may_answer: Some(Notify::new()), ..Ear::default() });
    let introducer = reference(&slow_tub, &served.furl).await;
    introducer.call("subscribe_v2", subscribe(&slow)).await.unwrap();
    let quick = client(3, &served.furl, &[]);
    let mut news = quick.news();
    let reference = reference(&publisher, &served.furl).await;
    let tell = async |key, seqnum| {
        let announcement = publish(value(&offer(key, seqnum)));
        reference.call("publish_v2", announcement).await.unwrap();
    };
    tell(1, 1).await;
    assert_eq!(hear(&mut news, 1).await, [1]);
    wait_until(|| *slow.heard.lock().unwrap() == 1).await;
    for (key, seqnum) in [(2, 2), (2, 3), (2, 4), (3, 5)] {
        tell(key, seqnum).await;
        assert_eq!(hear(&mut news, 1).await, [seqnum]);
    }
    assert_eq!(*slow.heard.lock().unwrap(), 1);
    // Of what was replaced meanwhile only the last is told.
    slow.may_answer.as_ref().unwrap().notify_one();
    wait_until(|| *slow.heard.lock().unwrap() == 3).await;
}

/// An introducer that says what it likes.
struct Odd {
    version: Value,
    tells: Vec<Value>,
}

impl Referenceable for Odd {
    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move {
            if call.method == "get_version" {
                return Ok(self.version.clone());
            }
            let Some(Value::Object(Object::Remote(subscriber))) = call.arguments.positional.first()
            else {
                return Ok(Value::None);
            };
            for tell in &self.tells {
                let arguments = Arguments::positional(vec![tell.clone()]);
                let _ = subscriber.call("announce_v2", arguments).await;
            }
            Ok(Value::None)
        })
    }
}

fn version_2() -> Value {
    let key = "http://allmydata.org/tahoe/protocols/introducer/v2";
    Value::Dict(vec![(Value::Bytes(key.into()), Value::Dict(Vec::new()))])
}

#[tokio::test]
async fn one_bad_announcement_does_not_spoil_the_others() {
    let mut forged = offer(1, 1);
    forged.signature = offer(2, 1).signature;
    let unsigned = Value::Tuple(vec![Value::Bytes("{}".into()), Value::None, Value::None]);
    let mixed = vec![value(&offer(1, 10)), value(&forged), unsigned, Value::Int(1)];
    let odd = Odd {
        version: version_2(),
        tells: vec![
            Value::Int(7),
            Value::Set(mixed),
            Value::Set(vec![value(&offer(1, 9)), value(&offer(2, 20))]),
        ],
    };
    let served = Served::new(Arc::new(odd)).await;
    let client = client(1, &served.furl, &[]);
    assert_eq!(hear(&mut client.news(), 2).await, [10, 20]);
    assert_eq!(client.announcements().len(), 2);
}

#[tokio::test]
async fn what_is_no_introducer_is_told() {
    for version in [Value::None, Value::Dict(Vec::new()), Value::Text("x".to_owned())] {
        let served = Served::new(Arc::new(Odd { version, tells: Vec::new() })).await;
        let client = client(1, &served.furl, &[]);
        wait_until(|| matches!(client.state(), IntroducerState::Unusable { .. })).await;
        let IntroducerState::Unusable { reason } = client.state() else { panic!("changed") };
        assert!(reason.contains("speaks no version 2"), "{reason}");
    }
}
