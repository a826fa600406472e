//! `tallac debug` prints what Tahoe-LAFS prints.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::{scratch, tallac};

const CAPS: &str = include_str!("../../../../vectors/dump_cap.json");
const SHARES: &str = include_str!("../../../../vectors/dump_share.json");
const SECRET: &str = "boity2cdh7jvl3ltaeebuiobbspjmbuopnwbde2yeh4k6x7jioga";

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn caps() {
    let (_guard, dir) = scratch();
    fs::create_dir_all(dir.join("client/private")).unwrap();
    fs::write(dir.join("client/private/secret"), format!("{SECRET}\n")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(CAPS).unwrap();
    assert!(cases.len() > 50);
    for case in cases {
        let args = texts(&case["args"]).into_iter();
        let args: Vec<_> = args.map(|arg| if arg == "CLIENT" { "client" } else { arg }).collect();
        let done = tallac(&dir, &[&["debug", "dump-cap"][..], &args].concat());
        let mut expected = texts(&case["out"]);
        if args == ["URI:DIR2-LIT:"] {
            // Tahoe-LAFS makes such caps, but its dump does not know them.
            expected = vec!["", "Literal Directory URI:", " data: ''"];
        }
        assert_eq!(done.out.lines().collect::<Vec<_>>(), expected, "{args:?}");
        assert_eq!(done.status, 0, "{args:?}");
        assert_eq!(done.err.is_empty(), expected != ["", "unknown cap type"], "{args:?}");
    }
}

#[test]
fn bad_arguments_of_dump_cap_are_not_repeated() {
    let (_guard, dir) = scratch();
    let cap = "URI:LIT:";
    let cases: [(&[&str], &str); 4] = [
        (&["-n", "hush", cap], "--nodeid must be a tub id"),
        (&["-c", "hush", cap], "--client-secret must be 52 base32 characters"),
        (&["http://localhost/hush"], "must begin with /uri/"),
        (&["http://localhost/uri/%ff"], "the web address holds no text"),
    ];
    for (args, expected) in cases {
        let done = tallac(&dir, &[&["debug", "dump-cap"][..], args].concat());
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{args:?}");
        assert!(done.err.contains(expected) && !done.err.contains("hush"), "{}", done.err);
    }
}

#[test]
fn shares() {
    let (_guard, dir) = scratch();
    let cases: Vec<Value> = serde_json::from_str(SHARES).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let path = case["path"].as_str().unwrap();
        let file = dir.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, HEXLOWER.decode(case["hex"].as_str().unwrap().as_bytes()).unwrap())
            .unwrap();
        for run in case["runs"].as_array().unwrap() {
            let flags = texts(&run[0]);
            let done = tallac(&dir, &[&["debug", "dump-share"][..], &flags, &[path]].concat());
            let lines = done.out.lines().map(|line| {
                let line = line.replace(dir.to_str().unwrap(), "BASE");
                match line.split_once("expire in ") {
                    Some((start, ends)) if is_span(ends) => format!("{start}expire in _"),
                    _ => line,
                }
            });
            assert_eq!(json!(lines.collect::<Vec<_>>()), run[1], "{path} {flags:?}");
            assert_eq!((done.status, done.err.as_str()), (0, ""), "{path} {flags:?}");
        }
    }
}

const TOOLS: &str = include_str!("../../../../vectors/share_tools.json");

/// Lays the containers of both vectors out as a node directory `node`, with a file that is none.
fn lay_out(dir: &Path) -> Value {
    let tools: Value = serde_json::from_str(TOOLS).unwrap();
    let shares: Vec<Value> = serde_json::from_str(SHARES).unwrap();
    let mutable = tools["dumps"].as_array().unwrap().iter();
    let immutable = shares.iter().filter(|case| {
        let path = case["path"].as_str().unwrap();
        path.starts_with("storage/")
    });
    let places = mutable
        .map(|case| (case["path"].as_str().unwrap().to_owned(), case))
        .chain(immutable.map(|case| (format!("node/{}", case["path"].as_str().unwrap()), case)));
    for (path, case) in places {
        let file = dir.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let bytes = HEXLOWER.decode(case["hex"].as_str().unwrap().as_bytes()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let none = dir.join("node/storage/shares/zz/zzzzzzzzzzzzzzzzzzzzzzzzzz");
    fs::create_dir_all(&none).unwrap();
    fs::write(none.join("0"), "this is no share of any kind at all, whoever looks at it\n")
        .unwrap();
    tools
}

#[test]
fn mutable_shares() {
    let (_guard, dir) = scratch();
    let tools = lay_out(&dir);
    for case in tools["dumps"].as_array().unwrap() {
        let path = case["path"].as_str().unwrap();
        for run in case["runs"].as_array().unwrap() {
            let flags = texts(&run[0]);
            let done = tallac(&dir, &[&["debug", "dump-share"][..], &flags, &[path]].concat());
            let lines = done.out.lines().map(|line| {
                let line = line.replace(dir.to_str().unwrap(), "BASE");
                match line.split_once("expires in ") {
                    Some((start, ends)) if is_span(ends) => format!("{start}expires in _"),
                    _ => line,
                }
            });
            assert_eq!(lines.collect::<Vec<_>>(), texts(&run[1]), "{path} {flags:?}");
            assert_eq!((done.status, done.err.as_str()), (0, ""), "{path} {flags:?}");
        }
    }
}

#[test]
fn shares_are_found_and_catalogued() {
    let (_guard, dir) = scratch();
    let tools = lay_out(&dir);
    let done = tallac(&dir, &["debug", "catalog-shares", "node", "no-such-node"]);
    let lines = done.out.lines().map(|line| {
        let line = line.replace(dir.to_str().unwrap(), "BASE");
        let Some((start, path)) = line.split_once(" 'BASE") else { return line };
        match start.rsplit_once(' ') {
            Some((start, seconds)) if seconds.parse::<u64>().is_ok() => {
                format!("{start} _ 'BASE{path}")
            }
            _ => line,
        }
    });
    assert_eq!(lines.collect::<Vec<_>>(), texts(&tools["catalog"]));
    assert_eq!((done.status, done.err.as_str()), (0, ""));

    let found = tallac(&dir, &["debug", "find-shares", "l4mxekowbifld6ubhmmg5kwrdy", "node", "x"]);
    let place = dir.join("node/storage/shares/l4/l4mxekowbifld6ubhmmg5kwrdy");
    let expected: String = ["0", "9"].map(|n| format!("{}\n", place.join(n).display())).concat();
    assert_eq!((found.status, found.out), (0, expected));
    let done = tallac(&dir, &["debug", "find-shares", "x", "node"]);
    assert!(done.status == 1 && done.err.contains("26 base32 characters"), "{}", done.err);
    let done = tallac(&dir, &["debug", "catalog-shares"]);
    assert!(done.status == 1 && done.out.contains("NODEDIR"), "{}", done.out);

    // What cannot be read is told, and does not end it.
    fs::write(dir.join("node/storage/shares/aa"), "no directory").unwrap();
    fs::write(place.join("1"), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let done = tallac(&dir, &["debug", "catalog-shares", "node"]);
    assert_eq!((done.status, done.out.lines().count()), (0, texts(&tools["catalog"]).len()));
    assert!(done.err.contains("Error processing"), "{}", done.err);
    assert!(done.err.contains("shares/aa'") && done.err.contains("rdy/1'"), "{}", done.err);
}

#[test]
fn a_bit_of_a_share_is_flipped() {
    let (_guard, dir) = scratch();
    let tools = lay_out(&dir);
    let expected = tools["corrupt"].as_array().unwrap().iter();
    let mut cases: Vec<_> = expected.map(texts).collect();
    assert!(cases.len() > 2);
    cases.extend([
        // Kinds that Tahoe-LAFS does not corrupt: MDMF, and the wide layout.
        vec!["node/storage/shares/ia/ia4f3hd5bavky73fzewflmqaom/10", "[2635..2985)"],
        vec!["node/storage/shares/td/tdxnbtpwbbvzeqtgqxdp2jwuvq/4", "[80..314)"],
    ]);
    for case in cases {
        let [path, range] = case[..] else { panic!("{case:?}") };
        let before = fs::read(dir.join(path)).unwrap();
        let done = tallac(&dir, &["debug", "corrupt-share", path]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{path}");
        let (told, bit) = done.out.trim_end().split_once(":  ").unwrap();
        assert_eq!(told, range, "{path}");
        let (offset, bit) = bit.split_once(".b").unwrap();
        let (offset, bit): (usize, u8) = (offset.parse().unwrap(), bit.parse().unwrap());
        let mut after = fs::read(dir.join(path)).unwrap();
        after[offset] ^= 1 << bit;
        assert!(after == before, "{path}: no more than this bit has changed");
    }
    let empty = "node/storage/shares/ia/ia4f3hd5bavky73fzewflmqaom/0";
    let done = tallac(&dir, &["debug", "corrupt-share", empty]);
    assert!(done.status == 1 && done.err.contains("has no blocks"), "{}", done.err);
    let done = tallac(&dir, &["debug", "corrupt-share", "-o", "first", empty]);
    assert!(done.status == 1 && done.out.contains("block-random"), "{}", done.out);
}

#[test]
fn what_is_not_there_says_so() {
    let (_guard, dir) = scratch();
    let cases = [
        (&["debug", "trial", "--rterrors", "allmydata"][..], "'tallac debug trial' is obsolete."),
        (&["debug", "repl"], "'tallac debug repl' is obsolete."),
        (&["debug", "flogtool", "dump", "--just-numbers", "x"], "run Foolscap's flogtool"),
    ];
    for (args, expected) in cases {
        let done = tallac(&dir, args);
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{args:?}");
        assert!(done.err.contains(expected), "{}", done.err);
    }
}

/// Whether this is a time like `2678399s (30 days)`, `-5s`.
fn is_span(text: &str) -> bool {
    let (seconds, more) = text.split_once('s').unwrap_or_default();
    seconds.parse::<i64>().is_ok() && (more.is_empty() || more.starts_with(" ("))
}

#[test]
fn what_is_no_share_is_told() {
    let (_guard, dir) = scratch();
    let cases: Vec<Value> = serde_json::from_str(SHARES).unwrap();
    let good = HEXLOWER.decode(cases[0]["hex"].as_str().unwrap().as_bytes()).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut share = good.clone();
        share[at..at + bytes.len()].copy_from_slice(bytes);
        share
    };
    let mutable = b"Tahoe mutable container v2\n\xc3\x55\x21\x99\x25 and more";
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "too short"),
        (vec![0; 4], "too short"),
        (mutable.to_vec(), "too short"),
        (with(3, &[9]), "unknown container version 9"),
        (with(8, &[0xff]), "leases do not fit"),
        (with(15, &[7]), "share layout version 7 is unknown"),
        (with(12 + 0x20, &[0xff; 4]), "a part of it lies beyond its end"),
    ];
    for (bytes, expected) in cases {
        fs::write(dir.join("share"), bytes).unwrap();
        let done = tallac(&dir, &["debug", "dump-share", "share"]);
        assert_eq!(done.status, 1, "{expected}");
        assert!(done.err.contains(expected), "{expected}: {}", done.err);
    }
    let done = tallac(&dir, &["debug", "dump-share", "no-such-file"]);
    assert!(done.status == 1 && done.err.contains("no-such-file"), "{}", done.err);
}
