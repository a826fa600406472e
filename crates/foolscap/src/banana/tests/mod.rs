//! Messages there and back, and what strangers may send.

mod good;
mod hostile;
mod random;

use bytes::{BufMut, Bytes};

use super::{
    Clid, Decoder, Encoder, Event, Incoming, Limits, Pieces, ProtocolError, RequestId, WireObject,
};
use crate::call::Arguments;
use crate::value::Value;

type Wire = Value<WireObject>;

/// What `bytes` bring, when they come in pieces of that length.
fn decode_cut(
    decoder: &mut Decoder,
    bytes: &[u8],
    len: usize,
) -> Result<Vec<Incoming>, ProtocolError> {
    let mut all = Vec::new();
    for piece in bytes.chunks(len.max(1)) {
        decoder.space().put_slice(piece);
        while let Some(incoming) = decoder.next()? {
            all.push(incoming);
        }
    }
    Ok(all)
}

fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, ProtocolError> {
    decode_cut(&mut Decoder::new(Limits::default()), bytes, usize::MAX)
}

/// The bytes of an event, after so many sequences.
fn encode(event: &Event, opens: u64) -> Vec<u8> {
    let mut encoder = Encoder::new(Limits::default());
    encoder.opens = opens;
    joined(match event {
        Event::Call { request, target, method, arguments } => {
            encoder.call(*request, *target, method, arguments).unwrap()
        }
        Event::Answer { request, result: Ok(value) } => encoder.answer(*request, value).unwrap(),
        Event::Answer { request, result: Err(failure) } => encoder.error(*request, failure),
        other => panic!("{other:?} is not sent"),
    })
}

fn joined(pieces: Pieces) -> Vec<u8> {
    pieces.into_iter().flatten().collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    hex::decode(hex.split_whitespace().collect::<String>()).unwrap()
}

fn bytes(text: &'static str) -> Wire {
    Value::Bytes(Bytes::from_static(text.as_bytes()))
}

fn answer(value: Wire) -> Event {
    Event::Answer { request: RequestId(1), result: Ok(value) }
}

fn call(method: &str, arguments: Arguments<WireObject>) -> Event {
    let (request, target) = (Some(RequestId(1)), Clid(1));
    Event::Call { request, target, method: method.to_owned(), arguments }
}
