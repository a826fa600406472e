//! `allocate_buckets`, and what becomes of uploads whose client goes away.

use std::convert::Infallible;
use std::sync::Arc;

use foolscap::{Failure, Object, RemoteReference, Value};
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::{AllocateRequest, StorageServer};
use tokio::sync::mpsc;

use super::writer::BucketWriter;
use crate::foolscap_storage::failures::failure_of;
use crate::foolscap_storage::messages::allocate::{self, Request};

/// Bytes of the secret that stands for a client, who has none in this protocol.
const SECRET_LEN: usize = 32;

/// Makes room for shares, and gives it back when the connection of `canary` is lost before they
/// are whole.
pub(super) async fn allocate(
    storage: Arc<dyn StorageServer>,
    request: Request,
    canary: RemoteReference,
) -> Result<Value, Failure> {
    // A task of its own, so that room made for a client who is gone by then is given back too.
    let allocation = tokio::spawn(allocate_for(storage, request, canary));
    allocation.await.unwrap_or_else(|_| Err(Failure::new("builtins.OSError", "it stopped")))
}

async fn allocate_for(
    storage: Arc<dyn StorageServer>,
    request: Request,
    canary: RemoteReference,
) -> Result<Value, Failure> {
    let mut secret = vec![0; SECRET_LEN];
    getrandom::fill(&mut secret)
        .map_err(|_| Failure::new("builtins.OSError", "the system has no randomness to give"))?;
    let upload_secret = UploadSecret::new(secret);
    let Request { storage_index, lease, share_numbers, allocated_size } = request;
    let secret = upload_secret.clone();
    let request =
        AllocateRequest { storage_index, share_numbers, allocated_size, upload_secret, lease };
    let allocation = storage.allocate(request).await.map_err(failure_of)?;
    let (unfinished, all_finished) = mpsc::channel(1);
    let writers: Vec<_> = allocation
        .allocated
        .iter()
        .map(|&number| {
            let key = (storage_index, number);
            let storage = Arc::clone(&storage);
            let (secret, unfinished) = (secret.clone(), unfinished.clone());
            Arc::new(BucketWriter::new(storage, key, allocated_size, secret, unfinished))
        })
        .collect();
    drop(unfinished);
    if !writers.is_empty() {
        tokio::spawn(watch(canary, writers.clone(), all_finished));
    }
    let writers = allocation.allocated.into_iter().zip(writers);
    let writers = writers.map(|(number, writer)| (number, Object::Local(writer)));
    Ok(allocate::answer(&allocation.already_have, writers))
}

/// Waits until all uploads are over; gives up those that are not when their client is gone.
async fn watch(
    canary: RemoteReference,
    writers: Vec<Arc<BucketWriter>>,
    mut all_finished: mpsc::Receiver<Infallible>,
) {
    tokio::select! {
        _ = all_finished.recv() => return,
        () = canary.disconnected() => {}
    }
    for writer in writers {
        writer.give_up().await;
    }
}
