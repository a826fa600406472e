//! The records of the journal: a change of one slot as bytes that prove themselves.
//!
//! A record starts at a block and is padded to the next, so that no write ever touches a block
//! with a record that was acknowledged. `docs/formats/mutable-container.md` has the layout.

use blake2::{Blake2b256, Digest as _};
use bytes::{Buf as _, Bytes};
use tallac_core::ids::{ShareNumber, StorageIndex};

use crate::container::edit::Step;
use crate::disk::change::{Change, ShareOp};

/// Records start at multiples of this.
pub(crate) const BLOCK_LEN: u64 = 4096;

/// Bytes before the payload.
pub(crate) const HEADER_LEN: usize = 64;

const MAGIC: &[u8; 8] = b"tallacJ1";

/// Bytes to be written one behind the other; the data of a change is not copied.
#[derive(Default)]
pub(crate) struct Pieces {
    whole: Vec<Bytes>,
    /// What belongs behind them, and more may be put to.
    open: Vec<u8>,
    len: u64,
}

impl Pieces {
    /// The pieces, and how many bytes they have together.
    pub(crate) fn finish(mut self) -> (Vec<Bytes>, u64) {
        self.close();
        (self.whole, self.len)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        self.len += bytes.len() as u64;
    }

    fn put_number(&mut self, number: u64) {
        self.put(&number.to_be_bytes());
    }

    fn put_data(&mut self, data: &Bytes) {
        self.close();
        self.whole.push(data.clone());
        self.len += data.len() as u64;
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.whole.push(std::mem::take(&mut self.open).into());
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// This is to be done.
    Change(Change),
    /// What is to be done stands in the file of that number, as it is too long for the journal.
    Spilled { number: u64, len: u64, checksum: [u8; 32] },
}

impl Payload {
    pub(crate) fn encode(&self) -> Pieces {
        let mut pieces = Pieces::default();
        match self {
            Self::Change(change) => {
                pieces.put(&[0]);
                encode_change(change, &mut pieces);
            }
            Self::Spilled { number, len, checksum } => {
                pieces.put(&[1]);
                pieces.put_number(*number);
                pieces.put_number(*len);
                pieces.put(checksum);
            }
        }
        pieces
    }

    /// The payload that these bytes are, all of them.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let payload = match take_byte(&mut bytes)? {
            0 => Self::Change(decode_change(&mut bytes)?),
            1 => Self::Spilled {
                number: take_number(&mut bytes)?,
                len: take_number(&mut bytes)?,
                checksum: *take(&mut bytes, 32)?.first_chunk()?,
            },
            _ => return None,
        };
        bytes.is_empty().then_some(payload)
    }
}

/// What guards a record, or a file that a record speaks of.
pub(crate) fn checksum(prefix: &[u8], pieces: &[Bytes]) -> [u8; 32] {
    let mut hasher = Blake2b256::new();
    hasher.update(prefix);
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize().into()
}

/// The header of a record with this payload.
pub(crate) fn header(
    generation: u64,
    sequence: u64,
    payload: &[Bytes],
    payload_len: u64,
) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&generation.to_be_bytes());
    header[16..24].copy_from_slice(&sequence.to_be_bytes());
    header[24..32].copy_from_slice(&payload_len.to_be_bytes());
    let checksum = checksum(&header[..32], payload);
    header[32..].copy_from_slice(&checksum);
    header
}

/// The bytes that a record with such a payload takes up.
pub(crate) const fn record_len(payload_len: u64) -> u64 {
    (HEADER_LEN as u64 + payload_len).next_multiple_of(BLOCK_LEN)
}

/// All records from the start of a journal on, up to the first that is not whole, or not the
/// next of the same generation.
pub(crate) fn read_all(mut journal: Bytes) -> Vec<Payload> {
    let mut payloads = Vec::new();
    let mut generation = None;
    while let Some((found, payload_len)) = parse_header(&journal, payloads.len() as u64) {
        if generation.is_some_and(|generation| generation != found) {
            break;
        }
        generation = Some(found);
        let payload = journal.slice(HEADER_LEN..HEADER_LEN + payload_len);
        if checksum(&journal[..32], std::slice::from_ref(&payload))[..] != journal[32..HEADER_LEN] {
            break;
        }
        let Some(payload) = Payload::decode(payload) else { break };
        payloads.push(payload);
        let len = usize::try_from(record_len(payload_len as u64)).unwrap_or(usize::MAX);
        journal.advance(len.min(journal.len()));
    }
    payloads
}

/// The generation and the length of the payload, if a record with this sequence number may start
/// here.
fn parse_header(journal: &[u8], sequence: u64) -> Option<(u64, usize)> {
    let header: &[u8; HEADER_LEN] = journal.first_chunk()?;
    let number = |at: usize| header[at..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    if !header.starts_with(MAGIC) || number(16)? != sequence {
        return None;
    }
    let payload_len = usize::try_from(number(24)?).ok()?;
    (payload_len <= journal.len() - HEADER_LEN).then_some((number(8)?, payload_len))
}

fn encode_change(change: &Change, pieces: &mut Pieces) {
    pieces.put(change.storage_index.as_bytes());
    pieces.put_number(change.shares.len() as u64);
    for (number, op) in &change.shares {
        pieces.put(&[number.get()]);
        match op {
            ShareOp::Create(steps) => {
                pieces.put(&[0]);
                encode_steps(steps, pieces);
            }
            ShareOp::Edit(steps) => {
                pieces.put(&[1]);
                encode_steps(steps, pieces);
            }
            ShareOp::Delete => pieces.put(&[2]),
            ShareOp::Place(staged) => {
                pieces.put(&[3]);
                pieces.put_number(*staged);
            }
        }
    }
}

fn encode_steps(steps: &[Step], pieces: &mut Pieces) {
    pieces.put_number(steps.len() as u64);
    for step in steps {
        match step {
            Step::Write { at, data } => {
                pieces.put(&[0]);
                pieces.put_number(*at);
                pieces.put_number(data.len() as u64);
                pieces.put_data(data);
            }
            Step::Zero { at, len } => {
                pieces.put(&[1]);
                pieces.put_number(*at);
                pieces.put_number(*len);
            }
        }
    }
}

fn decode_change(bytes: &mut Bytes) -> Option<Change> {
    let storage_index = StorageIndex::new(*take(bytes, 16)?.first_chunk()?);
    let mut shares = Vec::new();
    for _ in 0..take_number(bytes)? {
        let number = ShareNumber::new(take_byte(bytes)?);
        let op = match take_byte(bytes)? {
            0 => ShareOp::Create(decode_steps(bytes)?),
            1 => ShareOp::Edit(decode_steps(bytes)?),
            2 => ShareOp::Delete,
            3 => ShareOp::Place(take_number(bytes)?),
            _ => return None,
        };
        shares.push((number, op));
    }
    Some(Change { storage_index, shares })
}

fn decode_steps(bytes: &mut Bytes) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for _ in 0..take_number(bytes)? {
        let (tag, at, len) = (take_byte(bytes)?, take_number(bytes)?, take_number(bytes)?);
        steps.push(match tag {
            0 => Step::Write { at, data: take(bytes, usize::try_from(len).ok()?)? },
            1 => Step::Zero { at, len },
            _ => return None,
        });
    }
    Some(steps)
}

fn take(bytes: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= bytes.len()).then(|| bytes.split_to(len))
}

fn take_byte(bytes: &mut Bytes) -> Option<u8> {
    take(bytes, 1)?.first().copied()
}

fn take_number(bytes: &mut Bytes) -> Option<u64> {
    Some(u64::from_be_bytes(*take(bytes, 8)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(seed: u8) -> Change {
        let steps = vec![
            Step::Write { at: 5, data: Bytes::from(vec![seed; 5000]) },
            Step::Zero { at: 7, len: u64::MAX },
            Step::Write { at: u64::MAX, data: Bytes::new() },
        ];
        let ops = [
            ShareOp::Create(steps.clone()),
            ShareOp::Edit(steps),
            ShareOp::Delete,
            ShareOp::Place(u64::MAX),
            ShareOp::Edit(vec![]),
        ];
        let shares = (0..).map(ShareNumber::new).zip(ops).collect();
        Change { storage_index: StorageIndex::new([seed; 16]), shares }
    }

    fn payloads() -> Vec<Payload> {
        let spilled = Payload::Spilled { number: 3, len: 4, checksum: [5; 32] };
        vec![Payload::Change(change(1)), spilled, Payload::Change(change(2))]
    }

    /// A journal of these payloads, with the generation of each.
    fn journal(payloads: &[Payload], generations: [u64; 3]) -> Vec<u8> {
        let mut journal = Vec::new();
        for (at, payload) in payloads.iter().enumerate() {
            let (pieces, len) = payload.encode().finish();
            let start = journal.len();
            journal.extend(header(generations[at], at as u64, &pieces, len));
            journal.extend(pieces.concat());
            journal.resize(start + usize::try_from(record_len(len)).unwrap(), 0);
        }
        journal
    }

    #[test]
    fn records_are_read_back() {
        let mut bytes = journal(&payloads(), [9; 3]);
        assert_eq!(read_all(bytes.clone().into()), payloads());
        bytes.extend([0; 5000]);
        assert_eq!(read_all(bytes.into()), payloads());
        assert_eq!(read_all(Bytes::new()), []);
    }

    #[test]
    fn another_generation_ends_it() {
        assert_eq!(read_all(journal(&payloads(), [9, 9, 8]).into()), payloads()[..2]);
        assert_eq!(read_all(journal(&payloads(), [8, 9, 9]).into()), payloads()[..1]);
        let later = journal(&payloads(), [9; 3])[16384..].to_vec();
        assert_eq!(read_all(later.into()), []);
    }

    proptest! {
        #[test]
        fn a_damaged_record_and_all_behind_it_are_left_out(at in 0usize..28_000, bit in 0u32..8) {
            let whole = journal(&payloads(), [9; 3]);
            let mut damaged = whole.clone();
            let at = at % damaged.len();
            damaged[at] ^= 1 << bit;
            let read = read_all(damaged.into());
            prop_assert!(payloads().starts_with(&read));
            prop_assert!(read_all(whole[..at].to_vec().into()).len() <= read.len());
        }

        #[test]
        fn any_bytes_are_a_payload_or_none(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            if let Some(payload) = Payload::decode(bytes.clone()) {
                prop_assert_eq!(payload.encode().finish().0.concat(), bytes);
            }
        }
    }
}
