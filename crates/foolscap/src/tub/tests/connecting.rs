//! Connections: shared, lost, doubled, made again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;

use super::kit::*;
use crate::call::{Arguments, CallError};
use crate::furl::Furl;
use crate::tub::{ConnectError, Tub, TubOptions};
use crate::value::Value;

#[tokio::test]
async fn one_connection_a_peer_however_many_ask() {
    let network = Network::default();
    let (theirs, _thing, furl) = serving(&network, master());
    let ours = network.tub(minor());
    let asked = futures_util::future::join_all((0..20).map(|_| ours.get_reference(&furl))).await;
    let references: Vec<_> = asked.into_iter().map(Result::unwrap).collect();
    let one = references[0].connection();
    assert!(references.iter().all(|reference| Arc::ptr_eq(reference.connection(), one)));
    assert_eq!(network.dialled.load(Ordering::Relaxed), 1);
    assert_eq!(theirs.0.table().connections.len(), 1);
}

#[tokio::test]
async fn all_hints_are_tried_and_one_is_enough() {
    let network = Network::default();
    let (theirs, _thing, furl) = serving(&network, master());
    let twice = [furl.hints()[0].clone(), "test:alias".to_owned()];
    network.listen("test:alias", &theirs);
    let hints = ["odd", "test:nowhere"].map(str::to_owned).into_iter().chain(twice).collect();
    let furl = Furl::with_hints(furl.tub_id(), hints, furl.name().clone()).unwrap();
    for certificate in [minor(), master()] {
        // The second is a tub of the same identity: connected to itself, without a hint.
        let ours = network.tub(certificate);
        if certificate.tub_id() == theirs.tub_id() {
            assert!(matches!(ours.get_reference(&furl).await, Err(ConnectError::Refused(_))));
            continue;
        }
        let reference = ours.get_reference(&furl).await.unwrap();
        assert!(ask(&reference, "echo", Value::None).await.is_ok());
        assert_eq!(theirs.0.table().connections.len(), 1);
    }
}

#[tokio::test]
async fn reasons_for_having_no_connection() {
    let network = Network::default();
    let (theirs, _thing, furl) = serving(&network, master());
    let ours = network.tub(minor());
    let with = |hints: &[&str]| {
        let hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
        Furl::with_hints(furl.tub_id(), hints, furl.name().clone()).unwrap()
    };
    let no_dialler = Tub::new(minor(), TubOptions::default()).unwrap();
    for hints in [&[][..], &["tor:x.onion:1"]] {
        let error = no_dialler.get_reference(&with(hints)).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoWay), "{error}");
    }
    let error = ours.get_reference(&with(&["test:nowhere"])).await.unwrap_err();
    assert!(matches!(error, ConnectError::Failed(_)), "{error}");
    let hush = crate::Swissnum::from_text("hush").unwrap();
    let unknown = Furl::with_hints(furl.tub_id(), furl.hints().to_vec(), hush).unwrap();
    let error = ours.get_reference(&unknown).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused(_)), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
    // Another tub is where theirs should be.
    network.listen("test:other", &network.tub(minor()));
    let other = network.tub(master());
    let wrong = Furl::with_hints(ours.tub_id(), vec![furl.hints()[0].clone()], name()).unwrap();
    let error = other.get_reference(&wrong).await.unwrap_err();
    assert!(error.to_string().contains("unknown TubID"), "{error}");
    ours.stop().await;
    let error = ours.get_reference(&furl).await.unwrap_err();
    assert!(matches!(error, ConnectError::Stopped), "{error}");
    drop(theirs);
}

#[tokio::test]
async fn who_dials_each_other_at_once_agree_on_one_connection() {
    for _ in 0..20 {
        let network = Network::default();
        let (one, _, one_furl) = serving(&network, minor());
        let (other, _, other_furl) = serving(&network, master());
        let (there, here) =
            tokio::join!(one.get_reference(&other_furl), other.get_reference(&one_furl));
        // Either may have been made over a connection that gave way to the other's.
        for (tub, furl, reference) in [(&one, &other_furl, there), (&other, &one_furl, here)] {
            let first = match reference {
                Ok(reference) => ask(&reference, "echo", Value::None).await.is_ok(),
                Err(_) => false,
            };
            if !first {
                let reference = tub.get_reference(furl).await.unwrap();
                assert!(ask(&reference, "echo", Value::None).await.is_ok());
            }
        }
        assert_eq!(one.0.table().connections.len(), 1);
        assert_eq!(other.0.table().connections.len(), 1);
    }
}

#[tokio::test]
async fn a_peer_that_was_started_anew_takes_the_place_of_its_past() {
    for (server, client) in [(minor(), master()), (master(), minor())] {
        let network = Network::default();
        let (theirs, _thing, furl) = serving(&network, server);
        let before = network.tub(client).get_reference(&furl).await.unwrap();
        // The same identity on another machine, or after a crash that nobody noticed.
        let again = network.tub(client);
        let reference = again.get_reference(&furl).await.unwrap();
        assert!(ask(&reference, "echo", Value::None).await.is_ok());
        before.disconnected().await;
        assert_eq!(theirs.0.table().connections.len(), 1);
    }
}

#[tokio::test]
async fn a_connection_whose_end_nobody_noticed_is_replaced() {
    for (server, client) in [(minor(), master()), (master(), minor())] {
        let network = Network::default();
        let (_theirs, _thing, furl) = serving(&network, server);
        let ours = network.tub(client);
        let before = ours.get_reference(&furl).await.unwrap();
        // We take it for lost; they have not heard.
        ours.0.table().connections.clear();
        let after = ours.get_reference(&furl).await.unwrap();
        assert!(ask(&after, "echo", Value::None).await.is_ok());
        before.disconnected().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept() {
    let network = Network::default();
    let (theirs, _thing, furl) = serving(&network, master());
    let hint = furl.hints()[0].clone();
    network.vanish(&hint);
    let ours = network.tub(minor());
    let (sender, mut connected) = mpsc::unbounded_channel();
    let reconnector = ours.keep_connected(furl.clone(), move |reference| {
        sender.send(reference).unwrap();
    });
    while reconnector.last_error().is_none() {
        tokio::task::yield_now().await;
    }
    network.listen(&hint, &theirs);
    let first = connected.recv().await.unwrap();
    assert!(reconnector.last_error().is_none());
    // It comes back after a second.
    theirs.stop().await;
    first.disconnected().await;
    network.vanish(&hint);
    let lost = tokio::time::Instant::now();
    let (again, _thing, _furl) = serving(&network, master());
    let second = connected.recv().await.unwrap();
    assert!((1..3).contains(&lost.elapsed().as_secs()), "{:?}", lost.elapsed());
    // And at once when asked to.
    again.stop().await;
    second.disconnected().await;
    let (last, _thing, _furl) = serving(&network, master());
    let lost = tokio::time::Instant::now();
    reconnector.reset();
    let third = connected.recv().await.unwrap();
    assert!(lost.elapsed() < Duration::from_millis(1), "{:?}", lost.elapsed());
    drop(reconnector);
    last.stop().await;
    third.disconnected().await;
    assert!(connected.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_while_nobody_is_there() {
    let network = Network::default();
    let (_theirs, _thing, furl) = serving(&network, master());
    network.vanish(&furl.hints()[0]);
    let ours = network.tub(minor());
    let reconnector = ours.keep_connected(furl, |_| panic!("nobody is there"));
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    let dialled = network.dialled.load(Ordering::Relaxed);
    // Eight within the first hour and a half, then one an hour.
    assert!((25..45).contains(&dialled), "{dialled}");
    ours.stop().await;
    assert!(matches!(reconnector.last_error(), Some(ConnectError::Stopped)));
}

#[tokio::test]
async fn a_thousand_connections_leave_nothing_behind() {
    let network = Network::default();
    let (theirs, thing, furl) = serving(&network, master());
    let mut connections: Vec<Weak<_>> = Vec::new();
    for _ in 0..1000 {
        // Without a bound on time a lost wake-up would only show as a test that never ends.
        let round = async {
            let ours = network.tub(minor());
            let reference = ours.get_reference(&furl).await.unwrap();
            let mine = Value::Object(crate::Object::Local(Arc::new(Thing::default())));
            ask(&reference, "keep", mine).await.unwrap();
            let new = remote(reference.call("new", Arguments::none()).await.unwrap());
            connections.push(Arc::downgrade(reference.connection()));
            ours.stop().await;
            assert_eq!(ask(&new, "echo", Value::None).await, Err(CallError::Disconnected));
            thing.kept.lock().unwrap().clear();
        };
        tokio::time::timeout(Duration::from_secs(60), round).await.unwrap();
    }
    theirs.stop().await;
    assert!(theirs.0.table().connections.is_empty());
    let left = Arc::downgrade(&theirs.0);
    network.vanish(&furl.hints()[0]);
    drop(theirs);
    // The tasks that served the connections notice.
    let metrics = tokio::runtime::Handle::current().metrics();
    while metrics.num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(connections.iter().all(|connection| connection.strong_count() == 0));
    assert_eq!((left.strong_count(), Arc::strong_count(&thing)), (0, 1));
}
