//! Addresses, paths and headers of GBS (specification sections 6.2, 7.1 to 7.3).

/// Reads any text as each of them.
pub fn target(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        tallac_net::fuzzing::texts(text);
    }
}

/// Some of each.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([
        "pb://JIj6ezHkdSBlHhrnezAgIC_mrVQHy4KAFyL-8ZNPGPM@127.0.0.1:3457/hush#v=1",
        "pb+tor://JIj6ezHkdSBlHhrnezAgIC_mrVQHy4KAFyL-8ZNPGPM@x.onion:1/hush#v=1",
        "pb://bidn6wxtlgcqtgv5p5oa3wbhtjbzzoot@tcp:127.0.0.1:1,tor:x.onion:3,[::1]:2/hush",
        "JIj6ezHkdSBlHhrnezAgIC_mrVQHy4KAFyL-8ZNPGPM",
        "[::1]:65535",
        "tahoe.example:443",
        "/storage/v1/version",
        "/storage/v1/immutable/2k6avpjga3dho3zsjo6nnkt7n4",
        "/storage/v1/immutable/2k6avpjga3dho3zsjo6nnkt7n4/255/abort",
        "/storage/v1/mutable/2k6avpjga3dho3zsjo6nnkt7n4/7/corrupt",
        "/storage/v1/lease/2k6avpjga3dho3zsjo6nnkt7n4",
        "bytes=0-65535",
        "bytes 0-9/10",
        "bytes 5-9/*",
        "lease-renew-secret AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "upload-secret aHVzaA==",
    ])
}
