//! `/private/logs/v1`: the log as it is written, one JSON object a message, over a WebSocket.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Method, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::{Semaphore, broadcast};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::node;
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;

/// Programs that read the log at the same time, at most.
const READERS_MAX: usize = 16;

/// Bytes of a message of theirs, which is ignored, at most.
const MESSAGE_LEN_MAX: usize = 64 << 10;

/// Those who read the log.
#[derive(Debug)]
pub(in crate::wapi) struct LogReaders {
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Default for LogReaders {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(READERS_MAX));
        Self { places, stop: CancellationToken::new() }
    }
}

impl LogReaders {
    /// Ends all connections: the node stops.
    pub(in crate::wapi) fn stop(&self) {
        self.stop.cancel();
    }
}

/// Answers a request to read the log.
pub(super) fn answer(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let upgrade = asked.head.extensions.get::<OnUpgrade>().cloned();
    let key = asked.headers().get(SEC_WEBSOCKET_KEY).filter(|_| is_web_socket(asked));
    let (Some(upgrade), Some(key)) = (upgrade, key) else { return Err(WebError::NoWebSocket) };
    let lines = node(asked).log_lines().ok_or(WebError::NoSuchPage)?;
    let readers = &asked.state.log_readers;
    let place = Arc::clone(&readers.places);
    let place = place.try_acquire_owned().map_err(|_| WebError::TooManyLogReaders)?;
    let accept = derive_accept_key(key.as_bytes());
    let stop = readers.stop.clone();
    tokio::spawn(async move {
        let _place = place;
        let Ok(upgraded) = upgrade.await else { return };
        tokio::select! {
            () = send(upgraded, lines) => {}
            () = stop.cancelled() => {}
        }
    });
    Ok(Reply::empty(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .text_header(SEC_WEBSOCKET_ACCEPT, &accept))
}

/// Whether the client begins a WebSocket, of the one version that there is.
fn is_web_socket(asked: &Asked<'_>) -> bool {
    let has = |name: HeaderName, word: &str| {
        let value = asked.headers().get(name).and_then(|value| value.to_str().ok());
        let words = value.unwrap_or_default().split(',').map(str::trim);
        words.into_iter().any(|found| found.eq_ignore_ascii_case(word))
    };
    *asked.method() == Method::GET
        && has(CONNECTION, "upgrade")
        && has(UPGRADE, "websocket")
        && has(SEC_WEBSOCKET_VERSION, "13")
}

/// Sends lines until the client goes. Whoever reads too slowly misses some, and is told how many.
async fn send(upgraded: Upgraded, mut lines: broadcast::Receiver<Arc<str>>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_LEN_MAX))
        .max_frame_size(Some(MESSAGE_LEN_MAX));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut to, mut from) = socket.split();
    loop {
        let text = tokio::select! {
            line = lines.recv() => match line {
                Ok(line) => line.to_string(),
                Err(broadcast::error::RecvError::Lagged(count)) => {
                    format!("{{\"message_type\":\"tallac:lost\",\"count\":{count}}}")
                }
                Err(broadcast::error::RecvError::Closed) => break,
            },
            message = from.next() => match message {
                // What the client says makes no difference.
                Some(Ok(message)) if !message.is_close() => continue,
                _ => break,
            },
        };
        if to.send(Message::text(text)).await.is_err() {
            break;
        }
    }
    let _ = to.close().await;
}
