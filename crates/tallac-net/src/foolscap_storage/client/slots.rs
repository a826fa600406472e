//! Mutable slots at a server.

use std::collections::BTreeSet;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;
use tallac_core::storage::{
    ReadVector, SLOT_ANSWER_MAX, SlotReadAnswer, SlotReadRequest, SlotWriteAnswer,
    SlotWriteRequest, StorageError, VECTORS_MAX,
};

use super::FoolscapClient;
use crate::foolscap_storage::messages::slot;
use crate::foolscap_storage::values::Wrong;

impl FoolscapClient {
    pub(super) async fn call_write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> Result<SlotWriteAnswer, StorageError> {
        check_count(request.reads.len())?;
        for change in request.changes.values() {
            check_count(change.tests.len())?;
        }
        let reads: Vec<ReadVector> = request.reads.clone();
        let answer = self.call("slot_testv_and_readv_and_writev", slot::write(request)).await?;
        let answer = slot::read_write_answer(answer, &reads)?;
        check_answer_len(&answer.read)?;
        Ok(answer)
    }

    pub(super) async fn call_read_slot(
        &self,
        request: SlotReadRequest,
    ) -> Result<SlotReadAnswer, StorageError> {
        let SlotReadRequest { storage_index, share_numbers, reads } = request;
        check_count(reads.len())?;
        let numbers: BTreeSet<ShareNumber> = share_numbers.into_iter().collect();
        let answer = self.call("slot_readv", slot::read(&storage_index, &numbers, &reads)).await?;
        let answer = slot::read_read_answer(answer, &reads)?;
        if !numbers.is_empty() && !answer.keys().all(|number| numbers.contains(number)) {
            return Err(Wrong::new("it read shares that nobody asked for").into());
        }
        check_answer_len(&answer)?;
        Ok(answer)
    }
}

fn check_count(vectors: usize) -> Result<(), StorageError> {
    match vectors {
        0..=VECTORS_MAX => Ok(()),
        _ => Err(StorageError::BadRequest(format!("at most {VECTORS_MAX} vectors"))),
    }
}

/// Holds an answer against what one request may be answered with. Tahoe-LAFS answers at any length.
fn check_answer_len(answer: &SlotReadAnswer) -> Result<(), StorageError> {
    let len: u64 = answer.values().flatten().map(|piece: &Bytes| piece.len() as u64).sum();
    match len {
        0..=SLOT_ANSWER_MAX => Ok(()),
        _ => Err(StorageError::BadRequest("more than can be read at once".into())),
    }
}
