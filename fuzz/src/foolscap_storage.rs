//! Calls and answers of storage over Foolscap (specification section 6.7).

use bytes::Bytes;
use foolscap::banana::{Clid, Encoder, Limits, RequestId, WireObject};
use foolscap::{Arguments, Value};

/// A value without the objects of a connection.
type Wire = Value<WireObject>;

/// Reads any bytes as all messages of it.
pub fn target(data: &[u8]) {
    tallac_net::fuzzing::foolscap_storage(data);
}

fn bytes(text: &'static [u8]) -> Wire {
    Value::Bytes(Bytes::from_static(text))
}

/// One message of each shape that is sent.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let (index, secret) = (bytes(b"0123456789abcdef"), bytes(b"0123456789abcdef0123456789abcdef"));
    let numbers = |numbers: &[i128]| numbers.iter().map(|n| Value::Int(*n)).collect::<Vec<_>>();
    let canary = Value::Object(WireObject::OfReceiver(Clid(1)));
    let test = Value::Tuple(vec![Value::Int(0), Value::Int(4), bytes(b"eq"), bytes(b"abcd")]);
    let write = Value::Tuple(vec![Value::Int(0), bytes(b"data")]);
    let change = Value::Tuple(vec![Value::List(vec![test]), Value::List(vec![write]), Value::None]);
    let reads = Value::List(vec![Value::Tuple(numbers(&[0, 10]))]);
    let secrets = Value::Tuple(vec![secret.clone(), secret.clone(), secret.clone()]);
    let calls = [
        vec![
            index.clone(),
            secret.clone(),
            secret.clone(),
            Value::Set(numbers(&[0, 1])),
            Value::Int(1000),
            canary,
        ],
        vec![index.clone(), secret.clone(), secret],
        vec![index.clone()],
        vec![Value::Int(0), bytes(b"some of a share")],
        numbers(&[0, 100]),
        vec![index.clone(), Value::List(numbers(&[0])), reads.clone()],
        vec![index.clone(), secrets, Value::Dict(vec![(Value::Int(0), change)]), reads],
        vec![bytes(b"mutable"), index, Value::Int(3), bytes(b"why")],
    ];
    let read = Value::Dict(vec![(Value::Int(0), Value::List(vec![bytes(b"data")]))]);
    let answers = [
        Value::Tuple(vec![Value::Set(numbers(&[2])), Value::Dict(Vec::new())]),
        bytes(b"data"),
        read.clone(),
        Value::Tuple(vec![Value::Bool(true), read]),
        Value::Dict(vec![(bytes(b"application-version"), bytes(b"a/1"))]),
    ];
    let mut seeds = Vec::new();
    for positional in calls {
        let arguments = Arguments { positional, named: Vec::new() };
        let mut encoder = Encoder::new(Limits::default());
        seeds.extend(encoder.call(Some(RequestId(1)), Clid(1), "method", &arguments));
    }
    for value in answers {
        seeds.extend(Encoder::new(Limits::default()).answer(RequestId(1), &value));
    }
    seeds.into_iter().map(|pieces| pieces.into_iter().flatten().collect()).collect()
}
