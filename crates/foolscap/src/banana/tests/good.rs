//! What the real Foolscap sends, and what we do.

use serde_json::Value as Json;

use super::*;
use crate::banana::{Introduction, SenderObject};
use crate::call::{CallError, Failure};
use crate::value::Copyable;

/// Made by Foolscap itself: see `vectors/make_banana.py`.
const VECTORS: &str = include_str!("../../../../../vectors/banana.json");

fn hexed(json: &Json) -> Bytes {
    hex::decode(json.as_str().unwrap()).unwrap().into()
}

fn string(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

fn list(json: &Json) -> Vec<Wire> {
    json.as_array().unwrap().iter().map(value).collect()
}

fn named(json: &Json) -> Vec<(String, Wire)> {
    json.as_array().unwrap().iter().map(|pair| (string(&pair[0]), value(&pair[1]))).collect()
}

fn number<T: TryFrom<i64, Error: std::fmt::Debug>>(json: &Json) -> T {
    T::try_from(json.as_i64().unwrap()).unwrap()
}

fn mine(of: &[Json]) -> WireObject {
    let introduction = of.get(1).map(|interface| {
        let interface = Some(string(interface)).filter(|interface| !interface.is_empty());
        Introduction { interface, furl: of[2].as_str().map(|furl| furl.parse().unwrap()) }.into()
    });
    WireObject::OfSender(SenderObject { clid: Clid(number(&of[0])), introduction })
}

fn value(json: &Json) -> Wire {
    let of = match json {
        Json::Null => return Value::None,
        Json::Bool(value) => return Value::Bool(*value),
        other => other.as_object().unwrap(),
    };
    let (kind, of) = of.iter().next().unwrap();
    match kind.as_str() {
        "int" => Value::Int(of.as_str().unwrap().parse().unwrap()),
        "float" => Value::Float(f64::from_be_bytes(hexed(of)[..].try_into().unwrap())),
        "bytes" => Value::Bytes(hexed(of)),
        "text" => Value::Text(string(of)),
        "list" => Value::List(list(of)),
        "tuple" => Value::Tuple(list(of)),
        "set" => Value::Set(list(of)),
        "dict" => {
            let pair = |pair: &Json| (value(&pair[0]), value(&pair[1]));
            Value::Dict(of.as_array().unwrap().iter().map(pair).collect())
        }
        "copyable" => Value::Copyable(Copyable { name: string(&of[0]), state: named(&of[1]) }),
        "mine" => Value::Object(mine(of.as_array().unwrap())),
        "yours" => Value::Object(WireObject::OfReceiver(Clid(number(of)))),
        other => panic!("no value is a {other}"),
    }
}

fn event(json: &Json) -> Event {
    let (kind, of) = json.as_object().unwrap().iter().next().unwrap();
    let request = RequestId(number(&of[0]));
    match kind.as_str() {
        "call" => Event::Call {
            request: Some(request).filter(|request| request.0 != 0),
            target: Clid(number(&of[1])),
            method: string(&of[2]),
            arguments: Arguments { positional: list(&of[3]), named: named(&of[4]) },
        },
        "answer" => Event::Answer { request, result: Ok(value(&of[1])) },
        "error" => {
            let mut failure = Failure::new(of[1].as_str().unwrap(), string(&of[2]));
            failure.traceback = string(&of[3]);
            Event::Answer { request, result: Err(failure) }
        }
        other => panic!("no message is a {other}"),
    }
}

#[test]
fn foolscap_and_we_send_the_same() {
    let rows: Vec<Json> = serde_json::from_str(VECTORS).unwrap();
    assert!(rows.len() > 60);
    for row in &rows {
        let (name, bytes) = (row["name"].as_str().unwrap(), hexed(&row["bytes"]));
        let (expected, before) = (event(&row["message"]), number(&row["before"]));
        if row["decode"] == false {
            assert_eq!(hex::encode(encode(&expected, before)), hex::encode(&bytes), "{name}");
        }
        for len in [1, 2, 5, 61, usize::MAX] {
            let mut decoder = Decoder::new(Limits::default());
            decoder.opens = before;
            let got = decode_cut(&mut decoder, &bytes, len).unwrap();
            let [incoming] = &got[..] else { panic!("{name}: not one message, but {got:?}") };
            assert_eq!(incoming.event, expected, "{name}");
            assert_eq!(decoder.opens, before + opens_in(&bytes), "{name}");
        }
    }
}

/// How many sequences begin, as far as the tokens say.
fn opens_in(bytes: &[u8]) -> u64 {
    let mut tokens = crate::banana::Tokenizer::new();
    tokens.space().put_slice(bytes);
    let mut opens = 0;
    while let Some(token) = tokens.next(Some(usize::MAX)).unwrap() {
        opens += u64::from(matches!(token, crate::banana::Token::Open(_)));
    }
    opens
}

/// The messages of section 15.6.
#[test]
fn traces() {
    let check = |hex: &str, opens, event: &Event| {
        assert_eq!(hex::encode(encode(event, opens)), hex.replace(' ', ""));
        let [incoming] = &decode(&unhex(hex)).unwrap()[..] else { panic!("one message: {hex}") };
        assert_eq!(incoming.event, *event, "{hex}");
    };
    let swissnum = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let first = Event::Call {
        request: Some(RequestId(1)),
        target: Clid::BROKER,
        method: "getReferenceByName".to_owned(),
        arguments: Arguments::none().with("name", bytes(swissnum)),
    };
    let hex = format!(
        "0088 0b87 0181 0081 1282 6765745265666572656e636542794e616d65 0188 0c87 0081 \
         0482 6e616d65 2082 {} 0189 0089",
        hex::encode(swissnum)
    );
    check(&hex, 0, &first);
    let hex = "0288 0b87 0181 0181 0b82 6765745f76657273696f6e 0388 0c87 0081 0389 0289";
    check(hex, 2, &call("get_version", Arguments::none()));
    let hex = "0488 0b87 0181 0181 0b82 6765745f6275636b657473 0588 0c87 0181 1082 \
               30313233343536373839616263646566 0589 0489";
    let arguments = Arguments::positional(vec![bytes("0123456789abcdef")]);
    check(hex, 4, &call("get_buckets", arguments));
}

#[test]
fn references_are_counted_as_often_as_they_were_sent() {
    // A tuple with a reference, sent once and referred to once.
    let shared = "0088 0d87 0181 0188 0487 0288 0587 0388 0f87 0581 0082 0389 0289 \
                  0488 0287 0281 0489 0189 0089";
    let [Incoming { event, references }] = &decode(&unhex(shared)).unwrap()[..] else {
        panic!("one message")
    };
    let introduction = Some(Introduction { interface: None, furl: None }.into());
    let object = SenderObject { clid: Clid(5), introduction };
    let tuple = || Value::Tuple(vec![Value::Object(WireObject::OfSender(object.clone()))]);
    assert_eq!(*event, answer(Value::List(vec![tuple(), tuple()])));
    assert_eq!(*references, std::slice::from_ref(&object));
}

#[test]
fn keepalives_come_between_and_within_messages() {
    let message = encode(&answer(Value::Int(1)), 0);
    let (head, tail) = message.split_at(4);
    let (ping, pong) = (Encoder::ping(0), Encoder::pong(300));
    let stream = [&Encoder::ping(300)[..], head, &pong, tail, &ping].concat();
    let events: Vec<Event> = decode(&stream).unwrap().into_iter().map(|got| got.event).collect();
    let expected = [Event::Ping(300), Event::Pong(300), answer(Value::Int(1)), Event::Ping(0)];
    assert_eq!(events, expected);
}

#[test]
fn long_strings_are_not_copied() {
    let data = Bytes::from(vec![7; 1 << 20]);
    let mut encoder = Encoder::new(Limits::default());
    let pieces = encoder.answer(RequestId(1), &Value::Bytes(data.clone())).unwrap();
    assert_eq!(pieces.len(), data.len() + 12);
    assert!(pieces.clone().into_iter().any(|piece| piece.as_ptr() == data.as_ptr()));
    let [Incoming { event, .. }] = &decode(&joined(pieces)).unwrap()[..] else {
        panic!("one message")
    };
    assert_eq!(*event, answer(Value::Bytes(data)));
}

#[test]
fn failures_are_cut_to_what_peers_take() {
    let mut failure = Failure::new(&"k".repeat(3000), "\u{e9}".repeat(3000));
    failure.traceback = "t".repeat(3000);
    let bytes = encode(&Event::Answer { request: RequestId(1), result: Err(failure) }, 0);
    let [Incoming { event: Event::Answer { result: Err(failure), .. }, .. }] =
        &decode(&bytes).unwrap()[..]
    else {
        panic!("one failure")
    };
    let Failure { kind, message, traceback } = failure;
    assert_eq!((kind.len(), message.len(), traceback.len()), (200, 1000, 1900));
}

#[test]
fn what_is_too_large_is_not_sent_and_does_no_harm() {
    let mut encoder = Encoder::new(Limits { weight_max: 1000, depth_max: 5 });
    let large = Value::Bytes(vec![0; 1000].into());
    let deep = Value::List(vec![Value::List(vec![Value::List(vec![Value::Tuple(vec![])])])]);
    for value in [large, Value::List(vec![deep.clone()])] {
        let refused = encoder.answer(RequestId(1), &value).unwrap_err();
        assert_eq!(refused, CallError::TooLarge);
    }
    let bytes = joined(encoder.answer(RequestId(1), &deep).unwrap());
    assert_eq!(bytes, encode(&answer(deep), 0));
}

#[test]
fn what_a_call_carries_is_not_in_its_debug() {
    let arguments = Arguments::positional(vec![bytes("hush"), Value::Text("hush".to_owned())]);
    assert!(!format!("{:?}", call("go", arguments)).contains("hush"));
}
