//! A client without manners, and what a server says to it.

use std::sync::Arc;

use bytes::Bytes;
use foolscap::object::BoxFuture;
use foolscap::{
    Arguments, CallError, Failure, Furl, IncomingCall, Object, Referenceable, RemoteReference, Tub,
    TubOptions, Value,
};
use tallac_testkit::Operation;

use super::{CLIENT, Served};
use crate::support::SI;

/// An object that does nothing.
struct Nothing;

impl Referenceable for Nothing {
    fn call(self: Arc<Self>, _call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async { Ok(Value::None) })
    }
}

pub(super) struct Raw {
    _tub: Tub,
    pub(super) server: RemoteReference,
}

pub(super) fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(Bytes::copy_from_slice(bytes))
}

pub(super) fn canary() -> Value {
    Value::Object(Object::Local(Arc::new(Nothing)))
}

impl Raw {
    pub(super) async fn connect(furl: &Furl) -> Self {
        let tub = Tub::new(&CLIENT, TubOptions::default()).unwrap();
        let server = tub.get_reference(furl).await.unwrap();
        Self { _tub: tub, server }
    }

    pub(super) async fn call(
        &self,
        method: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, CallError> {
        self.server.call(method, Arguments::positional(arguments)).await
    }

    /// Allocates shares: which are there, and the writers of others.
    pub(super) async fn allocate(
        &self,
        numbers: &[u8],
        size: u64,
    ) -> (Vec<Value>, Vec<RemoteReference>) {
        let numbers = numbers.iter().map(|&number| Value::Int(number.into())).collect();
        let answer = self
            .call(
                "allocate_buckets",
                vec![
                    bytes(SI.as_bytes()),
                    bytes(&[1; 32]),
                    bytes(&[2; 32]),
                    Value::Set(numbers),
                    Value::Int(size.into()),
                    canary(),
                ],
            )
            .await;
        let Value::Tuple(answer) = answer.unwrap() else { panic!("no tuple") };
        let [Value::Set(have), Value::Dict(writers)] = &answer[..] else { panic!("{answer:?}") };
        let writers = writers.iter().map(|(_, writer)| match writer {
            Value::Object(Object::Remote(writer)) => writer.clone(),
            other => panic!("{other:?}"),
        });
        (have.clone(), writers.collect())
    }

    /// The writer of share 7.
    pub(super) async fn writer(&self, size: u64) -> RemoteReference {
        let (_, mut writers) = self.allocate(&[7], size).await;
        let writer = writers.remove(0);
        assert_eq!(writer.interface(), Some("RIBucketWriter"));
        writer
    }

    pub(super) async fn write(
        &self,
        writer: &RemoteReference,
        at: u64,
        data: &[u8],
    ) -> Result<Value, CallError> {
        let arguments = vec![Value::Int(at.into()), bytes(data)];
        writer.call("write", Arguments::positional(arguments)).await
    }
}

/// The keys of a dictionary, and of those in it.
fn collect_names(value: &Value, names: &mut Vec<Bytes>) {
    let Value::Dict(entries) = value else { return };
    for (key, value) in entries {
        let Value::Bytes(name) = key else { panic!("{key:?}") };
        names.push(name.clone());
        collect_names(value, names);
    }
}

#[tokio::test]
async fn the_version_has_everything_that_tahoe_says() {
    let served = Served::start().await;
    let raw = Raw::connect(&served.furl).await;
    assert_eq!(raw.server.interface(), Some("RIStorageServer.tahoe.allmydata.com"));
    let mut names = Vec::new();
    collect_names(&raw.call("get_version", Vec::new()).await.unwrap(), &mut names);
    for name in [
        "http://allmydata.org/tahoe/protocols/storage/v1",
        "maximum-immutable-share-size",
        "maximum-mutable-share-size",
        "available-space",
        "tolerates-immutable-read-overrun",
        "delete-mutable-shares-with-zero-length-writev",
        "fills-holes-with-zero-bytes",
        "prevents-read-past-end-of-share-data",
        "application-version",
    ] {
        assert!(names.contains(&Bytes::from_static(name.as_bytes())), "{name}");
    }
    served.stop().await;
}

#[tokio::test]
async fn arguments_of_a_wrong_kind_are_violations() {
    let served = Served::start().await;
    let raw = Raw::connect(&served.furl).await;
    let check =
        async |method: &str, arguments: Vec<Value>| match raw.call(method, arguments.clone()).await
        {
            Err(CallError::Remote(failure)) if failure.kind.ends_with(".Violation") => {}
            other => panic!("{method} {arguments:?}: {other:?}"),
        };
    let (si, hash) = (|| bytes(SI.as_bytes()), || bytes(&[1; 32]));
    let list = |items: Vec<Value>| Value::List(items);
    check("get_version", vec![Value::None]).await;
    check("get_buckets", vec![]).await;
    check("get_buckets", vec![bytes(b"short")]).await;
    check("get_buckets", vec![Value::Text("a".repeat(16))]).await;
    check("add_lease", vec![si(), hash(), bytes(&[1; 31])]).await;
    check("slot_readv", vec![si(), list(vec![Value::Int(256)]), list(vec![])]).await;
    check("slot_readv", vec![si(), list(vec![Value::Bool(true)]), list(vec![])]).await;
    check("slot_readv", vec![si(), list(vec![]), list(vec![Value::None])]).await;
    let read = |at, size| Value::Tuple(vec![Value::Int(at), Value::Int(size)]);
    check("slot_readv", vec![si(), list(vec![]), list(vec![read(0, 1 << 31)])]).await;
    check("slot_readv", vec![si(), list(vec![]), list(vec![read(-1, 1)])]).await;
    check("slot_readv", vec![si(), list(vec![]), list(vec![read(1 << 64, 1)])]).await;
    check("slot_readv", vec![si(), list(vec![]), list(vec![read(0, 1); 31])]).await;
    check("slot_readv", vec![si(), list(vec![Value::Int(0); 257]), list(vec![])]).await;
    check("advise_corrupt_share", vec![bytes(b"else"), si(), Value::Int(0), bytes(b"")]).await;
    let allocate = |numbers: Value, size: i128, canary| {
        vec![si(), hash(), hash(), numbers, Value::Int(size), canary]
    };
    let numbers = || Value::Set(vec![Value::Int(1)]);
    check("allocate_buckets", allocate(list(vec![]), 1, canary())).await;
    check("allocate_buckets", allocate(Value::Set(vec![Value::Int(256)]), 1, canary())).await;
    check("allocate_buckets", allocate(numbers(), 1 << 64, canary())).await;
    check("allocate_buckets", allocate(numbers(), 1, Value::None)).await;
    let change = |change: Vec<Value>| {
        let secrets = Value::Tuple(vec![hash(), hash(), hash()]);
        let changes = Value::Dict(vec![(Value::Int(0), Value::Tuple(change))]);
        vec![si(), secrets, changes, list(vec![])]
    };
    let method = "slot_testv_and_readv_and_writev";
    check(method, change(vec![list(vec![]), list(vec![])])).await;
    check(method, change(vec![list(vec![]), list(vec![]), Value::Bool(false)])).await;
    let test = vec![Value::Int(0), Value::Int(1), bytes(b"le"), bytes(b"")];
    let test = list(vec![Value::Tuple(test)]);
    check(method, change(vec![test, list(vec![]), Value::None])).await;
    check("remote_get_version", vec![]).await;
    assert!(served.sim.calls().iter().all(|call| call.operation == Operation::Version));
    served.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_passed_over_in_silence() {
    let served = Served::start().await;
    let raw = Raw::connect(&served.furl).await;
    let (si, hash) = (bytes(SI.as_bytes()), bytes(&[1; 32]));
    let leased = raw.call("add_lease", vec![si.clone(), hash.clone(), hash]).await;
    assert!(matches!(leased, Ok(Value::None)), "{leased:?}");
    let report = vec![bytes(b"mutable"), si, Value::Int(0), bytes(b"why")];
    let advised = raw.call("advise_corrupt_share", report).await;
    assert!(matches!(advised, Ok(Value::None)), "{advised:?}");
    served.stop().await;
}
