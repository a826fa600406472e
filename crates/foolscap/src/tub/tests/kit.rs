//! Tubs that reach each other within the process, and an object that does what a test wants.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use tokio::sync::Notify;

use crate::call::{Arguments, Failure};
use crate::certificate::Certificate;
use crate::furl::Furl;
use crate::limits::Limits;
use crate::object::{BoxFuture, IncomingCall, Object, Referenceable, RemoteReference};
use crate::tub::{Dialer, Stream, TcpDialer, Tub, TubOptions};
use crate::value::Value;

/// Two identities, the one with the smaller tub id first, so that the other is the master.
static CERTIFICATES: LazyLock<[Certificate; 2]> = LazyLock::new(|| {
    let mut pair = [Certificate::generate().unwrap(), Certificate::generate().unwrap()];
    pair.sort_by_key(|certificate| certificate.tub_id().to_string());
    pair
});

/// The side that does not decide.
pub(super) fn minor() -> &'static Certificate {
    &CERTIFICATES[0]
}

/// The side that decides.
pub(super) fn master() -> &'static Certificate {
    &CERTIFICATES[1]
}

/// Tubs by the hints that lead to them.
#[derive(Clone, Default)]
pub(super) struct Network {
    tubs: Arc<Mutex<HashMap<String, Tub>>>,
    pub(super) dialled: Arc<AtomicUsize>,
}

impl Network {
    /// From now on that hint leads to this tub.
    pub(super) fn listen(&self, hint: &str, tub: &Tub) {
        self.tubs.lock().unwrap().insert(hint.to_owned(), tub.clone());
    }

    /// From now on it leads nowhere.
    pub(super) fn vanish(&self, hint: &str) {
        self.tubs.lock().unwrap().remove(hint);
    }

    pub(super) fn options(&self) -> TubOptions {
        TubOptions { dialer: Arc::new(self.clone()), ..TubOptions::default() }
    }

    pub(super) fn tub(&self, certificate: &Certificate) -> Tub {
        Tub::new(certificate, self.options()).unwrap()
    }

    pub(super) fn tub_with(&self, certificate: &Certificate, limits: Limits) -> Tub {
        Tub::with_limits(certificate, self.options(), limits).unwrap()
    }
}

impl Dialer for Network {
    fn dial(&self, hint: &str) -> Option<BoxFuture<'static, io::Result<Box<dyn Stream>>>> {
        if hint.starts_with("tcp:") {
            return TcpDialer.dial(hint);
        }
        self.dialled.fetch_add(1, Ordering::Relaxed);
        let tub = self.tubs.lock().unwrap().get(hint).cloned();
        Some(Box::pin(async move {
            let tub = tub.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (here, there) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move { tub.serve_connection(there).await });
            Ok(Box::new(here) as Box<dyn Stream>)
        }))
    }
}

/// A name to register under.
pub(super) fn name() -> crate::Swissnum {
    crate::Swissnum::from_text("thing").unwrap()
}

/// A tub on a network with a thing, and the thing's FURL.
pub(super) fn serving(network: &Network, certificate: &Certificate) -> (Tub, Arc<Thing>, Furl) {
    let tub = network.tub(certificate);
    let (thing, furl) = offer(network, &tub);
    (tub, thing, furl)
}

/// Offers a thing.
pub(super) fn offer(network: &Network, tub: &Tub) -> (Arc<Thing>, Furl) {
    let hint = format!("test:{}", tub.tub_id());
    network.listen(&hint, tub);
    tub.set_hints(vec![hint]);
    let thing = Arc::new(Thing::default());
    let furl = tub.register(name(), thing.clone());
    (thing, furl)
}

/// Does what it is asked for.
#[derive(Default)]
pub(super) struct Thing {
    /// What it was given to keep.
    pub(super) kept: Mutex<Vec<Object>>,
    /// In the order in which they began.
    pub(super) begun: Mutex<Vec<i128>>,
    /// A call that waits has begun.
    pub(super) waits: Notify,
    /// Lets one that waits go on.
    pub(super) go_on: Notify,
}

impl Referenceable for Thing {
    fn interface(&self) -> Option<&str> {
        Some("RIThing")
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        if let [Value::Int(number)] = call.arguments.positional.as_slice() {
            self.begun.lock().unwrap().push(*number);
        }
        assert_ne!(call.method, "panic", "as asked for");
        Box::pin(self.perform(call))
    }
}

impl Thing {
    async fn perform(self: Arc<Self>, call: IncomingCall) -> Result<Value, Failure> {
        match call.method.as_str() {
            "echo" => call.arguments.bind(["value"]).map(|[value]| value),
            "peer" => Ok(Value::Text(call.peer.to_string())),
            "fail" => Err(Failure::new("builtins.ValueError", "as asked for")),
            "panic_later" => panic!("as asked for"),
            "this" => Ok(Value::Object(Object::Local(self))),
            "new" => Ok(Value::Object(Object::Local(Arc::new(Self::default())))),
            "wait" => {
                self.waits.notify_one();
                self.go_on.notified().await;
                Ok(Value::None)
            }
            "keep" => {
                let [Value::Object(object)] = call.arguments.bind(["object"])? else {
                    return Err(Failure::violation("not an object"));
                };
                self.kept.lock().unwrap().push(object);
                Ok(Value::None)
            }
            "forget" => {
                let kept = std::mem::take(&mut *self.kept.lock().unwrap());
                Ok(Value::Int(i128::try_from(kept.len()).unwrap()))
            }
            "kept" => {
                let kept = self.kept.lock().unwrap().clone();
                Ok(Value::List(kept.into_iter().map(Value::Object).collect()))
            }
            "call_back" => {
                let object = call.arguments.bind(["object"])?;
                let [Value::Object(Object::Remote(object))] = object else {
                    return Err(Failure::violation("not an object of yours"));
                };
                let answer = object.call("echo", positional([Value::Int(7)])).await;
                answer.map_err(|error| Failure::new("builtins.RuntimeError", error.to_string()))
            }
            _ => Err(call.unknown_method("RIThing")),
        }
    }
}

pub(super) fn positional<const N: usize>(values: [Value; N]) -> Arguments {
    Arguments::positional(values.into())
}

/// Calls a method with one argument.
pub(super) async fn ask(
    reference: &RemoteReference,
    method: &str,
    value: Value,
) -> Result<Value, crate::CallError> {
    reference.call(method, positional([value])).await
}

/// The object in an answer.
pub(super) fn remote(value: Value) -> RemoteReference {
    match value {
        Value::Object(Object::Remote(reference)) => reference,
        other => panic!("not an object of a peer: {other:?}"),
    }
}
