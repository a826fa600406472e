//! Messages there and back, the traces of the specification, and what strangers may send.

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

/// An event and its bytes, both ways.
fn check(hex: &str, opens: u64, event: &Event) {
    assert_eq!(hex::encode(encode(event, opens)), hex.replace(' ', ""));
    let [incoming] = &decode(&unhex(hex)).unwrap()[..] else { panic!("one message: {hex}") };
    assert_eq!(incoming.event, *event, "{hex}");
}

/// The messages of section 15.6, each as a new connection would begin.
#[test]
fn traces_there_and_back() {
    let request = Some(RequestId(1));
    let swissnum = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let broker = Event::Call {
        request,
        target: Clid::BROKER,
        method: "getReferenceByName".to_owned(),
        arguments: Arguments::none().with("name", bytes(swissnum)),
    };
    check(
        &format!(
            "0088 0b87 0181 0081 1282 6765745265666572656e636542794e616d65 \
             0188 0c87 0081 0482 6e616d65 2082 {} 0189 0089",
            hex::encode(swissnum)
        ),
        0,
        &broker,
    );
    let version = Event::Call {
        request: Some(RequestId(2)),
        target: Clid(1),
        method: "get_version".to_owned(),
        arguments: Arguments::none(),
    };
    check("0288 0b87 0281 0181 0b82 6765745f76657273696f6e 0388 0c87 0081 0389 0289", 2, &version);
    let buckets = Event::Call {
        request: Some(RequestId(3)),
        target: Clid(1),
        method: "get_buckets".to_owned(),
        arguments: Arguments::positional(vec![bytes("0123456789abcdef")]),
    };
    check(
        "0488 0b87 0381 0181 0b82 6765745f6275636b657473 0588 0c87 0181 1082 \
         30313233343536373839616263646566 0589 0489",
        4,
        &buckets,
    );
}

#[test]
fn what_is_shared_is_there_each_time() {
    let tuple = || Value::Tuple(vec![Value::Int(7), bytes("x")]);
    let list = || Value::List(vec![tuple(), tuple()]);
    let shared = unhex(
        "0288 0b87 0281 0181 0282 676f 0388 0c87 0281 0488 0487 0588 0587 0781 0182 78 0589 0688 \
         0287 0581 0689 0489 0788 0287 0481 0789 0182 6b 0888 0287 0581 0889 0389 0289",
    );
    for len in [1, 2, 3, 1000] {
        // Two sequences were before it.
        let mut decoder = Decoder::new(Limits::default());
        decode_cut(&mut decoder, &encode(&answer(Value::None), 0), 7).unwrap();
        let got = decode_cut(&mut decoder, &shared, len).unwrap();
        let arguments = Arguments::positional(vec![list(), list()]).with("k", tuple());
        let [Incoming { event: Event::Call { arguments: got, .. }, .. }] = &got[..] else {
            panic!("one call")
        };
        assert_eq!(*got, arguments);
    }
}
