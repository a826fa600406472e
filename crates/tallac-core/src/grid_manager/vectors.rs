//! What Tahoe-LAFS makes and thinks of certificates, `vectors/make_grid_manager.py`.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Certificate, GridManagers, IsoTime, SignedCertificate};
use crate::crypto::SigningKey;
use crate::ids::ServerId;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/grid_manager.json")).unwrap()
}

fn key(vectors: &Value, n: &Value) -> SigningKey {
    let text = vectors["private_keys"][n.to_string()].as_str().unwrap();
    SigningKey::from_text(text).unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn certificates_and_their_files_are_the_same() {
    let vectors = vectors();
    let sign = &vectors["sign"];
    let certificate = Certificate {
        public_key: *key(&vectors, &sign["server"]).verifying_key(),
        expires: text(&sign["expires"]).parse().unwrap(),
    };
    let signed = certificate.sign(&key(&vectors, &sign["manager"]));
    assert_eq!(signed.file_text(), text(&vectors["files"][0]));
    for file in list(&vectors["files"]).map(text) {
        let read = SignedCertificate::parse(file).unwrap();
        assert_eq!(read.file_text(), file);
        assert_eq!(read.to_json(), serde_json::from_str::<Value>(file).unwrap());
    }
}

#[test]
fn verdicts_are_the_same() {
    let vectors = vectors();
    for case in list(&vectors["cases"]) {
        let keys = list(&case["managers"]).map(|key| text(key).parse().unwrap());
        let managers = GridManagers::new(keys.collect());
        let certificates = list(&case["certificates"]).map(SignedCertificate::from_json);
        let certificates: Vec<_> = certificates.map(Result::unwrap).collect();
        let permit = managers.permit(&ServerId::new(text(&case["server"])), &certificates);
        for (now, expected) in case["permitted"].as_object().unwrap() {
            let at = now.parse::<IsoTime>().unwrap().at();
            assert_eq!(Value::from(permit.holds(at)), *expected, "at {now}: {case}");
        }
    }
}

#[test]
fn moments_are_the_same() {
    for case in list(&vectors()["times"]) {
        let time: IsoTime = text(&case["text"]).parse().unwrap();
        assert_eq!(time.to_string(), text(&case["text"]));
        assert_eq!(time.text(' '), text(&case["shown"]));
        let us = case["us"].as_i64().unwrap();
        let distance = Duration::from_micros(us.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(time.at(), if us < 0 { epoch - distance } else { epoch + distance });
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let vectors = vectors();
    let manager = *key(&vectors, &Value::from(1)).verifying_key();
    let good = SignedCertificate::parse(text(&vectors["files"][0])).unwrap();
    assert!(good.signed_by(&manager).is_some());
    for at in 0..good.text.len() {
        let mut changed = good.clone();
        changed.text.replace_range(at..=at, if &good.text[at..=at] == "x" { "y" } else { "x" });
        assert_eq!(changed.signed_by(&manager), None);
    }
    for at in 0..good.signature.len() * 8 {
        let mut changed = good.clone();
        changed.signature[at / 8] ^= 1 << (at % 8);
        assert_eq!(changed.signed_by(&manager), None);
    }
}

#[test]
fn what_is_no_certificate() {
    let check = |text: &str, expected: &str| {
        assert_eq!(SignedCertificate::parse(text).unwrap_err().to_string(), expected, "{text}");
    };
    let keys = "Grid Manager certificate must contain: 'certificate', 'signature'";
    check("[]", "Grid Manager certificate must be a dict");
    check("{}", keys);
    check(r#"{"certificate": "", "signature": "", "more": ""}"#, keys);
    check(r#"{"certificate": "", "other": ""}"#, keys);
    let long = format!(r#"{{"certificate": "{}", "signature": ""}}"#, "x".repeat(5000));
    check(&long, "'certificate' must be a text of at most 4096 bytes");
    check(
        r#"{"certificate": "", "signature": 7}"#,
        "'signature' must be a text of at most 4096 bytes",
    );
    check(
        r#"{"certificate": "", "signature": "ABC"}"#,
        "'signature' must be in base32 (lower-case a-z and 2-7, no padding)",
    );
    let said = |text: &str| {
        let signed = SignedCertificate { text: text.to_owned(), signature: Vec::new() };
        signed.unverified().unwrap_err().to_string()
    };
    assert_eq!(said("{}"), "Unknown certificate version 'None'");
    assert_eq!(said(r#"{"version": 2}"#), "Unknown certificate version '2'");
    assert_eq!(said(r#"{"version": 1}"#), "it must have a public_key");
    assert_eq!(
        said(r#"{"version": 1, "public_key": "x"}"#),
        "its public_key is wrong: it must begin with pub-v0-"
    );
}
