//! Caps against Tahoe-LAFS's own answers, against themselves, and against damage.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::immutable::Encoding;

const KEY: &str = "aaaqeayeaudaocajbifqydiob4";
const HASH: &str = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";

/// What Tahoe-LAFS 1.20 makes of these texts; the script beside them made them.
const VECTORS: &str = include_str!("../../../../vectors/caps.json");

#[test]
fn every_text_means_what_it_means_to_tahoe() {
    let cases: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert!(cases.len() >= 500, "only {} vectors", cases.len());
    for case in cases {
        check_vector(&case);
    }
}

fn check_vector(case: &Value) {
    let text = case["in"].as_str().unwrap();
    let context = if case["deep"] == true { Context::DeepImmutable } else { Context::Any };
    let cap = Cap::parse_in(text, context);
    assert_eq!(cap.kind().map(CapKind::prefix), case["kind"].as_str(), "kind of {text:?}");
    assert_eq!(Some(cap.to_string().as_str()), case["out"].as_str(), "out of {text:?}");
    if let Cap::Unknown(unknown) = &cap {
        let error = unknown.error().map(|error| match error {
            CapError::Malformed { .. } => "malformed",
            CapError::MustBeReadonly { .. } => "readonly",
            CapError::MustBeDeepImmutable { .. } => "immutable",
            CapError::UnknownKind
            | CapError::WrongKind { .. }
            | CapError::UnknownWriteCap { .. } => "never carried",
        });
        assert_eq!(error, case["error"].as_str(), "error of {text:?}");
        return;
    }
    assert_eq!(cap.is_writeable(), case["write"].as_bool().unwrap(), "{text:?}");
    assert_eq!(cap.is_mutable(), case["mutable"].as_bool().unwrap(), "{text:?}");
    let print = |cap: Option<Cap>| cap.map(|cap| cap.to_string());
    assert_eq!(print(cap.to_readonly()).as_deref(), case["ro"].as_str(), "ro of {text:?}");
    if case["verify"] != false {
        assert_eq!(print(cap.to_verifier()).as_deref(), case["verify"].as_str(), "of {text:?}");
    }
    let si = cap.storage_index().map(|si| si.to_string());
    assert_eq!(si.as_deref(), case["si"].as_str(), "si of {text:?}");
}

#[test]
fn the_caps_of_section_15() {
    let cap: ChkReadCap = "URI:CHK:yzxcoagbetwet65ltjpbqyli3m:\
        6b7inuiha2xdtgqzd55i6aeggutnxzr6qfwpv2ep5xlln6pgef7a:1:1:56"
        .parse()
        .unwrap();
    assert_eq!(cap.storage_index().to_string(), "i5nhq74zw2crkop634ra4hrvzm");
    assert_eq!((cap.size(), cap.encoding().unwrap()), (56, Encoding::new(1, 1).unwrap()));

    let cap: SskWriteCap = format!("URI:SSK:{KEY}:{HASH}").parse().unwrap();
    let read = cap.to_readonly();
    assert_eq!(read.to_string(), format!("URI:SSK-RO:zlnpn42lu7xedonux53kr42hsm:{HASH}"));
    let verify = format!("URI:SSK-Verifier:axmc3zjy3mkanylpyx7u2zuqum:{HASH}");
    assert_eq!(cap.to_verifier().to_string(), verify);
    assert_eq!(read.to_verifier(), cap.to_verifier());

    let cap: LitCap = "URI:LIT:nbswy3dp".parse().unwrap();
    assert_eq!(cap.data(), b"hello");
}

#[test]
fn impossible_encodings_parse_and_are_named_when_used() {
    for (k, n) in [("0", "10"), ("4", "3"), ("1", "257"), ("18446744073709551615", "1")] {
        let text = format!("URI:CHK:{KEY}:{HASH}:{k}:{n}:5");
        let cap: ChkReadCap = text.parse().unwrap();
        assert_eq!(cap.to_string(), text);
        let error = cap.encoding().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{k}-of-{n} is no encoding: it takes 1 <= needed <= total <= 256")
        );
    }
}

#[test]
fn errors_say_what_is_wrong_and_keep_the_key_to_themselves() {
    let check = |text: String, expected: &str| {
        let error = text.parse::<ChkReadCap>().unwrap_err().to_string();
        assert_eq!(error, expected, "{text}");
        assert!(!error.contains(KEY));
    };
    check("rhubarb".into(), "not a capability of a kind that is known here");
    check(
        format!("URI:SSK:{KEY}:{HASH}"),
        "a write cap of a mutable file (URI:SSK:) was given where \
         a read cap of an immutable file belongs",
    );
    let malformed = "malformed read cap of an immutable file (URI:CHK:): ";
    check(
        format!("URI:CHK:{KEY}a:{HASH}:3:10:5"),
        &format!(
            "{malformed}its key: not base32 (lower-case a-z and 2-7, no padding, no stray bits)"
        ),
    );
    check(
        format!("URI:CHK:{KEY}:aa:3:10:5"),
        &format!("{malformed}its UEB hash: expected 32 bytes in base32, found 1"),
    );
    check(
        format!("URI:CHK:{KEY}:{HASH}:3:10"),
        &format!("{malformed}its number of shares made is missing"),
    );
    check(
        format!("URI:CHK:{KEY}:{HASH}:3:x:5"),
        &format!("{malformed}its number of shares made is not a decimal number"),
    );
    check(
        format!("URI:CHK:{KEY}:{HASH}:3:10:5:6"),
        &format!("{malformed}something follows its end"),
    );
    check(
        format!("URI:CHK:{KEY}:{HASH}:3:10:18446744073709551616"),
        &format!("{malformed}its file size is larger than any file can have"),
    );
    check(
        format!("ro.URI:SSK:{KEY}:{HASH}"),
        "a write cap of a mutable file (URI:SSK:) was used in a read-only context",
    );
    check(
        format!("imm.URI:DIR2-RO:{KEY}:{HASH}"),
        "a read cap of a mutable directory (URI:DIR2-RO:) was used in an immutable context",
    );
}

#[test]
fn a_readonly_place_takes_all_that_cannot_write() {
    for kind in CapKind::all() {
        let cap = Cap::parse_in(&sample(kind), Context::Readonly);
        assert_eq!(cap.kind().is_none(), kind.file.is_writeable(), "{kind}");
    }
}

#[test]
fn debug_output_holds_no_key_and_no_content() {
    for kind in CapKind::all() {
        let text = sample(kind);
        let (_, tail) = CapKind::split(&text).unwrap();
        let first = tail.split(':').next().unwrap();
        let shown = format!("{:?} {:?}", Cap::parse(&text), Cap::parse(&format!("{text} ")));
        if !kind.file.is_verifier() {
            assert!(!shown.contains(first), "{shown}");
        }
    }
    let unknown = format!("{:?}", Cap::parse("URI:FUTURE:secret"));
    assert_eq!(
        unknown,
        "Unknown(UnknownCap(17 bytes: not a capability of a kind that is known here))"
    );
}

#[test]
fn uri_prefixes_tell_caps_from_aliases() {
    for text in ["URI:", "URI:x", "ro.URI:SSK:", "imm.URI:"] {
        assert!(has_uri_prefix(text), "{text}");
    }
    for text in ["", "uri:", "tahoe:", "ro.", "imm.ro.URI:", "ro.imm.URI:", "/URI:", "ro.x"] {
        assert!(!has_uri_prefix(text), "{text}");
    }
}

#[test]
fn a_cap_cut_short_or_damaged_anywhere_is_unknown_or_another() {
    for kind in CapKind::all() {
        let text = sample(kind);
        let cap = Cap::parse(&text);
        assert_eq!(cap.kind(), Some(kind));
        assert_eq!(cap.to_string(), text);
        for at in 0..text.len() {
            assert_ne!(Cap::parse(&text[..at]), cap, "{kind} cut at {at}");
            for byte in ["b", "A", ":", "é", "="] {
                let damaged = format!("{}{byte}{}", &text[..at], &text[at + 1..]);
                if damaged != text {
                    assert_ne!(Cap::parse(&damaged), cap, "{damaged}");
                }
            }
        }
    }
}

/// A cap of this kind.
fn sample(kind: CapKind) -> String {
    let prefix = kind.prefix();
    match kind.file {
        FileKind::Lit => format!("{prefix}nbswy3dp"),
        FileKind::ChkRead | FileKind::ChkVerify => format!("{prefix}{KEY}:{HASH}:3:10:1000"),
        _ => format!("{prefix}{KEY}:{HASH}"),
    }
}

fn any_file() -> impl Strategy<Value = FileCap> {
    let format = || prop_oneof![Just(MutableFormat::Sdmf), Just(MutableFormat::Mdmf)];
    let keys = || (format(), any::<[u8; 16]>(), any::<[u8; 32]>());
    let shape = || {
        (any::<[u8; 32]>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
            |(ueb_hash, needed_shares, total_shares, size)| ChkShape {
                ueb_hash: UebHash::new(ueb_hash),
                needed_shares,
                total_shares,
                size,
            },
        )
    };
    prop_oneof![
        any::<Vec<u8>>().prop_map(|data| FileCap::Lit(LitCap::new(data))),
        (any::<[u8; 16]>(), shape())
            .prop_map(|(key, s)| FileCap::ChkRead(ChkReadCap::new(EncryptionKey::new(key), s))),
        (any::<[u8; 16]>(), shape())
            .prop_map(|(si, s)| FileCap::ChkVerify(ChkVerifyCap::new(StorageIndex::new(si), s))),
        keys().prop_map(|(format, key, hash)| FileCap::SskWrite(SskWriteCap::new(
            format,
            WriteKey::new(key),
            Fingerprint::new(hash)
        ))),
        keys().prop_map(|(format, key, hash)| FileCap::SskRead(SskReadCap::new(
            format,
            ReadKey::new(key),
            Fingerprint::new(hash)
        ))),
        keys().prop_map(|(format, si, hash)| FileCap::SskVerify(SskVerifyCap::new(
            format,
            StorageIndex::new(si),
            Fingerprint::new(hash)
        ))),
    ]
}

fn any_cap() -> impl Strategy<Value = Cap> {
    (any_file(), any::<bool>()).prop_map(|(file, is_directory)| {
        if is_directory { Cap::Directory(DirectoryCap::new(file)) } else { Cap::File(file) }
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_as_the_same(cap in any_cap()) {
        prop_assert_eq!(Cap::parse(&cap.to_string()), cap);
    }

    #[test]
    fn weaker_caps_have_no_way_back(cap in any_cap()) {
        let readonly = cap.to_readonly().unwrap();
        prop_assert!(!readonly.is_writeable());
        prop_assert_eq!(readonly.storage_index(), cap.storage_index());
        prop_assert_eq!(readonly.to_readonly(), Some(readonly.clone()));
        prop_assert_eq!(readonly.to_verifier(), cap.to_verifier());
        if let Some(verifier) = cap.to_verifier() {
            prop_assert_eq!(verifier.storage_index(), cap.storage_index());
            prop_assert!(!verifier.is_writeable() && !verifier.is_mutable());
            prop_assert_eq!(verifier.to_verifier(), Some(verifier.clone()));
        }
    }

    #[test]
    fn any_text_is_answered(
        prefix in prop_oneof![Just(""), Just("ro."), Just("imm.")],
        kind in prop::sample::select(CapKind::all().collect::<Vec<_>>()),
        tail in "[a-z2-7:0-9\\n\\PC]{0,120}",
    ) {
        for text in [format!("{prefix}{}{tail}", kind.prefix()), tail] {
            match Cap::parse(&text) {
                Cap::Unknown(cap) => prop_assert_eq!(cap.text(), text),
                known => prop_assert_eq!(Cap::parse(&known.to_string()), known),
            }
        }
    }
}
