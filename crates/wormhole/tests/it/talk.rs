//! What two sides say to each other gets there, if they have the same code.

use std::time::Duration;

use wormhole::{Error, MESSAGE_LEN_MAX, Mood, Server, Wormhole};

use crate::dial;
use crate::server::Rendezvous;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

fn client(rendezvous: &Rendezvous) -> Server {
    Server::new(&rendezvous.url, "example.org/test").unwrap()
}

/// Two sides with the same code.
async fn pair(rendezvous: &Rendezvous) -> (Wormhole, Wormhole) {
    let server = client(rendezvous);
    let one = server.allocate(dial).await.unwrap();
    let other = server.join(one.code().clone(), dial).await.unwrap();
    (one, other)
}

#[tokio::test]
async fn messages_arrive_in_order_both_ways() {
    let rendezvous = Rendezvous::start().await;
    let (mut one, mut other) = pair(&rendezvous).await;
    let long = vec![7; MESSAGE_LEN_MAX];
    let giving = async {
        for message in [&b"first"[..], b"", &long] {
            one.send(message).await.unwrap();
        }
        assert_eq!(one.receive(PATIENCE).await.unwrap(), b"back");
        one.close(Mood::Happy).await;
    };
    let taking = async {
        other.send(b"back").await.unwrap();
        for message in [&b"first"[..], b"", &long] {
            assert_eq!(other.receive(PATIENCE).await.unwrap(), message);
        }
        other.close(Mood::Happy).await;
    };
    tokio::join!(giving, taking);
    assert_eq!(rendezvous.state.lock().unwrap().moods, ["happy", "happy"]);
}

#[tokio::test]
async fn what_was_said_waits_for_the_other_side() {
    let rendezvous = Rendezvous::start().await;
    let (mut one, mut other) = pair(&rendezvous).await;
    tokio::try_join!(one.verify(PATIENCE), other.verify(PATIENCE)).unwrap();
    one.send(b"hello").await.unwrap();
    one.close(Mood::Happy).await;
    assert_eq!(other.receive(PATIENCE).await.unwrap(), b"hello");
}

#[tokio::test]
async fn both_sides_notice_a_wrong_code() {
    let rendezvous = Rendezvous::start().await;
    let mut one = client(&rendezvous).allocate(dial).await.unwrap();
    let nameplate = one.code().expose().split('-').next().unwrap();
    let mistyped = format!("{nameplate}-not-this").parse().unwrap();
    let mut other = client(&rendezvous).join(mistyped, dial).await.unwrap();
    let (one, other) = tokio::join!(one.receive(PATIENCE), other.send(b"secret"));
    assert!(matches!(one, Err(Error::WrongCode)), "{one:?}");
    let other = other.unwrap_err().to_string();
    assert!(other.starts_with("the code does not match"), "{other}");
}

#[tokio::test]
async fn a_code_is_for_two() {
    let rendezvous = Rendezvous::start().await;
    let (one, _other) = pair(&rendezvous).await;
    let third = client(&rendezvous).join(one.code().clone(), dial).await;
    assert!(matches!(third, Err(Error::Crowded)), "{third:?}");
}

#[tokio::test]
async fn nobody_may_be_there() {
    let rendezvous = Rendezvous::start().await;
    let mut alone =
        client(&rendezvous).join("42-nobody-there".parse().unwrap(), dial).await.unwrap();
    let error = alone.receive(Some(Duration::from_millis(50))).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer), "{error}");
    alone.close(Mood::Lonely).await;
    assert_eq!(rendezvous.state.lock().unwrap().moods, ["lonely"]);
}

#[tokio::test]
async fn too_much_at_once_is_not_sent() {
    let rendezvous = Rendezvous::start().await;
    let (mut one, _other) = pair(&rendezvous).await;
    let error = one.send(&vec![0; MESSAGE_LEN_MAX + 1]).await.unwrap_err();
    assert!(matches!(error, Error::TooLong(len) if len == MESSAGE_LEN_MAX + 1), "{error}");
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let rendezvous = Rendezvous::start().await;
    let (one, _other) = pair(&rendezvous).await;
    let words = one.code().expose().split_once('-').unwrap().1.to_owned();
    assert!(!format!("{one:?}").contains(&words), "{one:?}");
}
