//! A rendezvous server in this process: the mailbox protocol, version 1, as far as clients use it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message as Frame;

/// What the server knows.
#[derive(Default)]
pub(crate) struct State {
    /// Which sides use a nameplate.
    nameplates: BTreeMap<String, BTreeSet<String>>,
    mailboxes: BTreeMap<String, Mailbox>,
    allocated: u32,
    /// How conversations ended.
    pub(crate) moods: Vec<String>,
}

#[derive(Default)]
struct Mailbox {
    sides: BTreeSet<String>,
    messages: Vec<Value>,
    listeners: Vec<UnboundedSender<Value>>,
}

/// A server that runs until the test ends.
#[derive(Clone, Default)]
pub(crate) struct Rendezvous {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) url: String,
}

impl Rendezvous {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/v1", listener.local_addr().unwrap());
        let server = Self { url, ..Self::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    async fn serve(self, stream: TcpStream) {
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (mut sink, mut source) = socket.split();
        let (sender, mut receiver) = unbounded_channel::<Value>();
        tokio::spawn(async move {
            while let Some(answer) = receiver.recv().await {
                let sent = sink.send(Frame::text(answer.to_string())).await;
                if sent.is_err() {
                    break;
                }
            }
        });
        let _ = sender.send(json!({ "type": "welcome", "welcome": {} }));
        let mut client = Client { sender, side: String::new(), mailbox: String::new() };
        while let Some(Ok(frame)) = source.next().await {
            let Frame::Text(text) = frame else { continue };
            let request: Value = serde_json::from_str(&text).unwrap();
            client.say(json!({ "type": "ack" }));
            client.handle(&mut self.state.lock().unwrap(), &request);
        }
    }
}

struct Client {
    sender: UnboundedSender<Value>,
    side: String,
    mailbox: String,
}

impl Client {
    fn say(&self, answer: Value) {
        let _ = self.sender.send(answer);
    }

    fn handle(&mut self, state: &mut State, request: &Value) {
        let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
        match text("type").as_str() {
            "bind" => self.side = text("side"),
            "allocate" => {
                state.allocated += 1;
                let nameplate = state.allocated.to_string();
                state.nameplates.entry(nameplate.clone()).or_default().insert(self.side.clone());
                self.say(json!({ "type": "allocated", "nameplate": nameplate }));
            }
            "claim" => {
                let nameplate = text("nameplate");
                let sides = state.nameplates.entry(nameplate.clone()).or_default();
                sides.insert(self.side.clone());
                if sides.len() > 2 {
                    return self.say(json!({ "type": "error", "error": "crowded" }));
                }
                self.say(json!({ "type": "claimed", "mailbox": format!("box-{nameplate}") }));
            }
            "release" => self.say(json!({ "type": "released" })),
            "open" => {
                self.mailbox = text("mailbox");
                let mailbox = state.mailboxes.entry(self.mailbox.clone()).or_default();
                mailbox.sides.insert(self.side.clone());
                for message in &mailbox.messages {
                    self.say(message.clone());
                }
                mailbox.listeners.push(self.sender.clone());
            }
            "add" => {
                let message = json!({
                    "type": "message", "side": self.side, "phase": request["phase"],
                    "body": request["body"],
                });
                let mailbox = state.mailboxes.entry(self.mailbox.clone()).or_default();
                mailbox.messages.push(message.clone());
                mailbox.listeners.retain(|listener| listener.send(message.clone()).is_ok());
            }
            "close" => {
                state.moods.push(text("mood"));
                if let Some(mailbox) = state.mailboxes.get_mut(&self.mailbox) {
                    mailbox.sides.remove(&self.side);
                    if mailbox.sides.is_empty() {
                        state.mailboxes.remove(&self.mailbox);
                    }
                }
                self.say(json!({ "type": "closed" }));
            }
            other => panic!("what is {other}?"),
        }
    }
}
