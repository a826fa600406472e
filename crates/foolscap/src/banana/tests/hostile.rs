//! What strangers may send.

use std::time::Instant;

use super::*;
use crate::call::Failure;

fn refused(request: Option<u32>, why: &str) -> Event {
    Event::RefusedCall { request: request.map(RequestId), why: Failure::violation(why) }
}

/// The opening of a call up to its arguments, which have 1 value.
const CALL: &str = "0088 0b87 0181 0181 0282 676f 0188 0c87 0181";

/// A message is refused by itself, and the next is taken.
fn check_violation(hex: &str, expected: &Event) {
    let next = encode(&answer(Value::Int(2)), 40);
    for len in [1, 3, usize::MAX] {
        let mut decoder = Decoder::new(Limits::default());
        let got = decode_cut(&mut decoder, &[unhex(hex), next.clone()].concat(), len).unwrap();
        let events: Vec<&Event> = got.iter().map(|got| &got.event).collect();
        assert_eq!(events, [expected, &answer(Value::Int(2))], "{hex}");
    }
}

#[test]
fn violations_refuse_one_message() {
    let check = |rest: &str, why: &str| {
        check_violation(&format!("{CALL} {rest} 0189 0089"), &refused(Some(1), why));
    };
    check("0288 0382 78797a 0581 0388 0487 0389 0289", "unknown OPEN type");
    check("0288 0587 0388 0f82 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f 0389 0289", "unknown OPEN type");
    check("0288 0581 0289", "index token not STRING or VOCAB");
    check("0288 0187 0581 0581 0289", "a boolean is one INT token");
    check("0288 0887 0282 ffff 0289", "a text is not UTF-8");
    check("0288 0387 0581 0289", "a key has no value");
    check("0288 0287 0281 0289", "a reference to nothing that is complete");
    check("0288 0487 0388 0287 0281 0389 0289", "a reference to nothing that is complete");
    check("0288 0287 7f7f7f7f7f81 0289", "a reference to nothing that is complete");
    check("0288 1187 0581 0282 6162 0289", "gifts are prohibited in this Tub");
    check("0288 0c87 0081 0289", "such a sequence does not belong there");
    check("0288 0087 0581 0289", "a sequence has what does not belong there");
    check("0288 1287 0182 61 0582 0102030405 0289", "a key has no value");
    check("1185 0102030405060708090a0b0c0d0e0f1011", "a token is too long");
    check("1086 ffffffffffffffffffffffffffffffff", "a token is too long");
    check("", "'arguments' sequence ended too early");
}

#[test]
fn what_is_given_up_is_not_answered() {
    check_violation(
        &format!("{CALL} 0288 0487 028a 0289 018a 0189 008a 0089"),
        &refused(None, "ABORT received"),
    );
    let why = Failure::violation("ABORT received");
    let event = Event::RefusedAnswer { request: RequestId(7), why };
    check_violation("0088 0d87 0781 0188 0487 018a 0189 008a 0089", &event);
}

#[test]
fn unknown_messages_are_passed_over() {
    check_violation("0088 0487 0581 0089", &refused(None, "unknown top-level OPEN type"));
    check_violation("0088 0581 0089", &refused(None, "index token not STRING or VOCAB"));
    check_violation("0088 0d87 0081 0581 0089", &refused(None, "an answer to nothing"));
    let why = Failure::violation("an error has no failure in it");
    let event = Event::RefusedAnswer { request: RequestId(3), why };
    check_violation("0088 0e87 0381 0581 0089", &event);
}

#[test]
fn protocol_errors_end_the_connection() {
    let check = |hex: &str, expected: &str| {
        for len in [1, usize::MAX] {
            let mut decoder = Decoder::new(Limits::default());
            let error = decode_cut(&mut decoder, &unhex(hex), len).unwrap_err();
            assert_eq!(error.to_string(), expected, "{hex}");
        }
    };
    check("0581", "top-level must be OPEN");
    check("80", "Invalid Type Byte 0x80");
    check("8b", "Invalid Type Byte 0x8b");
    check(&"00".repeat(65), "token prefix is limited to 64 bytes");
    check("ffffff", "Invalid Type Byte 0xff");
    check("7f7f7f7f7f7f7f7f7f7f 81", "a number of a token is too large");
    check("1987", "a VOCAB token has no word: 25");
    check("0088 0188", "OPEN token followed by OPEN");
    check("0088 0089", "lost sync, got another CLOSE");
    check("0088 0b87 0189", "lost sync, got another CLOSE");
    check("0089", "lost sync, got another CLOSE");
    check("008a", "ABORT outside of a sequence");
    check("0088 0b87 0182 61", "request ID must be an INT");
    check("0088 0b87 0485 80000000", "request ID must be an INT");
    check("0088 0b87 0181 0182 61", "object ID must be an INT/NEG");
    check("0088 0b87 0181 0181 0181", "method name must be a STRING");
    check("0088 0b87 0181 0089", "'call' sequence ended too early");
    check("0088 0d87 0181 0089", "Answer didn't include an answer");
    check("0088 0d87 0181 0181 0181", "stop sending me stuff!");
    check("0088 0a87", "changes of the vocabulary are not taken");
    check("7f7f8d", "oversized ERROR token");
    check("038d 627965", "the peer gave up: bye");
    let long = format!("{CALL} 7f7f7f7f7f82");
    check(&long, "a token has a body of 34359738367 bytes");
}

#[test]
fn ten_thousand_nested_sequences_cost_nothing() {
    let mut stream = unhex(CALL);
    for _ in 0..10_000 {
        stream.extend_from_slice(&unhex("0288 0487"));
    }
    for _ in 0..10_000 {
        stream.extend_from_slice(&unhex("0289"));
    }
    let hex = format!("{} 0189 0089", hex::encode(stream));
    check_violation(&hex, &refused(Some(1), "sequences are nested too deep"));
}

#[test]
fn nesting_by_reference_is_as_deep_as_it_reads() {
    // Lists in one list: each holds a reference to the one before.
    let mut stream = unhex("0088 0d87 0181 0188 0487 0288 0487 0289");
    for turn in 0..100_u8 {
        let (list, inner, last) = (3 + 2 * turn, 4 + 2 * turn, 1 + 2 * turn);
        let last = if turn == 0 { 2 } else { last };
        for (number, kind) in [(list, 0x88), (4, 0x87), (inner, 0x88), (2, 0x87), (last, 0x81)] {
            stream.extend(if number < 128 {
                vec![number, kind]
            } else {
                vec![number & 0x7f, 1, kind]
            });
        }
        for number in [inner, list] {
            stream.extend(if number < 128 {
                vec![number, 0x89]
            } else {
                vec![number & 0x7f, 1, 0x89]
            });
        }
    }
    let why = Failure::violation("sequences are nested too deep");
    let got = decode(&stream).unwrap();
    assert_eq!(got[0].event, Event::RefusedAnswer { request: RequestId(1), why });
}

#[test]
fn a_billion_laughs_weigh_too_much() {
    // Each list is ten times the one before.
    let mut stream = unhex("0088 0d87 0181 0188 0487 0288 0487 0382 6c6f6c 0289");
    let (mut next, mut last) = (3_u8, 2_u8);
    for _ in 0..9 {
        let list = next;
        stream.extend([list, 0x88, 4, 0x87]);
        next += 1;
        for _ in 0..10 {
            stream.extend([next, 0x88, 2, 0x87, last, 0x81, next, 0x89]);
            next += 1;
        }
        stream.extend([list, 0x89]);
        last = list;
    }
    stream.extend(unhex("0189 0089"));
    let why = Failure::violation("the message is too large");
    let got = decode(&stream).unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].event, Event::RefusedAnswer { request: RequestId(1), why });
}

#[test]
fn a_header_reserves_nothing() {
    let mut decoder = Decoder::new(Limits::default());
    // A string of 126 MiB is announced.
    let head = unhex(&format!("{CALL} 7f7f7f3e82"));
    assert_eq!(decode_cut(&mut decoder, &head, 100).unwrap(), []);
    assert!(decoder.space().capacity() <= 2 << 20);
    // And one that is too long is passed over as it comes.
    let mut decoder = Decoder::new(Limits { weight_max: 10_000, ..Limits::default() });
    let got = decode_cut(&mut decoder, &head, 100).unwrap();
    assert_eq!(got[0].event, refused(Some(1), "a token is too long"));
    let mut left = 0x7df_ffff;
    while left > 0 {
        let len = left.min(100_000);
        assert_eq!(decode_cut(&mut decoder, &vec![0x7f; len], usize::MAX).unwrap(), []);
        left -= len;
        assert!(decoder.space().capacity() <= 1 << 20);
    }
    let next = [unhex("0189 0089"), encode(&answer(Value::None), 2)].concat();
    assert_eq!(decode_cut(&mut decoder, &next, 1).unwrap()[0].event, answer(Value::None));
}

#[test]
fn messages_too_large_are_refused_whole() {
    let limits = Limits { weight_max: 10_000, ..Limits::default() };
    let items = Value::List((0..1000).map(Value::Int).collect());
    let mut decoder = Decoder::new(limits);
    let stream = [encode(&answer(items), 0), encode(&answer(Value::None), 2)].concat();
    let got = decode_cut(&mut decoder, &stream, 10).unwrap();
    let why = Failure::violation("the message is too large");
    let events: Vec<&Event> = got.iter().map(|got| &got.event).collect();
    let refused = Event::RefusedAnswer { request: RequestId(1), why };
    assert_eq!(events, [&refused, &answer(Value::None)]);
}

#[test]
fn cutting_finely_costs_linear_time() {
    let message = encode(&answer(Value::Bytes(vec![7; 4 << 20].into())), 0);
    let begun = Instant::now();
    let mut decoder = Decoder::new(Limits::default());
    let got = decode_cut(&mut decoder, &message, 16).unwrap();
    assert_eq!(got.len(), 1);
    assert!(begun.elapsed().as_secs() < 20, "not linear");
}
