//! CBOR messages of GBS (specification section 7.3).

/// Reads any bytes as each message.
pub fn target(data: &[u8]) {
    tallac_net::fuzzing::messages(data);
}

/// One of each; the version is what a node of Tahoe-LAFS 1.20 answered.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../crates/tallac-net/tests/data/version.cbor").to_vec(),
        b"\xa2\x6dshare-numbers\xd9\x01\x02\x83\x00\x01\x18\xff\x6eallocated-size\x19\x10\x00"
            .to_vec(),
        b"\xa2\x6calready-have\xd9\x01\x02\x81\x07\x69allocated\xd9\x01\x02\x82\x09\x07".to_vec(),
        b"\xa1\x68required\x82\xa2\x65begin\x00\x63end\x05\xa2\x65begin\x07\x63end\x18\x40"
            .to_vec(),
        b"\xa1\x66reason\x6bnot so good".to_vec(),
        b"\xd9\x01\x02\x82\x00\x18\xff".to_vec(),
    ]
}
