//! Mutable slots at a server: changes in one request; reads in one with servers that can, else in
//! one for each share and run of bytes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{Method, StatusCode};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::{
    ReadRequest, ReadVector, SLOT_ANSWER_MAX, ServerVersion, ShareKind, SlotReadAnswer,
    SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError, VECTORS_MAX,
};

use super::call::Call;
use super::{GbsClient, misbehaved};
use crate::gbs::auth;
use crate::gbs::messages::{read_slot, read_test_write};
use crate::gbs::path::Path;

/// Longest answer that is taken, in bytes: what may be read, and what stands around it.
#[expect(clippy::cast_possible_truncation, reason = "30 MiB fit")]
const ANSWER_LEN_MAX: usize = SLOT_ANSWER_MAX as usize + 128 * 1024;

/// How the program is called that can read all shares in one request.
const OURS: &str = "tallac";

/// Reads of single shares that are under way at a time.
const SINGLE_READS_MAX: usize = 10;

/// Whether a server can read all shares in one request: presumed until it turns out not to.
#[derive(Debug, Default)]
pub(super) struct SlotReading {
    lacks_slot_reads: AtomicBool,
}

impl SlotReading {
    /// Learns from what a server says of itself.
    pub(super) fn learn(&self, version: &ServerVersion) {
        let is_ours = version.application_version.starts_with(OURS);
        self.lacks_slot_reads.store(!is_ours, Ordering::Relaxed);
    }
}

impl GbsClient {
    pub(super) async fn call_write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> Result<SlotWriteAnswer, StorageError> {
        let SlotWriteRequest { storage_index, write_enabler, lease, changes, reads } = request;
        let mut call = Call::new(Method::POST, Path::ReadTestWrite(storage_index))
            .with_secrets(auth::lease_headers(&lease))
            .with_secrets([auth::write_enabler_header(&write_enabler)]);
        let message = read_test_write::Request { changes, reads };
        call.set_pieces(message.encode());
        let answer = self.exchange(call).await?.expect(&[StatusCode::OK]).await?;
        let answer = answer.message(ANSWER_LEN_MAX).await?;
        let answer = read_test_write::decode_answer(&answer).map_err(misbehaved)?;
        check_read(&answer.read, &message.reads)?;
        Ok(answer)
    }

    pub(super) async fn call_read_slot(
        &self,
        request: SlotReadRequest,
    ) -> Result<SlotReadAnswer, StorageError> {
        let SlotReadRequest { storage_index, share_numbers, reads } = request;
        if reads.len() > VECTORS_MAX {
            return Err(StorageError::BadRequest(format!("at most {VECTORS_MAX} reads at once")));
        }
        let share_numbers = share_numbers.into_iter().collect();
        let message = read_slot::Request { share_numbers, reads };
        if !self.slot_reading.lacks_slot_reads.load(Ordering::Relaxed) {
            let mut call = Call::new(Method::POST, Path::ReadSlot(storage_index));
            call.set_message(message.encode());
            let answer = self.exchange(call).await?;
            let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            if !missing.contains(&answer.status()) {
                let answer = answer.expect(&[StatusCode::OK]).await?;
                let answer = answer.message(ANSWER_LEN_MAX).await?;
                let answer = read_slot::decode_answer(&answer).map_err(misbehaved)?;
                check_read(&answer, &message.reads)?;
                let wanted = &message.share_numbers;
                if !wanted.is_empty() && !answer.keys().all(|number| wanted.contains(number)) {
                    return Err(misbehaved("it read shares that nobody asked for"));
                }
                return Ok(answer);
            }
            answer.finish().await?;
            self.slot_reading.lacks_slot_reads.store(true, Ordering::Relaxed);
        }
        self.read_singly(storage_index, &message).await
    }

    /// Reads each run of bytes of each share by itself. The shares may change in between.
    async fn read_singly(
        &self,
        storage_index: StorageIndex,
        request: &read_slot::Request,
    ) -> Result<SlotReadAnswer, StorageError> {
        let read_slot::Request { share_numbers, reads } = request;
        // Reading nothing does not tell whether the share is there.
        let is_seen_in_reading = reads.iter().any(|read| read.size > 0);
        let numbers: BTreeSet<ShareNumber> = match !share_numbers.is_empty() && is_seen_in_reading {
            true => share_numbers.clone(),
            false => {
                let there = self.call_list(ShareKind::Mutable, storage_index).await?;
                let is_wanted = |n: &_| share_numbers.is_empty() || share_numbers.contains(n);
                there.into_iter().filter(is_wanted).collect()
            }
        };
        let room = AtomicU64::new(SLOT_ANSWER_MAX);
        let mut runs = Vec::with_capacity(numbers.len() * reads.len());
        for &number in &numbers {
            runs.extend(
                reads.iter().map(|&read| self.read_run(storage_index, number, read, &room)),
            );
        }
        let runs = stream::iter(runs).buffered(SINGLE_READS_MAX);
        let mut runs = runs.try_collect::<Vec<Option<Bytes>>>().await?.into_iter();
        let mut answer = SlotReadAnswer::new();
        for number in numbers {
            let of_share: Vec<Option<Bytes>> = runs.by_ref().take(reads.len()).collect();
            if let Some(pieces) = of_share.into_iter().collect() {
                answer.insert(number, pieces);
            }
        }
        Ok(answer)
    }

    /// Reads a run of bytes of one share, and takes them off the `room` that is left; nothing
    /// where there is no such share.
    async fn read_run(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        read: ReadVector,
        room: &AtomicU64,
    ) -> Result<Option<Bytes>, StorageError> {
        let range = Some(read.offset..read.offset.saturating_add(read.size));
        let kind = ShareKind::Mutable;
        let request = ReadRequest { kind, storage_index, share_number, range };
        let mut data = match self.call_read(request).await {
            Ok(data) => data,
            Err(StorageError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut pieces: Vec<Bytes> = Vec::new();
        while let Some(piece) = data.try_next().await? {
            let len = piece.len() as u64;
            let take = |left: u64| left.checked_sub(len);
            if room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                return Err(StorageError::BadRequest("more than can be read at once".into()));
            }
            pieces.push(piece);
        }
        Ok(Some(match pieces.len() {
            1 => pieces.remove(0),
            _ => pieces.concat().into(),
        }))
    }
}

/// Asserts that an answer has what was asked for.
fn check_read(read: &SlotReadAnswer, reads: &[ReadVector]) -> Result<(), StorageError> {
    let fits = |pieces: &Vec<Bytes>| {
        pieces.len() == reads.len()
            && pieces.iter().zip(reads).all(|(piece, read)| piece.len() as u64 <= read.size)
    };
    match read.values().all(fits) {
        true => Ok(()),
        false => Err(misbehaved("it read something else than what was asked for")),
    }
}
