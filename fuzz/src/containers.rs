//! Container files of immutable shares, and their leases (specification section 3.4).

use tallac_storage::container::immutable::{HEADER_LEN, Header, Layout};
use tallac_storage::container::lease::{LEASE_LEN, Lease};

/// Reads any bytes as a container that is as long as its first 8 bytes say, or as long as it is.
/// Whatever is accepted lies within the file.
pub fn target(data: &[u8]) {
    let (len, file) = crate::take_number(data);
    check(file, file.len() as u64);
    check(file, len);
}

fn check(start: &[u8], file_len: u64) {
    let Ok(layout) = Layout::parse(start, file_len) else { return };
    let count = layout.header().lease_count;
    let end = layout.lease_offset(count);
    assert_eq!(layout.share_offset() + layout.share_len(), layout.lease_offset(0));
    assert!(end <= file_len, "it ends behind the file's end");
    assert!(file_len - end <= LEASE_LEN as u64, "bytes that are neither share nor lease");
    let header = *layout.header();
    let bytes = header.to_bytes();
    assert_eq!(Header::parse(&bytes), Ok(header));
    assert_eq!(start.get(..HEADER_LEN), Some(&bytes[..]), "not what was read");
    let leases = usize::try_from(layout.lease_offset(0)).ok().and_then(|at| start.get(at..));
    for lease in leases.unwrap_or_default().as_chunks::<LEASE_LEN>().0 {
        let read = Lease::parse(lease);
        assert_eq!(&read.to_bytes(), lease, "a lease changes when it is read");
        let _ = read.expiration;
    }
}

/// Containers of both versions with some leases.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let container = |version: u32, share_len: u32, leases: u32| {
        let mut file: Vec<u8> =
            [version, share_len, leases].iter().flat_map(|word| word.to_be_bytes()).collect();
        file.extend((0..share_len).map(|i| i.to_be_bytes()[3]));
        for lease in 0..leases {
            file.extend([lease.to_be_bytes()[3]; LEASE_LEN]);
        }
        let len = file.len() as u64;
        [&len.to_be_bytes()[..], &file].concat()
    };
    vec![
        container(1, 100, 1),
        container(2, 100, 1),
        container(2, 0, 0),
        container(2, 5, 3),
        [&500_u64.to_be_bytes()[..], b"Tahoe mutable container v1\n\x75\x09\x44\x03\x8e"].concat(),
    ]
}
