//! Certificates, bare and in PEM files (specification sections 6.2 and 7.1).

/// Reads any bytes as a certificate, and any text as a PEM file.
pub fn target(data: &[u8]) {
    tallac_net::fuzzing::certificates(data);
}

/// Certificates of versions 1 and 3 with their keys, and the bare bones of each.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let element = |tag: u8, content: &[u8]| {
        let len = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&[tag, 0x82][..], &len, content].concat()
    };
    let sequence = |content: &[u8]| element(0x30, content);
    let fields = [element(0x02, &[1]), sequence(b"algorithm"), sequence(b"issuer")].concat();
    let fields = [fields, sequence(b"dates"), sequence(b"subject"), sequence(b"key")].concat();
    let versioned = [element(0xa0, &[2, 1, 2]), fields.clone()].concat();
    vec![
        include_bytes!("../../crates/tallac-net/tests/data/tahoe-node.pem").to_vec(),
        include_bytes!("../../crates/tallac-net/tests/data/ed25519-v3.pem").to_vec(),
        sequence(&[sequence(&fields), sequence(b"signature")].concat()),
        sequence(&[sequence(&versioned), sequence(b"signature")].concat()),
    ]
}
