//! Servers that answer what the protocol does not allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use foolscap::object::BoxFuture;
use foolscap::{Failure, IncomingCall, Object, Referenceable, Swissnum, Tub, Value};
use futures_util::TryStreamExt as _;
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::{UploadSecret, WriteEnabler};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ReadVector, ShareKind, SlotReadRequest, SlotWriteRequest,
    StorageError, StorageServer as _,
};
use tallac_net::foolscap_storage::FoolscapClient;

use super::raw::bytes;
use super::{Listening, client_of, lease};
use crate::support::SI;

/// Answers every call with that, and has itself where an object should be.
struct Liar(Box<Lie>);

/// Makes an answer of a method's name and the liar itself.
type Lie = dyn Fn(&str, Value) -> Result<Value, Failure> + Send + Sync;

impl Referenceable for Liar {
    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        let itself = Value::Object(Object::Local(self.clone()));
        Box::pin(async move { (self.0)(&call.method, itself) })
    }
}

struct Lied {
    client: FoolscapClient,
    _tub: Tub,
    listening: Listening,
}

async fn lied(
    answer: impl Fn(&str, Value) -> Result<Value, Failure> + Send + Sync + 'static,
) -> Lied {
    let listening = Listening::start().await;
    let liar = Arc::new(Liar(Box::new(answer)));
    let furl = listening.tub.register(Swissnum::generate().unwrap(), liar);
    let (tub, client) = client_of(&furl);
    Lied { client, _tub: tub, listening }
}

fn assert_misbehaved<T: std::fmt::Debug>(answer: Result<T, StorageError>, what: &str) {
    assert!(matches!(answer, Err(StorageError::PeerMisbehaved(_))), "{what}: {answer:?}");
}

fn int(number: i128) -> Value {
    Value::Int(number)
}

fn dict(entries: &[(i128, Value)]) -> Value {
    Value::Dict(entries.iter().map(|(key, value)| (int(*key), value.clone())).collect())
}

#[tokio::test]
async fn lists() {
    let check = async |what: &str, answer: Value| {
        let lied = lied(move |_, _| Ok(answer.clone())).await;
        assert_misbehaved(lied.client.list(ShareKind::Immutable, SI).await, what);
        lied.listening.stop().await;
    };
    check("nothing", Value::None).await;
    check("no dictionary", Value::List(vec![])).await;
    check("no reader", dict(&[(0, Value::None)])).await;
    check("a far share", dict(&[(256, Value::None)])).await;
    let lied = lied(|_, itself| Ok(dict(&[(0, itself.clone()), (0, itself)]))).await;
    assert_misbehaved(lied.client.list(ShareKind::Immutable, SI).await, "a share twice");
    lied.listening.stop().await;
}

#[tokio::test]
async fn reads() {
    let check = async |what: &str, kind, answer: Value| {
        let lied = lied(move |method, itself| match method {
            "get_buckets" => Ok(dict(&[(0, itself)])),
            _ => Ok(answer.clone()),
        })
        .await;
        let share_number = ShareNumber::new(0);
        let request = ReadRequest { kind, storage_index: SI, share_number, range: Some(10..20) };
        let read = async { lied.client.read(request).await?.try_collect::<Vec<_>>().await };
        assert_misbehaved(read.await, what);
        lied.listening.stop().await;
    };
    check("a text", ShareKind::Immutable, Value::Text("0123456789".into())).await;
    check("more than asked for", ShareKind::Immutable, bytes(b"01234567890")).await;
    let of_slot = |pieces: &[&[u8]]| {
        dict(&[(0, Value::List(pieces.iter().map(|piece| bytes(piece)).collect()))])
    };
    check("more of a slot", ShareKind::Mutable, of_slot(&[b"01234567890"])).await;
    check("two pieces", ShareKind::Mutable, of_slot(&[b"0", b"1"])).await;
    check("no piece", ShareKind::Mutable, of_slot(&[])).await;
}

#[tokio::test]
async fn a_share_that_goes_on_after_its_end_ends_there() {
    let lied = lied(|method, itself| match method {
        "get_buckets" => Ok(dict(&[(0, itself)])),
        _ => Ok(bytes(b"short")),
    })
    .await;
    let (kind, share_number) = (ShareKind::Immutable, ShareNumber::new(0));
    let request = ReadRequest { kind, storage_index: SI, share_number, range: None };
    let stream = lied.client.read(request).await.unwrap();
    assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap(), [Bytes::from_static(b"short")]);
    lied.listening.stop().await;
}

#[tokio::test]
async fn allocations() {
    let check = async |what: &str, have: &[i128], allocated: &[i128]| {
        let (have, allocated) = (have.to_vec(), allocated.to_vec());
        let lied = lied(move |_, itself| {
            let have = Value::Set(have.iter().copied().map(int).collect());
            let allocated = allocated.iter().map(|number| (int(*number), itself.clone()));
            Ok(Value::Tuple(vec![have, Value::Dict(allocated.collect())]))
        })
        .await;
        let request = AllocateRequest {
            storage_index: SI,
            share_numbers: [ShareNumber::new(1)].into(),
            allocated_size: 1,
            upload_secret: UploadSecret::new(vec![1; 20]),
            lease: lease(),
        };
        assert_misbehaved(lied.client.allocate(request).await, what);
        lied.listening.stop().await;
    };
    check("not asked for", &[0], &[2]).await;
    check("had and allocated", &[1], &[1]).await;
    check("a far share", &[300], &[]).await;
}

#[tokio::test]
async fn changes_and_reads_of_slots() {
    let check = async |what: &str, answer: Value| {
        let tuple = Value::Tuple(vec![Value::Bool(true), answer.clone()]);
        let lied = lied(move |method, _| match method {
            "slot_readv" => Ok(answer.clone()),
            _ => Ok(tuple.clone()),
        })
        .await;
        let reads = vec![ReadVector::new(1, 4)];
        let share_numbers = vec![ShareNumber::new(3)];
        let request = SlotReadRequest { storage_index: SI, share_numbers, reads: reads.clone() };
        assert_misbehaved(lied.client.read_slot(request).await, what);
        let request = SlotWriteRequest {
            storage_index: SI,
            write_enabler: WriteEnabler::new([3; 32]),
            lease: lease(),
            changes: BTreeMap::new(),
            reads,
        };
        let answer = lied.client.write_slot(request).await;
        if what != "not asked for" {
            assert_misbehaved(answer, what);
        }
        lied.listening.stop().await;
    };
    let run = |data: &[u8]| Value::List(vec![bytes(data)]);
    check("no runs", dict(&[(3, Value::List(vec![]))])).await;
    check("two runs", dict(&[(3, Value::List(vec![bytes(b""), bytes(b"")]))])).await;
    check("a longer run", dict(&[(3, run(b"01234"))])).await;
    check("a share twice", dict(&[(3, run(b"")), (3, run(b""))])).await;
    check("a far share", dict(&[(256, run(b""))])).await;
    check("a text", dict(&[(3, Value::Text("a".into()))])).await;
    check("not asked for", dict(&[(4, run(b""))])).await;
}

#[tokio::test]
async fn a_server_without_a_version_is_taken_as_it_is() {
    let lied = lied(|_, _| Err(Failure::new("exceptions.AttributeError", "get_version"))).await;
    let version = lied.client.version().await.unwrap();
    assert_eq!(version.immutable_share_size_max, u64::from(u32::MAX));
    assert_eq!(version.mutable_share_size_max, 2_000_000_000);
    let answer = lied.client.list(ShareKind::Immutable, SI).await;
    assert_misbehaved(answer, "an error of no kind that we know");
    lied.listening.stop().await;
}
