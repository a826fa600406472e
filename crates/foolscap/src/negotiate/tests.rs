//! Both sides of a negotiation, good and bad.

use proptest::prelude::*;

use super::*;

/// A tub, by a certificate that is none.
fn tub(certificate: &[u8]) -> Us {
    Us { tub_id: TubId::of_certificate(certificate), incarnation: Incarnation::fixed() }
}

/// Two tubs and their certificates, the master second.
fn pair() -> [(Us, &'static [u8]); 2] {
    let mut pair = [&b"one"[..], b"other"].map(|certificate| (tub(certificate), certificate));
    pair.sort_by_key(|(us, _)| us.tub_id.to_string());
    pair
}

fn block(text: &str) -> Block {
    let (content, end) = block_end(text.as_bytes()).unwrap().unwrap();
    assert_eq!(end, text.len());
    Block::parse(&text.as_bytes()[..content]).unwrap()
}

/// The master, greeted with these lines besides its peer's id.
fn master_greeted(lines: &str) -> Result<Greeted, NegotiationError> {
    let [(minor, certificate), (master, _)] = pair();
    let greeting = Greeting::new(master, Role::Listener, certificate).unwrap();
    greeting.greeted(&block(&format!("{lines}my-tub-id: {}\r\n\r\n", minor.tub_id)))
}

fn offer(lines: &str) -> Offer {
    let ranges = "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\n";
    match master_greeted(&format!("{ranges}{lines}")) {
        Ok(Greeted::Decide(offer)) => offer,
        other => panic!("not ours to decide: {other:?}"),
    }
}

#[test]
fn what_a_dialler_says_first() {
    let us = tub(b"one");
    let text = request(us.tub_id, "host.example");
    let expected = format!(
        "GET /id/{} HTTP/1.1\r\nHost: host.example\r\nUpgrade: TLS/1.0\r\n\
         Connection: Upgrade\r\n\r\n",
        us.tub_id
    );
    assert_eq!(text, expected);
    assert_eq!(check_request(text.as_bytes(), us.tub_id), Ok(()));
    let other = tub(b"other").tub_id;
    assert_eq!(check_request(text.as_bytes(), other), Err(NegotiationError::UnknownTub(us.tub_id)));
    assert_eq!(check_response(SWITCHING.as_bytes()), Ok(()));
}

#[test]
fn what_is_no_request_and_no_response() {
    for text in ["", "POST /id/x", "GET", "GET /", "GET /id/", "GET /id/short HTTP/1.1", "\r\r"] {
        assert!(check_request(text.as_bytes(), tub(b"one").tub_id).is_err(), "{text}");
    }
    let refusal = NegotiationError::UnknownTub(tub(b"one").tub_id).response();
    let Err(NegotiationError::Refused(words)) = check_response(refusal.as_bytes()) else {
        panic!("not refused");
    };
    assert!(words.contains("unknown TubID"), "{words}");
    for text in ["", "HTTP/1.1", "HTTP/1.1 101 Switching Protocols", "SSH-2.0-x y", "\u{7f}"] {
        assert!(check_response(text.as_bytes()).is_err(), "{text}");
    }
    assert!(check_response(b"HTTP/1.1 101 \xff").is_err());
}

#[test]
fn hellos_are_written_as_python_writes_them() {
    let [(minor, certificate), (master, _)] = pair();
    let greeting = Greeting::new(master.clone(), Role::Dialler(minor.tub_id), certificate).unwrap();
    let expected = |last: &str| {
        format!(
            "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\n{last}\
             my-incarnation: 0123456789abcdef\r\nmy-tub-id: {}\r\n\r\n",
            master.tub_id
        )
    };
    assert_eq!(greeting.hello(None), expected("last-connection: none 0\r\n"));
    let last = Number { master: "ffff".to_owned(), sequence: 7 };
    assert_eq!(greeting.hello(Some(&last)), expected("last-connection: ffff 7\r\n"));
    let greeting = Greeting::new(master.clone(), Role::Listener, certificate).unwrap();
    assert_eq!(greeting.hello(Some(&last)), expected(""));
}

#[test]
fn two_tubs_agree_whoever_dials() {
    let [(minor, minor_certificate), (master, master_certificate)] = pair();
    for minor_dials in [true, false] {
        let (minor_role, master_role) = match minor_dials {
            true => (Role::Dialler(master.tub_id), Role::Listener),
            false => (Role::Listener, Role::Dialler(minor.tub_id)),
        };
        let greets_master = Greeting::new(minor.clone(), minor_role, master_certificate).unwrap();
        let greets_minor = Greeting::new(master.clone(), master_role, minor_certificate).unwrap();
        let (from_minor, from_master) = (greets_master.hello(None), greets_minor.hello(None));
        let Greeted::Decide(offer) = greets_minor.greeted(&block(&from_minor)).unwrap() else {
            panic!("the greater tub id decides");
        };
        let Greeted::Await(awaiting) = greets_master.greeted(&block(&from_master)).unwrap() else {
            panic!("the smaller tub id waits");
        };
        assert_eq!(offer.peer(), minor.tub_id);
        let (decision, mastered) = offer.accept(3);
        assert_eq!(mastered.sequence, 3);
        assert_eq!(
            decision,
            "banana-decision-version: 3\r\ncurrent-connection: 0123456789abcdef 3\r\n\
             initial-vocab-table-index: 1 bb33\r\n\r\n"
        );
        let decided = awaiting.decided(&block(&decision)).unwrap();
        assert_eq!(decided.peer, master.tub_id);
        let number = Number { master: master.incarnation.0.clone(), sequence: 3 };
        assert_eq!(decided.number, Some(number));
    }
}

#[test]
fn who_lies_is_refused() {
    let [(minor, certificate), (master, _)] = pair();
    let third = tub(b"third");
    let role = Role::Dialler(third.tub_id);
    let wrong = Greeting::new(master.clone(), role, certificate).unwrap_err();
    assert_eq!(wrong, NegotiationError::WrongTub(minor.tub_id));
    assert!(Greeting::new(minor.clone(), Role::Listener, certificate).is_err());
    for id in [third.tub_id.to_string(), "none".to_owned(), String::new()] {
        let greeting = Greeting::new(master.clone(), Role::Listener, certificate).unwrap();
        let hello = format!("banana-negotiation-range: 3 3\r\nmy-tub-id: {id}\r\n\r\n");
        assert_eq!(greeting.greeted(&block(&hello)).unwrap_err(), NegotiationError::Mismatch);
    }
}

#[test]
fn hellos_that_come_to_nothing() {
    let ranges = [
        "",
        "banana-negotiation-range: 1 2\r\n",
        "banana-negotiation-range: 4 9\r\n",
        "banana-negotiation-range: 3\r\n",
        "banana-negotiation-range: x y\r\n",
        "banana-negotiation-range: 3 99999999999\r\n",
        "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 0\r\n",
        "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 2 3\r\n",
        "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\nlast-connection: x\r\n",
    ];
    for lines in ranges {
        assert!(master_greeted(lines).is_err(), "{lines}");
    }
    let error = master_greeted("error: your\tfault\r\n").unwrap_err();
    assert_eq!(error, NegotiationError::Refused("yourfault".to_owned()));
    let long = master_greeted(&format!("error: {}\r\n", "x".repeat(3000))).unwrap_err();
    assert_eq!(long, NegotiationError::Refused("x".repeat(QUOTE_LEN_MAX)));
}

#[test]
fn decisions_that_come_to_nothing() {
    let decided = |text: &str| {
        let awaiting = Awaiting { peer: tub(b"one").tub_id };
        awaiting.decided(&block(text)).map(|decided| decided.number)
    };
    let good = "banana-decision-version: 3\r\ninitial-vocab-table-index: 1 bb33\r\n";
    assert_eq!(decided(&format!("{good}\r\n")), Ok(None));
    assert!(decided(&format!("{good}current-connection: x\r\n\r\n")).is_err());
    assert!(decided("initial-vocab-table-index: 1 bb33\r\n\r\n").is_err());
    assert!(decided(&format!("{}\r\n", good.replace("bb33", "bb34"))).is_err());
    assert!(decided(&format!("{}\r\n", good.replace("1 bb33", "0 da39"))).is_err());
    assert!(decided(&format!("{}\r\n", good.replace("3\r\ni", "2\r\ni"))).is_err());
    let refused = decided(&NegotiationError::Duplicate.block()).unwrap_err();
    assert_eq!(refused, NegotiationError::Refused("Duplicate connection".to_owned()));
}

/// Whether an offer takes the place of connection 5 of incarnation `aaaa`.
#[test]
fn which_of_two_connections_stays() {
    let ours = "0123456789abcdef";
    let same = "my-incarnation: aaaa\r\n";
    for (lines, expected, why) in [
        (format!("{same}last-connection: {ours} 5\r\n"), true, "it knows the one that we know"),
        (format!("{same}last-connection: {ours} 4\r\n"), false, "it knows an older one"),
        (format!("{same}last-connection: {ours} 6\r\n"), false, "it knows one that is not yet"),
        (format!("{same}last-connection: bbbb 5\r\n"), true, "it knows an earlier run of ours"),
        (format!("{same}last-connection: none 0\r\n"), false, "it dials twice at once"),
        (same.to_owned(), false, "we dialled twice at once"),
        ("my-incarnation: cccc\r\nlast-connection: none 0\r\n".to_owned(), true, "a new run"),
        (format!("my-incarnation: cccc\r\nlast-connection: {ours} 4\r\n"), true, "a new run"),
        (format!("last-connection: {ours} 5\r\n"), false, "it does not say which run it is"),
    ] {
        let existing = Mastered { incarnation: "aaaa".to_owned(), sequence: 5 };
        assert_eq!(offer(&lines).replaces(&existing), expected, "{why}");
    }
}

#[test]
fn blocks_have_an_end_within_bounds() {
    let end = "\r\n\r\n";
    let longest = "x".repeat(BLOCK_LEN_MAX - end.len());
    assert_eq!(
        block_end(format!("{longest}{end}more").as_bytes()),
        Ok(Some((longest.len(), BLOCK_LEN_MAX)))
    );
    let longer = format!("x{longest}{end}");
    assert_eq!(block_end(longer.as_bytes()), Err(NegotiationError::TooLong));
    assert_eq!(block_end(&longer.as_bytes()[..BLOCK_LEN_MAX - 1]), Ok(None));
    assert!(Block::parse(b"no colon").is_err());
    assert!(Block::parse(b"a: b\xff").is_err());
    let block = Block::parse(b"Key:  a: b\r\nKEY: c").unwrap();
    assert_eq!(block.value("key"), Some("c"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_block_or_refused(
        bytes: Vec<u8>,
        lines in "([a-z-]{1,30}: ?\\PC{0,40}\r\n){0,6}",
    ) {
        crate::fuzzing::negotiation(&bytes);
        let known = [
            "banana-negotiation-range: 3 3", "initial-vocab-table-range: 0 1",
            "last-connection: none 0", "banana-decision-version: 3",
        ];
        crate::fuzzing::negotiation(format!("{}\r\n{lines}\r\n", known.join("\r\n")).as_bytes());
    }
}
