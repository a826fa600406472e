//! Any value, any bytes, cut anywhere.

use proptest::prelude::*;

use super::*;
use crate::banana::{Introduction, SenderObject};
use crate::call::Failure;
use crate::value::Copyable;

fn any_object() -> impl Strategy<Value = WireObject> {
    let introduction = proptest::option::of(proptest::option::of("RI[a-z]{1,9}"));
    (0..i32::MAX, introduction).prop_flat_map(|(clid, introduction)| {
        let introduction =
            introduction.map(|interface| Introduction { interface, furl: None }.into());
        let clid = Clid(clid);
        let mine = SenderObject { clid, introduction };
        prop_oneof![Just(WireObject::OfSender(mine)), Just(WireObject::OfReceiver(clid))]
    })
}

fn any_value() -> impl Strategy<Value = Wire> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|int| Value::Int(int.into())),
        // -2^127 has a magnitude that does not fit.
        (-i128::MAX..=i128::MAX).prop_map(Value::Int),
        any::<i64>().prop_map(|bits| Value::Float(bits as f64)),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())),
        (4000_usize..9000).prop_map(|len| Value::Bytes(vec![9; len].into())),
        Just(bytes("dict")),
        ".{0,20}".prop_map(Value::Text),
        any_object().prop_map(Value::Object),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let items = || proptest::collection::vec(inner.clone(), 0..6);
        let pairs = proptest::collection::btree_map("[a-z]{1,5}", inner.clone(), 0..6);
        prop_oneof![
            items().prop_map(Value::List),
            items().prop_map(Value::Tuple),
            items().prop_map(Value::Set),
            pairs.clone().prop_map(|pairs| {
                let pair = |(name, value): (String, Wire)| (Value::Bytes(name.into()), value);
                Value::Dict(pairs.into_iter().map(pair).collect())
            }),
            pairs.prop_map(|pairs| {
                let state = pairs.into_iter().collect();
                Value::Copyable(Copyable { name: "x.y".to_owned(), state })
            }),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let values = || proptest::collection::vec(any_value(), 0..4);
    let request = || (1_u32..1 << 31).prop_map(RequestId);
    let named = proptest::collection::btree_map("[a-z]{1,8}", any_value(), 0..4);
    let called = (proptest::option::of(request()), any::<i32>(), "[a-z]{1,30}", values(), named);
    let call = called.prop_map(|(request, target, method, positional, named)| {
        let arguments = Arguments { positional, named: named.into_iter().collect() };
        Event::Call { request, target: Clid(target), method, arguments }
    });
    let failure = ("[a-z.]{1,30}", ".{0,50}").prop_map(|(kind, message)| Failure {
        kind,
        message,
        traceback: "somewhere".to_owned(),
    });
    let result = prop_oneof![any_value().prop_map(Ok), failure.prop_map(Err)];
    let answer =
        (request(), result).prop_map(|(request, result)| Event::Answer { request, result });
    prop_oneof![call, answer]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn there_and_back(
        events in proptest::collection::vec(any_event(), 1..5),
        len in 1_usize..5000,
    ) {
        let mut stream = Vec::new();
        let mut opens = 0;
        for event in &events {
            let bytes = encode(event, opens);
            let mut decoder = Decoder::new(Limits::default());
            decode_cut(&mut decoder, &bytes, usize::MAX).unwrap();
            opens += decoder.opens;
            stream.extend(bytes);
        }
        let mut decoder = Decoder::new(Limits::default());
        let got = decode_cut(&mut decoder, &stream, len).unwrap();
        let got: Vec<Event> = got.into_iter().map(|got| got.event).collect();
        prop_assert_eq!(got, events);
    }

    #[test]
    fn damage_breaks_nothing(
        event in any_event(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
        len in 1_usize..200,
    ) {
        let mut stream = encode(&event, 0);
        for (at, byte) in damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream.truncate(end.index(stream.len()) + 1);
        let whole = decode(&stream);
        let cut = decode_cut(&mut Decoder::new(Limits::default()), &stream, len);
        // However it is cut, the same comes of it.
        prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    }

    #[test]
    fn any_bytes_are_answered(stream in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&stream);
    }

    /// Bytes that are mostly tokens.
    #[test]
    fn any_tokens_are_answered(
        tokens in proptest::collection::vec((0_u8..30, 0x80_u8..0x90), 0..100),
    ) {
        let tokens = tokens.into_iter().flat_map(|(number, kind)| [number, kind]);
        let stream: Vec<u8> = tokens.collect();
        let _ = decode(&[&[0, 0x88, 0x0d, 0x87, 1, 0x81], &stream[..]].concat());
    }
}
