//! How fast calls are between two tubs in one process, over loopback TCP and TLS:
//! `cargo run --release -p foolscap --example calls`.

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foolscap::object::BoxFuture;
use foolscap::{
    Arguments, Certificate, Failure, IncomingCall, Referenceable, RemoteReference, Swissnum, Tub,
    TubOptions, Value,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::net::TcpListener;

/// Calls on their way at a time.
const AT_ONCE: usize = 8;

/// Bytes that go with a large call.
const LARGE: usize = 1_000_000;

/// Large calls, and small ones.
const LARGE_CALLS: usize = 2000;
const SMALL_CALLS: usize = 100_000;

/// Takes bytes, or gives some.
struct Store(Bytes);

impl Referenceable for Store {
    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        let result = match call.method.as_str() {
            "write" => Ok(Value::None),
            "read" => Ok(Value::Bytes(self.0.clone())),
            _ => Err(call.unknown_method("Store")),
        };
        Box::pin(std::future::ready(result))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Tub::new(&Certificate::generate()?, TubOptions::default())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    server.set_hints(vec![format!("tcp:{}", listener.local_addr()?)]);
    let bytes = Bytes::from(vec![0x5a; LARGE]);
    let furl = server.register(Swissnum::generate()?, Arc::new(Store(bytes.clone())));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let server = server.clone();
            tokio::spawn(async move { server.serve_connection(stream).await });
        }
    });

    let client = Tub::new(&Certificate::generate()?, TubOptions::default())?;
    let store = client.get_reference(&furl).await?;
    let write = Arguments::positional(vec![Value::Bytes(bytes)]);
    say("1 MB written", LARGE, LARGE_CALLS, run(&store, "write", &write, LARGE_CALLS).await?)?;
    let none = Arguments::none();
    say("1 MB read", LARGE, LARGE_CALLS, run(&store, "read", &none, LARGE_CALLS).await?)?;
    let (written, read) = tokio::join!(
        run(&store, "write", &write, LARGE_CALLS),
        run(&store, "read", &none, LARGE_CALLS),
    );
    say("1 MB written and read", 2 * LARGE, LARGE_CALLS, written?.max(read?))?;
    let small = Arguments::positional(vec![Value::Int(7)]);
    say("small", 1, SMALL_CALLS, run(&store, "write", &small, SMALL_CALLS).await?)?;
    client.stop().await;
    Ok(())
}

/// How long so many calls take.
async fn run(
    store: &RemoteReference,
    method: &str,
    arguments: &Arguments,
    calls: usize,
) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    stream::iter(0..calls)
        .map(|_| store.call(method, arguments.clone()))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| std::future::ready(Ok(())))
        .await?;
    Ok(begun.elapsed())
}

fn say(what: &str, len: usize, calls: usize, took: Duration) -> std::io::Result<()> {
    let seconds = took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
    let (calls, bytes) = (calls as f64 / seconds, (len * calls) as f64 / seconds);
    let megabytes = bytes / 1e6;
    writeln!(std::io::stdout(), "{what:22} {calls:9.0} calls/s {megabytes:9.1} MB/s")
}
