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
        [
            &b"\xa2\x72test-write-vectors\xa2\x03\xa3"[..],
            b"\x64test\x81\xa3\x66offset\x00\x64size\x01\x68specimen\x40",
            b"\x65write\x82\xa2\x66offset\x00\x64data\x43abc",
            b"\xa2\x66offset\x1a\x00\x01\x11\x70\x64data\x42xy\x6anew-length\xf6",
            b"\x18\xc8\xa3\x64test\x80\x65write\x80\x6anew-length\x00",
            b"\x6bread-vector\x81\xa2\x66offset\x00\x64size\x18\x39",
        ]
        .concat(),
        b"\xa2\x67success\xf5\x64data\xa2\x03\x82\x43abc\x40\x18\xc8\x82\x40\x41z".to_vec(),
        [
            &b"\xa2\x6dshare-numbers\xd9\x01\x02\x82\x00\x18\xff"[..],
            b"\x6bread-vector\x82\xa2\x66offset\x00\x64size\x18\x39",
            b"\xa2\x66offset\x19\x10\x00\x64size\x1b\x00\x00\x01\x00\x00\x00\x00\x00",
        ]
        .concat(),
        b"\xa2\x03\x82\x43abc\x40\x18\xc8\x82\x40\x41z".to_vec(),
    ]
}
