//! Every target, with thousands of inputs made from good ones: bytes flipped, cut out, doubled,
//! numbers made absurd. The same in every run.

/// Inputs that each target gets.
const ROUNDS: usize = 20_000;

/// A small generator, so that the inputs are the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % limit.max(1)
    }

    fn spoil(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        match self.below(8) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = u8::try_from(self.below(256)).unwrap_or(0),
            2 => input.truncate(at),
            3 => drop(input.drain(..at)),
            4 => {
                let piece = input[at..].to_vec();
                input.extend(piece);
            }
            5 => drop(input.splice(at..at, *b"99999999999999999999")),
            6 => drop(input.splice(at..at, [0xff; 9])),
            _ => input.insert(at, b':'),
        }
        input.truncate(4096);
    }
}

/// Gives a target inputs made from each of these.
fn check(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        target(seed);
    }
    for round in 0..ROUNDS {
        let mut input = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(6) {
            random.spoil(&mut input);
        }
        target(&input);
    }
}

fn texts(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

const KEY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn caps() {
    let mut seeds = vec!["URI:LIT:nbswy3dp".to_owned(), "ro.imm.x-future:1".to_owned()];
    for kind in ["CHK", "CHK-Verifier", "DIR2-CHK", "DIR2-CHK-Verifier"] {
        seeds.push(format!("URI:{kind}:{KEY}:{HASH}:3:10:12345"));
    }
    for kind in ["SSK", "SSK-RO", "SSK-Verifier", "MDMF", "MDMF-RO", "DIR2", "DIR2-MDMF-Verifier"] {
        seeds.push(format!("ro.URI:{kind}:{KEY}:{HASH}"));
        seeds.push(format!("URI:{kind}:{KEY}:{HASH}:3:131073"));
    }
    let seeds: Vec<_> = seeds.into_iter().map(String::into_bytes).collect();
    check(tallac_fuzz::caps, &seeds);
}

#[test]
fn announcements() {
    let furl = format!("pb://{}@tcp:127.0.0.1:1/name", "a".repeat(32));
    let seed = format!(
        r#"{{"nickname":"n","anonymous-storage-FURL":"{furl}","permutation-seed-base32":"aaaa",
        "anonymous-storage-NURLs":["pb://x@127.0.0.1:1/y#v=1"],"my-version":"1"}}"#
    );
    check(tallac_fuzz::announcements, &texts(&["{}", "[]", &seed]));
}

#[test]
fn certificates() {
    let pem = include_bytes!("../../crates/tallac-net/tests/data/tahoe-node.pem");
    let short = include_bytes!("../../crates/tallac-net/tests/data/ed25519-v3.pem");
    check(tallac_fuzz::certificates, &[pem.to_vec(), short.to_vec(), vec![0x30, 0x82, 1, 0]]);
}

#[test]
fn containers() {
    let mut container = vec![0, 0, 0, 2, 0, 0, 0, 100, 0, 0, 0, 1];
    container.resize(12 + 100 + 72, 7);
    check(tallac_fuzz::containers, &[container, b"Tahoe mutable container v1\n".to_vec()]);
}

#[test]
fn encodings() {
    check(tallac_fuzz::encodings, &texts(&[HASH, "5:hello,0:,", "3:abc,11:hello world,"]));
}

#[test]
fn gbs_messages() {
    let version = include_bytes!("../../crates/tallac-net/tests/data/version.cbor");
    let allocate = b"\xa2\x6dshare-numbers\xd9\x01\x02\x83\x00\x01\x18\xff\
        \x6eallocated-size\x1a\x00\x01\x00\x00";
    let required = b"\xa1\x68required\x81\xa2\x65begin\x00\x63end\x18\x64";
    let reason = b"\xa1\x66reason\x63bad";
    let seeds = [&version[..], &allocate[..], &required[..], &reason[..], &[0xd9, 1, 2, 0x80]];
    check(tallac_fuzz::gbs_messages, &seeds.map(<[u8]>::to_vec));
}

#[test]
fn gbs_texts() {
    let seeds = [
        "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@127.0.0.1:1,[::1]:2/swissnum#v=1",
        "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:127.0.0.1:1,tor:x.onion:2/swissnum",
        "/storage/v1/immutable/aaaaaaaaaaaaaaaaaaaaaaaaaa/3",
        "bytes=0-99",
        "bytes 0-99/100",
        "application/cbor;q=0.5, */*;q=0.1",
        "upload-secret AAAA",
    ];
    check(tallac_fuzz::gbs_texts, &texts(&seeds));
}

#[test]
fn shares() {
    let mut v1: Vec<u8> =
        [1_u32, 334, 334, 0x24, 0x24 + 334, 0x24 + 366, 0x24 + 398, 0x24 + 430, 0x24 + 600]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
    v1.resize(1200, 9);
    let mut ueb = Vec::new();
    for (name, value) in [
        ("codec_name", b"crs".to_vec()),
        ("crypttext_root_hash", vec![1; 32]),
        ("needed_shares", b"3".to_vec()),
        ("segment_size", b"1002".to_vec()),
        ("share_root_hash", vec![2; 32]),
        ("size", b"1000".to_vec()),
        ("total_shares", b"10".to_vec()),
    ] {
        ueb.extend_from_slice(format!("{name}:{}:", value.len()).as_bytes());
        ueb.extend_from_slice(&value);
        ueb.push(b',');
    }
    check(tallac_fuzz::shares, &[v1, ueb]);
}
