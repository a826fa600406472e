//! Networks that hide where one is, in as far as a node can tell: a SOCKS proxy and a control port
//! like Tor's, and a SAM port like an I2P router's.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use data_encoding::HEXUPPER;
use tallac_net::transport::Endpoint;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// What a fake was asked, and what it knows.
#[derive(Debug, Default)]
struct State {
    asked: Mutex<Vec<String>>,
    more: Notify,
    /// The ports of this machine that names stand for.
    names: Mutex<HashMap<String, u16>>,
    /// The sessions that a router has.
    sessions: Mutex<HashSet<String>>,
}

impl State {
    fn note(&self, asked: String) {
        self.asked.lock().unwrap().push(asked);
        self.more.notify_waiters();
    }

    fn name(&self, name: &str) -> Option<u16> {
        self.names.lock().unwrap().get(name).copied()
    }
}

/// A program that something is asked of.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) port: u16,
    state: Arc<State>,
    task: AbortOnDropHandle<()>,
}

impl Fake {
    async fn start<F>(serve: impl Fn(Conversation) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            // Ends all conversations with it.
            let mut conversations = tokio::task::JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&shared);
                let conversation = Conversation { stream: BufReader::new(tcp), state };
                conversations.spawn(serve(conversation));
            }
        });
        Self { port, state, task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::loopback(self.port)
    }

    /// Has a name stand for a port of this machine.
    pub(crate) fn name(&self, name: &str, port: u16) {
        self.state.names.lock().unwrap().insert(name.to_owned(), port);
    }

    /// Loses the sessions that it has, as a router that is started again.
    pub(crate) fn forget_sessions(&self) {
        self.state.sessions.lock().unwrap().clear();
    }

    /// All that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked something that begins so; gives it.
    pub(crate) async fn wait_for(&self, start: &str) -> String {
        self.wait_for_nth(start, 0).await
    }

    /// The same, once it was asked so for the time after `n` others.
    pub(crate) async fn wait_for_nth(&self, start: &str, n: usize) -> String {
        loop {
            let more = self.state.more.notified();
            let asked = self.asked();
            if let Some(found) = asked.iter().filter(|line| line.starts_with(start)).nth(n) {
                return found.clone();
            }
            more.await;
        }
    }

    /// Stops it in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// One connection to a fake.
pub(crate) struct Conversation {
    stream: BufReader<TcpStream>,
    state: Arc<State>,
}

impl Conversation {
    /// The next line, which is noted.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        let line = line.trim_end().to_owned();
        (read != 0).then(|| {
            self.state.note(line.clone());
            line
        })
    }

    /// Answers a byte at a time.
    async fn say(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Carries bytes to a port of this machine and back.
    async fn carry_to(mut self, port: u16) {
        let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut self.stream, &mut to).await;
    }
}

/// What says the same whoever connects, and then takes what comes.
pub(crate) async fn says(text: &'static [u8]) -> Fake {
    Fake::start(move |mut conversation| async move {
        let _ = conversation.stream.write_all(text).await;
        while conversation.line().await.is_some() {}
    })
    .await
}

/// A SOCKS proxy that knows some names; it notes who was asked for, like `host:port`.
pub(crate) async fn socks() -> Fake {
    Fake::start(|mut conversation| async move {
        let stream = &mut conversation.stream;
        let mut hello = [0; 3];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, [5, 1, 0]);
        stream.write_all(&[5, 0]).await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let [5, 1, 0, 3, len] = head else { panic!("not by name: {head:?}") };
        let mut rest = vec![0; usize::from(len) + 2];
        stream.read_exact(&mut rest).await.unwrap();
        let (name, port) = rest.split_at(usize::from(len));
        let name = String::from_utf8(name.to_vec()).unwrap();
        conversation.state.note(format!("{name}:{}", u16::from_be_bytes([port[0], port[1]])));
        let port = conversation.state.name(&name);
        let status = if port.is_some() { 0 } else { 4 };
        stream.write_all(&[5, status, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        if let Some(port) = port {
            conversation.carry_to(port).await;
        }
    })
    .await
}

/// How a control port wants to be convinced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth {
    pub(crate) methods: &'static str,
    /// The file with the cookie, as it is told.
    pub(crate) file: String,
    /// The cookie that it knows itself.
    pub(crate) cookie: Vec<u8>,
}

pub(crate) const SERVICE_ID: &str = "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2";

const SERVER_NONCE: [u8; 32] = [3; 32];

/// A control port; what it tells of Tor's SOCKS port is `socks`.
pub(crate) async fn control(auth: Auth, socks: u16) -> Fake {
    Fake::start(move |mut conversation| {
        let auth = auth.clone();
        async move {
            let mut accepted = String::from("AUTHENTICATE");
            while let Some(line) = conversation.line().await {
                let words: Vec<_> = line.split(' ').collect();
                let answer = match words.as_slice() {
                    ["PROTOCOLINFO", "1"] => protocol_info(&auth),
                    ["AUTHCHALLENGE", "SAFECOOKIE", nonce] => {
                        let (hash, proof) = safe_cookie(&auth.cookie, nonce);
                        accepted = format!("AUTHENTICATE {proof}");
                        let nonce = HEXUPPER.encode(&SERVER_NONCE);
                        format!("250 AUTHCHALLENGE SERVERHASH={hash} SERVERNONCE={nonce}\r\n")
                    }
                    ["AUTHENTICATE", proof] if *proof == HEXUPPER.encode(&auth.cookie) => ok(),
                    ["AUTHENTICATE", ..] if line == accepted => ok(),
                    ["AUTHENTICATE", ..] => "515 Authentication failed\r\n".to_owned(),
                    ["GETINFO", name] => format!(
                        "650 HS_DESC REQUESTED x\r\n250-{name}=\"127.0.0.1:{socks}\"\r\n250 OK\r\n"
                    ),
                    ["ADD_ONION", key, _] => {
                        let made = if *key == "NEW:BEST" { "250-PrivateKey=A:new\r\n" } else { "" };
                        format!("250-ServiceID={SERVICE_ID}\r\n{made}250 OK\r\n")
                    }
                    ["SETEVENTS", "HS_DESC"] | ["DEL_ONION", SERVICE_ID] => ok(),
                    _ => "510 Unrecognized command\r\n".to_owned(),
                };
                conversation.say(&answer).await;
            }
        }
    })
    .await
}

fn ok() -> String {
    "250 OK\r\n".to_owned()
}

fn protocol_info(auth: &Auth) -> String {
    let Auth { methods, file, .. } = auth;
    let file = if file.is_empty() { String::new() } else { format!(" COOKIEFILE=\"{file}\"") };
    format!(
        "250-PROTOCOLINFO 1\r\n250-AUTH METHODS={methods}{file}\r\n250-VERSION Tor=\"0\"\r\n\
         250 OK\r\n"
    )
}

/// What the server proves, and what the client must.
fn safe_cookie(cookie: &[u8], client_nonce: &str) -> (String, String) {
    let client_nonce = HEXUPPER.decode(client_nonce.as_bytes()).unwrap();
    let message = [cookie, &client_nonce, &SERVER_NONCE].concat();
    let [server, client] = ["server-to-controller", "controller-to-server"].map(|direction| {
        let key = format!("Tor safe cookie authentication {direction} hash");
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        HEXUPPER.encode(hmac::sign(&key, &message).as_ref())
    });
    (server, client)
}

/// An I2P router's SAM port. A name stands for a port of this machine when it was told so, and a
/// destination does when it is forwarded.
pub(crate) async fn sam() -> Fake {
    Fake::start(sam_conversation).await
}

async fn sam_conversation(mut conversation: Conversation) {
    let state = Arc::clone(&conversation.state);
    while let Some(line) = conversation.line().await {
        let pair = |key: &str| {
            let found = line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        let has_session = state.sessions.lock().unwrap().contains(&pair("ID"));
        let mut words = line.split(' ');
        let answer = match (words.next().unwrap(), words.next().unwrap_or_default(), has_session) {
            ("HELLO", _, _) => "HELLO REPLY RESULT=OK VERSION=3.2\n".to_owned(),
            ("DEST", _, _) => "DEST REPLY PUB=AAAA PRIV=AAAAkey~-=\n".to_owned(),
            ("SESSION", _, _) => {
                state.sessions.lock().unwrap().insert(pair("ID"));
                // It asks whether we are still there.
                "SESSION STATUS RESULT=OK DESTINATION=AAAA\nPING 1 2\n".to_owned()
            }
            ("NAMING", _, _) if state.name(&pair("NAME")).is_none() => {
                format!("NAMING REPLY RESULT=KEY_NOT_FOUND NAME={}\n", pair("NAME"))
            }
            ("NAMING", _, _) => {
                format!(
                    "NAMING REPLY RESULT=OK NAME={0} VALUE={0}\n",
                    pair("NAME").replace('.', "-")
                )
            }
            ("STREAM", _, false) => {
                "STREAM STATUS RESULT=INVALID_ID MESSAGE=\"no such\"\n".to_owned()
            }
            ("STREAM", "CONNECT", _) => {
                let port = state.name(&pair("DESTINATION").replace('-', "."));
                conversation.say("STREAM STATUS RESULT=OK\n").await;
                return conversation.carry_to(port.unwrap()).await;
            }
            ("STREAM", "FORWARD", _) => {
                let port = pair("PORT").parse().unwrap();
                state.names.lock().unwrap().insert("forwarded.i2p".to_owned(), port);
                "STREAM STATUS RESULT=OK\n".to_owned()
            }
            _ => continue,
        };
        conversation.say(&answer).await;
    }
}
