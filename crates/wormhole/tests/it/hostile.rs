//! A server that does not do what it should, or another side that does not.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message as Frame;
use wormhole::{Error, Server};

use crate::dial;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// What a scripted server answers to one request.
type Script = fn(&Value) -> Vec<Value>;

/// A server that greets with `welcome`, and then follows its script.
async fn scripted(welcome: Value, script: Script) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let welcome = welcome.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                let _ = socket.send(Frame::text(welcome.to_string())).await;
                while let Some(Ok(frame)) = socket.next().await {
                    let Frame::Text(text) = frame else { continue };
                    let request: Value = serde_json::from_str(&text).unwrap();
                    for answer in script(&request) {
                        if answer == Value::Null {
                            return;
                        }
                        let text =
                            answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
                        let _ = socket.send(Frame::text(text)).await;
                    }
                }
            });
        }
    });
    Server::new(&url, "example.org/test").unwrap()
}

fn welcome() -> Value {
    json!({ "type": "welcome", "welcome": {} })
}

/// An honest server, up to the point where something is put into the mailbox.
fn honest(request: &Value) -> Vec<Value> {
    match request["type"].as_str().unwrap() {
        "allocate" => vec![json!({ "type": "allocated", "nameplate": "1" })],
        "claim" => vec![json!({ "type": "claimed", "mailbox": "box" })],
        _ => Vec::new(),
    }
}

fn message(phase: &str, body: &str) -> Value {
    json!({ "type": "message", "side": "other", "phase": phase, "body": body })
}

async fn allocate_error(welcome: Value, script: Script) -> String {
    scripted(welcome, script).await.allocate(dial).await.unwrap_err().to_string()
}

async fn receive_error(script: Script) -> Error {
    let mut wormhole = scripted(welcome(), script).await.allocate(dial).await.unwrap();
    wormhole.receive(PATIENCE).await.unwrap_err()
}

#[tokio::test]
async fn servers_that_refuse_or_make_no_sense() {
    let refused = json!({ "type": "welcome", "welcome": { "error": "come later" } });
    assert_eq!(allocate_error(refused, honest).await, "the rendezvous server refuses: come later");
    let nonsense = "makes no sense: it speaks another protocol, or is broken";
    for text in ["nonsense", "{}", "{\"type\": 7}"] {
        let error = allocate_error(Value::from(text), honest).await;
        assert!(error.ends_with(nonsense), "{error}");
    }
    let error = allocate_error(welcome(), |_| vec![json!({ "type": "allocated" })]).await;
    assert!(error.ends_with(nonsense), "{error}");
    let word = |_: &Value| vec![json!({ "type": "allocated", "nameplate": "x y" })];
    let error = allocate_error(welcome(), word).await;
    assert!(error.contains("nameplate is no number"), "{error}");
    let error = allocate_error(welcome(), |_| vec![Value::Null]).await;
    assert!(error.starts_with("the rendezvous server went away"), "{error}");
    let huge = |_: &Value| vec![Value::from("x".repeat(1 << 20))];
    let error = allocate_error(welcome(), huge).await;
    assert!(error.starts_with("the rendezvous server went away"), "{error}");
}

#[tokio::test]
async fn what_is_no_rendezvous_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(&format!("ws://{address}/v1"), "x").unwrap();
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").await.unwrap();
    };
    let (error, ()) = tokio::join!(server.allocate(dial), answering);
    let error = error.unwrap_err().to_string();
    assert!(error.contains(&format!("server at {address}: ")) && error.contains("404"), "{error}");
    drop(listener);
    let error = server.allocate(dial).await.unwrap_err().to_string();
    assert!(error.contains("Connection refused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn silent_servers_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1", listener.local_addr().unwrap());
    let error = Server::new(&url, "x").unwrap().allocate(dial).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("does not answer"), "{error}");
}

#[tokio::test]
async fn what_we_say_cannot_be_sent_back_to_us() {
    let error = receive_error(|request| match request["type"].as_str() {
        Some("add") => {
            let (phase, body) = (request["phase"].as_str(), request["body"].as_str());
            vec![message(phase.unwrap(), body.unwrap())]
        }
        _ => honest(request),
    });
    assert!(matches!(error.await, Error::WrongCode));
}

#[tokio::test]
async fn broken_exchanges_are_wrong_codes() {
    for script in [
        (|request: &Value| match request["type"].as_str() {
            Some("add") => vec![message("pake", "00")],
            _ => honest(request),
        }) as Script,
        |request| match request["type"].as_str() {
            Some("add") => vec![message("pake", &hex::encode("{\"pake_v1\": \"5300\"}"))],
            _ => honest(request),
        },
    ] {
        assert!(matches!(receive_error(script).await, Error::WrongCode));
    }
}

#[tokio::test]
async fn a_flood_of_messages_is_not_kept() {
    let error = receive_error(|request| match request["type"].as_str() {
        Some("add") => (0..100).map(|n| message(&n.to_string(), "00")).collect(),
        _ => honest(request),
    });
    let error = error.await.to_string();
    assert!(error.contains("says too much at once"), "{error}");
}

#[tokio::test]
async fn a_message_that_is_told_twice_counts_once_and_other_phases_are_left_alone() {
    let error = receive_error(|request| match request["type"].as_str() {
        Some("add") => {
            let mut answers = vec![message("dilate-0", "00"), message("7-a", "00")];
            answers.extend((0..100).map(|_| message("0", "00")));
            answers.push(json!({ "type": "error", "error": "crowded" }));
            answers
        }
        _ => honest(request),
    });
    assert!(matches!(error.await, Error::Crowded));
}
