//! Certificates: those that Tahoe-LAFS makes, and ours.

use proptest::prelude::*;
use tallac_net::identity::{Certificate, CertificateError, SpkiHash};

const OF_TAHOE: &str = include_str!("../data/tahoe-node.pem");
const ED25519: &str = include_str!("../data/ed25519-v3.pem");

#[test]
fn the_v1_certificate_of_a_tahoe_node_is_read() {
    let certificate = Certificate::from_pem(OF_TAHOE).unwrap();
    assert_eq!(certificate.tub_id().to_string(), "6dzihluypsq7fjecgppanp6k2p4hnuob");
    let hash = SpkiHash::of(&certificate).to_string();
    assert_eq!(hash, "-jsA3n3zISEzB8mYS76MTEi9vB50ypTDCPGz6n_Id9k");
    assert_eq!(certificate.to_pem(), OF_TAHOE);
}

#[test]
fn certificates_of_other_versions_and_keys_are_read() {
    let certificate = Certificate::from_pem(ED25519).unwrap();
    let hash = SpkiHash::of(&certificate).to_string();
    assert_eq!(hash, "8J_TYJu2WcNMchTmL7sseOGeelyryuFCV_7cuJSnRgk");
}

#[test]
fn a_new_certificate_is_read_again() {
    let made = Certificate::generate().unwrap();
    let read = Certificate::from_pem(made.to_pem()).unwrap();
    assert_eq!(read.tub_id(), made.tub_id());
    assert_eq!(SpkiHash::of(&read), SpkiHash::of(&made));
    assert!(!format!("{made:?}").contains("PRIVATE"));
}

#[test]
fn a_damaged_file_is_refused() {
    let (certificate, key) = OF_TAHOE.split_at(OF_TAHOE.find("-----BEGIN PRIVATE").unwrap());
    let other_key = ED25519.split_at(ED25519.find("-----BEGIN PRIVATE").unwrap()).1;
    let check = |pem: &str, error| assert_eq!(Certificate::from_pem(pem).unwrap_err(), error);
    check("", CertificateError::NoCertificate);
    check(key, CertificateError::NoCertificate);
    check(certificate, CertificateError::NoKey);
    check(&format!("{certificate}{other_key}"), CertificateError::Mismatch);
    let cut = certificate.replacen("MIICojCC", "MIICojCD", 1);
    check(&format!("{cut}{key}"), CertificateError::BadCertificate);
}

proptest! {
    #[test]
    fn no_damage_to_a_certificate_is_too_odd(at: prop::sample::Index, damage: Vec<u8>) {
        let of_tahoe = OF_TAHOE.as_bytes();
        let at = at.index(of_tahoe.len());
        let end = (at + damage.len()).min(of_tahoe.len());
        let damaged = [&of_tahoe[..at], &damage, &of_tahoe[end..]].concat();
        let _ = Certificate::from_pem(&String::from_utf8_lossy(&damaged));
        let _ = SpkiHash::of_certificate(&damaged);
    }
}
