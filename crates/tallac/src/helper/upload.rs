//! The upload of one file, for all clients that have it.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tallac_core::helper::{AssistedUpload, BoxFuture, Ciphertext, HelperError, HelperResults};
use tallac_core::ids::StorageIndex;
use tallac_core::immutable::SEGMENTS_MAX;
use tallac_grid::source::FileSource;
use tallac_grid::upload::CiphertextFile;
use tokio::sync::watch;

use super::Helper;
use super::counters::Counter;
use super::fetch::blocking;

/// Clients of one file that are remembered.
const READERS_MAX: usize = 100;

/// How it ended, once it has.
type Outcome = Option<Result<HelperResults, HelperError>>;

/// The upload of one file. It begins when the first client brings its ciphertext, and is then one
/// task, whoever waits for it.
#[derive(Debug)]
pub(super) struct Upload {
    helper: Helper,
    storage_index: StorageIndex,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Clients that have the file and did not fail yet; the first is asked.
    readers: VecDeque<Arc<dyn Ciphertext>>,
    outcome: Option<watch::Receiver<Outcome>>,
}

impl Upload {
    pub(super) fn new(helper: Helper, storage_index: StorageIndex) -> Self {
        Self { helper, storage_index, state: Mutex::default() }
    }

    pub(super) const fn helper(&self) -> &Helper {
        &self.helper
    }

    pub(super) const fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client that is to be asked.
    pub(super) fn reader(&self) -> Option<Arc<dyn Ciphertext>> {
        self.state().readers.front().cloned()
    }

    pub(super) fn drop_reader(&self, reader: &Arc<dyn Ciphertext>) {
        self.state().readers.retain(|other| !Arc::ptr_eq(other, reader));
    }

    /// Adds a client, and begins if this is the first.
    fn join(self: &Arc<Self>, reader: Arc<dyn Ciphertext>) -> watch::Receiver<Outcome> {
        let mut state = self.state();
        if state.readers.len() < READERS_MAX {
            state.readers.push_back(reader);
        }
        if let Some(outcome) = &state.outcome {
            return outcome.clone();
        }
        let (done, outcome) = watch::channel(None);
        state.outcome = Some(outcome.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let result = this.run().await;
            if let Err(error) = &result {
                tracing::info!(si = %this.storage_index, %error, "an upload for a client failed");
            }
            this.helper.forget(this.storage_index);
            let readers = std::mem::take(&mut this.state().readers);
            let _ = done.send(Some(result));
            for reader in readers {
                reader.close().await;
            }
        });
        outcome
    }

    async fn run(&self) -> Result<HelperResults, HelperError> {
        let began = Instant::now();
        let size = self.ask(|reader| reader.size()).await?;
        let parameters = self.ask(|reader| reader.parameters()).await?;
        let refused = |why: String| HelperError::Misbehaved(why);
        let geometry = parameters.geometry(size).map_err(|error| refused(error.to_string()))?;
        if geometry.segment_count() > SEGMENTS_MAX {
            return Err(refused(format!("a file of {size} bytes has too many segments")));
        }
        let happy = usize::try_from(parameters.happy).unwrap_or(usize::MAX);

        let name = self.storage_index.to_string();
        let incoming = self.helper.0.incoming.join(&name);
        let encoding = self.helper.0.encoding.join(&name);
        let fetched = self.fetch(size, &incoming, &encoding).await?;
        let fetching = began.elapsed();

        let path = encoding.clone();
        let source = blocking(move || FileSource::open(&path)).await?;
        let file = CiphertextFile { storage_index: self.storage_index, geometry, happy };
        let done = self.helper.0.uploader.upload_ciphertext(source, file).await;
        let done = done.map_err(|error| HelperError::Failed(error.to_string()))?;
        blocking(move || fs::remove_file(&encoding)).await?;
        self.helper.count(Counter::EncodedBytes, size);
        let seconds = |name: &str, time: std::time::Duration| (name.to_owned(), time.as_secs_f64());
        let (pushed, preexisting) = (done.pushed.len(), done.preexisting.len());
        let mut shares = done.preexisting;
        for (share, server) in done.pushed {
            shares.entry(share).or_default().insert(server);
        }
        Ok(HelperResults {
            ueb: done.ueb,
            ueb_hash: done.ueb_hash,
            shares,
            pushed: u64::try_from(pushed).unwrap_or(u64::MAX),
            preexisting: u64::try_from(preexisting).unwrap_or(u64::MAX),
            fetched: fetched.bytes,
            timings: vec![
                seconds("cumulative_fetch", fetched.waited),
                seconds("total_fetch", fetching),
                seconds("encode_and_push", began.elapsed() - fetching),
                seconds("total", began.elapsed()),
            ],
        })
    }
}

/// What a client of a file holds of its upload.
#[derive(Debug)]
pub(super) struct Ticket(pub(super) Arc<Upload>);

impl AssistedUpload for Ticket {
    fn upload(
        &self,
        ciphertext: Arc<dyn Ciphertext>,
    ) -> BoxFuture<'_, Result<HelperResults, HelperError>> {
        Box::pin(async move {
            let mut outcome = self.0.join(ciphertext);
            let ended = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
            ended.ok().flatten().unwrap_or_else(|| {
                Err(HelperError::Local("the upload ended without a result".to_owned()))
            })
        })
    }
}
