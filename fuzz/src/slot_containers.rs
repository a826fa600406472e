//! Container files of mutable shares, and changes of them (specification section 3.6).

use tallac_core::ids::TubId;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, WriteEnabler};
use tallac_storage::container::edit::{Edit, LeaseRequest, Step};
use tallac_storage::container::mutable::{
    DATA_LEN_OFFSET, DATA_OFFSET, EXTRA_COUNT_LEN, HEADER_LEN, Header, LEASE_LEN, Lease,
};

/// Bytes that a change of this target writes.
const WRITTEN: &[u8] = b"written";

/// Reads any bytes as an offset and a container. One that is accepted is changed as the offset
/// says; what comes out is a container with the changed share and the old leases.
pub fn target(data: &[u8]) {
    let (offset, file) = crate::take_number(data);
    let Ok(header) = Header::parse(file) else { return };
    assert_eq!(&header.to_bytes()[..], &file[..HEADER_LEN], "not what was read");
    let Some((share, leases)) = parts(&header, file) else { return };
    // Far away offsets are tested as such; near ones are carried out.
    let offset = if offset > 1 << 40 { offset } else { offset % 2048 };
    let mut edit = Edit::change(header.clone(), leases.clone());
    if edit.write(offset, WRITTEN.into()).is_err() {
        return;
    }
    let secrets =
        LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) };
    let node = TubId::new([3; 20]);
    let request = LeaseRequest { secrets: &secrets, node, now_s: 0, available: u64::MAX };
    let _or_too_many = edit.lease(&request);
    let steps = edit.finish();
    for step in &steps {
        let (Step::Write { at, .. } | Step::Zero { at, .. }) = step;
        assert!(*at >= DATA_LEN_OFFSET, "a change touches what never changes");
    }
    let Ok(offset) = usize::try_from(offset) else { return };
    if offset > 1 << 20 {
        return;
    }
    let changed = carry_out(file.to_vec(), &steps);
    let header = Header::parse(&changed).expect("still a container");
    let (found, found_leases) = parts(&header, &changed).expect("still whole");
    let mut expected = share;
    expected.resize(expected.len().max(offset + WRITTEN.len()), 0);
    expected[offset..offset + WRITTEN.len()].copy_from_slice(WRITTEN);
    assert!(found == expected, "another share than was written");
    assert!(found_leases.len() >= leases.len(), "a lease was lost");
    let kept = leases.iter().zip(&found_leases).filter(|(old, _)| !Lease::parse(old).is_none());
    for (old, new) in kept {
        assert_eq!(old[8..], new[8..], "a lease became another");
    }
}

/// The share and the leases, if they are whole.
fn parts(header: &Header, file: &[u8]) -> Option<(Vec<u8>, Vec<[u8; LEASE_LEN]>)> {
    let file_len = file.len() as u64;
    header.check_data(file_len).ok()?;
    header.extra_leases(0, file_len).ok()?;
    let start = usize::try_from(DATA_OFFSET).ok()?;
    let count_at = usize::try_from(header.extra_offset).ok()?;
    let count = file.get(count_at..count_at + EXTRA_COUNT_LEN)?.first_chunk()?;
    let (at, len) = header.extra_leases(u32::from_be_bytes(*count), file_len).ok()?;
    let at = usize::try_from(at).ok()?;
    let extra = file.get(at..at + len).expect("the leases lie in the file");
    let share = file.get(start..start + usize::try_from(header.data_len).ok()?);
    let leases = [&file[HEADER_LEN..start], extra].concat();
    let share = share.expect("the share lies in the file").to_vec();
    Some((share, leases.as_chunks::<LEASE_LEN>().0.to_vec()))
}

fn carry_out(mut file: Vec<u8>, steps: &[Step]) -> Vec<u8> {
    for step in steps {
        match step {
            Step::Write { at, data } => {
                let at = usize::try_from(*at).expect("near");
                file.resize(file.len().max(at + data.len()), 0);
                file[at..at + data.len()].copy_from_slice(data);
            }
            Step::Zero { at, len } => {
                let (at, end) = (*at, at.saturating_add(*len).min(file.len() as u64));
                let near = |at| usize::try_from(at).expect("within the file");
                if at < end {
                    file[near(at)..near(end)].fill(0);
                }
            }
        }
    }
    file
}

/// Containers with a share and leases in and behind their slots.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let container = |offset: u64, share: &[u8], leases: u8| {
        let mut edit = Edit::create(TubId::new([7; 20]), WriteEnabler::new([8; 32]));
        edit.write(0, share.to_vec().into()).expect("small");
        for lease in 0..leases {
            let secrets = LeaseSecrets {
                renew: RenewSecret::new([lease; 32]),
                cancel: CancelSecret::new([lease; 32]),
            };
            let node = TubId::new([7; 20]);
            let request = LeaseRequest { secrets: &secrets, node, now_s: 5, available: 1000 };
            edit.lease(&request).expect("there is room");
        }
        [&offset.to_be_bytes()[..], &carry_out(Vec::new(), &edit.finish())].concat()
    };
    vec![
        container(0, b"", 0),
        container(3, b"some share", 1),
        container(400, b"a longer share, with a hole behind", 7),
        container(u64::MAX, b"x", 4),
    ]
}
