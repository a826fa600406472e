//! Calls, answers, and the objects that go with them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpListener;

use super::kit::*;
use crate::call::{Arguments, CallError, Failure};
use crate::object::{Object, RemoteReference};
use crate::tub::{Tub, TubOptions};
use crate::value::Value;

/// A thing of the master's, as the other sees it.
async fn pair() -> (Tub, Arc<Thing>, Tub, RemoteReference) {
    let network = Network::default();
    let (theirs, thing, furl) = serving(&network, master());
    let ours = network.tub(minor());
    let reference = ours.get_reference(&furl).await.unwrap();
    (theirs, thing, ours, reference)
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    let (_theirs, _thing, _ours, reference) = pair().await;
    let values = [
        Value::None,
        Value::Bool(true),
        Value::Int(-(1 << 40)),
        Value::Float(1.5),
        Value::Bytes(Bytes::from(vec![7; 3_000_000])),
        Value::Text("hé".to_owned()),
        Value::List(vec![Value::Int(1), Value::Tuple(vec![Value::None])]),
        Value::Dict(vec![(Value::Bytes(Bytes::from_static(b"a")), Value::Set(vec![]))]),
    ];
    for value in values {
        let answer = ask(&reference, "echo", value.clone()).await.unwrap();
        assert_eq!(format!("{answer:?}"), format!("{value:?}"));
        if let (Value::Bytes(answer), Value::Bytes(value)) = (answer, value) {
            assert!(answer == value);
        }
    }
    assert_eq!(reference.interface(), Some("RIThing"));
}

#[tokio::test]
async fn over_tcp_and_both_ways_round() {
    for (server, client) in [(minor(), master()), (master(), minor())] {
        let theirs = Tub::new(server, TubOptions::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        theirs.set_hints(vec![format!("tcp:{}", listener.local_addr().unwrap())]);
        let furl = theirs.register(name(), Arc::new(Thing::default()));
        let accepting = theirs.clone();
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            accepting.serve_connection(stream).await
        });
        let ours = Tub::new(client, TubOptions::default()).unwrap();
        let reference = ours.get_reference(&furl).await.unwrap();
        assert_eq!(reference.peer(), theirs.tub_id());
        let peer = reference.call("peer", Arguments::none()).await.unwrap();
        assert!(matches!(peer, Value::Text(peer) if peer == ours.tub_id().to_string()));
        ours.stop().await;
        served.await.unwrap().unwrap();
        assert!(!reference.is_connected());
    }
}

#[tokio::test]
async fn failures_travel_and_panics_are_contained() {
    let (_theirs, _thing, _ours, reference) = pair().await;
    let call = async |method| match reference.call(method, Arguments::none()).await {
        Err(CallError::Remote(Failure { kind, message, .. })) => (kind, message),
        other => panic!("{other:?}"),
    };
    let as_asked = ("builtins.ValueError".to_owned(), "as asked for".to_owned());
    assert_eq!(call("fail").await, as_asked);
    for method in ["panic", "panic_later"] {
        assert_eq!(call(method).await.1, "internal error");
    }
    let (kind, message) = call("nonsense").await;
    assert_eq!(kind, "foolscap.tokens.Violation");
    assert_eq!(message, "method 'nonsense' not defined in RIThing");
    assert!(ask(&reference, "echo", Value::None).await.is_ok());
}

#[tokio::test]
async fn objects_go_both_ways_and_come_home() {
    let (theirs, thing, ours, reference) = pair().await;
    let mine = Arc::new(Thing::default());
    let local = || Value::Object(Object::Local(mine.clone()));
    let answer = ask(&reference, "call_back", local()).await.unwrap();
    assert!(matches!(answer, Value::Int(7)));
    ask(&reference, "keep", local()).await.unwrap();
    ask(&reference, "keep", local()).await.unwrap();
    let Value::List(kept) = reference.call("kept", Arguments::none()).await.unwrap() else {
        panic!("no list");
    };
    for kept in kept {
        let Value::Object(Object::Local(object)) = kept else { panic!("not ours: {kept:?}") };
        assert!(std::ptr::addr_eq(Arc::as_ptr(&object), Arc::as_ptr(&mine)));
    }
    // Theirs, in turn, is the same however it is come by.
    let same = remote(reference.call("this", Arguments::none()).await.unwrap());
    ask(&reference, "keep", Value::Object(Object::Remote(same))).await.unwrap();
    let home = thing.kept.lock().unwrap().pop().unwrap();
    let Object::Local(home) = home else { panic!("not theirs: {home:?}") };
    assert!(std::ptr::addr_eq(Arc::as_ptr(&home), Arc::as_ptr(&thing)));
    drop((theirs, ours));
}

#[tokio::test]
async fn what_is_released_is_dropped_at_the_other_end() {
    let (_theirs, thing, _ours, reference) = pair().await;
    let mine = Arc::new(Thing::default());
    for _ in 0..3 {
        let local = Value::Object(Object::Local(mine.clone()));
        ask(&reference, "keep", local).await.unwrap();
    }
    assert_eq!(Arc::strong_count(&mine), 2);
    let forgotten = reference.call("forget", Arguments::none()).await.unwrap();
    assert!(matches!(forgotten, Value::Int(3)));
    // Their decref was queued before their answer.
    assert_eq!(Arc::strong_count(&mine), 1);
    assert_eq!(reference.connection().counts(), Some((0, 1, 0)));

    for _ in 0..100 {
        drop(remote(reference.call("new", Arguments::none()).await.unwrap()));
    }
    // Two more calls, so that all our decrefs have been served and answered.
    ask(&reference, "echo", Value::None).await.unwrap();
    ask(&reference, "echo", Value::None).await.unwrap();
    assert_eq!(reference.connection().counts(), Some((0, 1, 0)));
    assert!(thing.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn gifts_are_not_given() {
    let network = Network::default();
    let (_theirs, _thing, furl) = serving(&network, master());
    let (ours, _, own) = serving(&network, minor());
    let there = ours.get_reference(&furl).await.unwrap();
    // A connection of ours to ourselves.
    let here = ours.get_reference(&own).await.unwrap();
    assert_eq!(here.peer(), ours.tub_id());
    assert!(ask(&here, "echo", Value::None).await.is_ok());
    let gift = Value::Object(Object::Remote(here));
    let refused = ask(&there, "keep", gift).await.unwrap_err();
    assert!(refused.to_string().contains("third party"), "{refused}");
    assert!(ask(&there, "echo", Value::None).await.is_ok());
}

#[tokio::test]
async fn calls_begin_in_order_and_answers_overtake() {
    let (_theirs, thing, _ours, reference) = pair().await;
    let waiting = reference.call("wait", Arguments::none());
    let calls = (0..500).map(|n| ask(&reference, "echo", Value::Int(n)));
    let others = futures_util::future::join_all(calls);
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("nobody let it go on"),
        answers = others => assert!(answers.iter().all(Result::is_ok)),
    }
    assert!(thing.begun.lock().unwrap().iter().copied().eq(0..500));
    thing.go_on.notify_one();
    assert!(waiting.await.is_ok());
}

#[tokio::test]
async fn no_answer_is_sent_when_none_is_wanted() {
    let (_theirs, thing, _ours, reference) = pair().await;
    reference.send("echo", positional([Value::Int(1)])).await.unwrap();
    reference.send("fail", Arguments::none()).await.unwrap();
    ask(&reference, "echo", Value::Int(2)).await.unwrap();
    assert_eq!(*thing.begun.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_lost_connection_fails_what_waits() {
    let (theirs, thing, ours, reference) = pair().await;
    let mine = Arc::new(Thing::default());
    ask(&reference, "keep", Value::Object(Object::Local(mine.clone()))).await.unwrap();
    let call = {
        let reference = reference.clone();
        tokio::spawn(async move { reference.call("wait", Arguments::none()).await })
    };
    thing.waits.notified().await;
    let gone = async { reference.disconnected().await };
    let (_, ()) = tokio::join!(theirs.stop(), gone);
    assert_eq!(call.await.unwrap().unwrap_err(), CallError::Disconnected);
    assert_eq!(ask(&reference, "echo", Value::None).await, Err(CallError::Disconnected));
    assert_eq!(reference.send("echo", Arguments::none()).await, Err(CallError::Disconnected));
    assert_eq!(Arc::strong_count(&mine), 1);
    reference.disconnected().await;
    ours.stop().await;
}
