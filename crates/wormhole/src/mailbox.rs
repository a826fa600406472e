//! The connection to the rendezvous server: what goes through it, within what time and size.

use std::fmt;
use std::io;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::error::Error;
use crate::messages::{Message, Mood, Request, Response, TEXT_LEN_MAX};
use crate::url::Url;

/// How long it may take to connect, through a hidden network as well.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// How long each answer of the server's may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a silent connection is tried.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// After how long a silent connection is given up.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// How long the server has to say that it is done.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, by whatever way it was opened.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a rendezvous server.
pub(crate) struct Mailbox {
    stream: WebSocketStream<Box<dyn Stream>>,
    heard: Instant,
}

impl Mailbox {
    /// Connects, and says who we are.
    pub(crate) async fn connect<S>(
        dial: impl AsyncFnOnce(&str, u16) -> io::Result<S>,
        url: &Url,
        (app_id, side): (&str, &str),
    ) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let unreachable = |problem: String| {
            let address = format!("{}:{}", url.host, url.port);
            Error::Unreachable { address, problem }
        };
        let connecting = async {
            let opened = dial(&url.host, url.port).await;
            let opened = opened.map_err(|error| unreachable(error.to_string()))?;
            let stream: Box<dyn Stream> = Box::new(opened);
            let limits = WebSocketConfig::default()
                .read_buffer_size(8 << 10)
                .write_buffer_size(0)
                .max_message_size(Some(TEXT_LEN_MAX))
                .max_frame_size(Some(TEXT_LEN_MAX));
            let request = url.text.as_str();
            tokio_tungstenite::client_async_with_config(request, stream, Some(limits))
                .await
                .map_err(|error| unreachable(error.to_string()))
        };
        let (stream, _) = timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| unreachable("it does not answer".to_owned()))??;
        let mut mailbox = Self { stream, heard: Instant::now() };
        mailbox.answer(|response| (response == Response::Welcome).then_some(())).await?;
        mailbox.request(&Request::Bind { appid: app_id, side }).await?;
        Ok(mailbox)
    }

    /// A nameplate that nobody else uses.
    pub(crate) async fn allocate(&mut self) -> Result<String, Error> {
        self.request(&Request::Allocate).await?;
        self.answer(|response| match response {
            Response::Allocated { nameplate } => Some(nameplate),
            _ => None,
        })
        .await
    }

    /// Takes a side of the mailbox that a nameplate stands for, and listens to it.
    pub(crate) async fn open(&mut self, nameplate: &str) -> Result<(), Error> {
        self.request(&Request::Claim { nameplate }).await?;
        let mailbox = self
            .answer(|response| match response {
                Response::Claimed { mailbox } => Some(mailbox),
                _ => None,
            })
            .await?;
        self.request(&Request::Open { mailbox: &mailbox }).await
    }

    /// Puts something into the mailbox.
    pub(crate) async fn add(&mut self, phase: &str, body: &[u8]) -> Result<(), Error> {
        self.request(&Request::Add { phase, body: HEXLOWER.encode(body) }).await
    }

    /// Frees the nameplate for others.
    pub(crate) async fn release(&mut self) -> Result<(), Error> {
        self.request(&Request::Release).await
    }

    /// The next thing in the mailbox, ours as well. Waits until the deadline, if there is one.
    pub(crate) async fn next(&mut self, deadline: Option<Instant>) -> Result<Message, Error> {
        loop {
            if let Response::Message(message) = self.response(deadline).await? {
                return Ok(message);
            }
        }
    }

    /// Gives up the mailbox, and the connection. What cannot be said any more is not said.
    pub(crate) async fn close(mut self, mood: Mood) {
        let closing = async {
            self.request(&Request::Close { mood }).await?;
            self.answer(|response| (response == Response::Closed).then_some(())).await?;
            let _ = self.stream.close(None).await;
            Ok::<_, Error>(())
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }

    async fn request(&mut self, request: &Request<'_>) -> Result<(), Error> {
        let sending = self.stream.send(Frame::text(request.text()));
        match timeout(ANSWER_TIMEOUT, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::Lost(error.to_string())),
            Err(_) => Err(Error::Lost("it takes nothing in".to_owned())),
        }
    }

    /// Waits for the answer to a request. Before it is there, nothing else that matters comes.
    async fn answer<T>(&mut self, pick: impl Fn(Response) -> Option<T>) -> Result<T, Error> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            match self.response(Some(deadline)).await {
                Ok(response) => {
                    if let Some(picked) = pick(response) {
                        return Ok(picked);
                    }
                }
                Err(Error::NoAnswer) => return Err(Error::Lost("it does not answer".to_owned())),
                Err(error) => return Err(error),
            }
        }
    }

    async fn response(&mut self, deadline: Option<Instant>) -> Result<Response, Error> {
        loop {
            let ping_at = (self.heard + PING_INTERVAL).max(Instant::now() + PING_INTERVAL / 2);
            let wake_at = deadline.map_or(ping_at, |deadline| deadline.min(ping_at));
            let Ok(frame) = timeout_at(wake_at, self.stream.next()).await else {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Err(Error::NoAnswer);
                }
                if self.heard.elapsed() >= SILENCE_MAX {
                    return Err(Error::Lost("it has fallen silent".to_owned()));
                }
                let ping = self.stream.send(Frame::Ping(Vec::new().into()));
                let _ = timeout(ANSWER_TIMEOUT, ping).await;
                continue;
            };
            self.heard = Instant::now();
            match frame {
                Some(Ok(Frame::Text(text))) => return Response::parse(&text),
                Some(Ok(Frame::Binary(text))) => {
                    let text = std::str::from_utf8(&text);
                    return Response::parse(text.unwrap_or_default());
                }
                Some(Ok(Frame::Close(_))) | None => {
                    return Err(Error::Lost("it closed the connection".to_owned()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Error::Lost(error.to_string())),
            }
        }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(…)")
    }
}
