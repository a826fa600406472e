//! The client's side: an [`UploadHelper`] that is somewhere else.

use std::fmt;
use std::sync::Arc;

use foolscap::{Arguments, CallError, Furl, Reconnector, RemoteReference, Tub, Value};
use tallac_core::helper::{
    AssistedUpload, Begun, BoxFuture, Ciphertext, HelperError, HelperResults, UploadHelper,
};
use tallac_core::ids::StorageIndex;
use tokio::sync::watch;

use super::ciphertext::Lent;
use super::{HELPER_V1, error_of, messages, results};
use crate::foolscap_storage::values::{of_storage_index, remote, tuple};

/// A helper that is reached over Foolscap. It is connected to all the time, and found again
/// whenever it was lost.
pub struct HelperClient {
    furl: Furl,
    current: Arc<Current>,
    reconnector: Reconnector,
}

/// The helper, while it is connected.
type Current = watch::Sender<Option<RemoteReference>>;

impl fmt::Debug for HelperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HelperClient").field("furl", &self.furl).finish_non_exhaustive()
    }
}

impl HelperClient {
    /// Connects to the helper with that FURL, from now on.
    #[must_use]
    pub fn start(tub: &Tub, furl: Furl) -> Self {
        let current = Arc::new(Current::default());
        let connected = Arc::clone(&current);
        let reconnector = tub.keep_connected(furl.clone(), move |helper| {
            tokio::spawn(greet(helper, Arc::clone(&connected)));
        });
        Self { furl, current, reconnector }
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.helper().is_some()
    }

    /// Waits until it is there.
    pub async fn connected(&self) {
        let mut current = self.current.subscribe();
        // The sender is ours, and still there.
        let is_there = |helper: &Option<RemoteReference>| {
            helper.as_ref().is_some_and(RemoteReference::is_connected)
        };
        let _ = current.wait_for(is_there).await;
    }

    /// Where it is.
    #[must_use]
    pub const fn furl(&self) -> &Furl {
        &self.furl
    }

    /// Why it is not there, as far as is known.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.reconnector.last_error().map(|error| error.to_string())
    }

    /// Looks for it at once, and with short pauses from now on.
    pub fn retry_soon(&self) {
        self.reconnector.reset();
    }

    fn helper(&self) -> Option<RemoteReference> {
        self.current.borrow().clone().filter(RemoteReference::is_connected)
    }
}

/// Takes a helper into use if it speaks as we do.
async fn greet(helper: RemoteReference, current: Arc<Current>) {
    let version = helper.call("get_version", Arguments::none()).await;
    let speaks = match version {
        Ok(version) => messages::speaks(version, HELPER_V1).map_err(HelperError::from),
        // Helpers of old have no such method.
        Err(CallError::Remote(_)) => Ok(true),
        Err(error) => Err(error_of(error)),
    };
    match speaks {
        Ok(true) => {
            tracing::info!("the helper is connected");
            current.send_replace(Some(helper.clone()));
            helper.disconnected().await;
            tracing::info!("the helper is lost; files go to the servers directly until it is back");
            current.send_if_modified(|current| {
                // Another connection may have come in its place.
                let is_lost = current.as_ref().is_some_and(|current| !current.is_connected());
                current.take_if(|_| is_lost).is_some()
            });
        }
        Ok(false) => {
            tracing::warn!("the helper is not used: it does not speak version 1 of the protocol");
        }
        Err(error) => tracing::warn!(%error, "the helper did not say what it is"),
    }
}

impl UploadHelper for HelperClient {
    fn begin(&self, storage_index: StorageIndex) -> BoxFuture<'_, Result<Begun, HelperError>> {
        Box::pin(async move {
            let helper = self.helper().ok_or(HelperError::NotConnected)?;
            let arguments = Arguments::positional(vec![of_storage_index(&storage_index)]);
            let begun = helper.call("upload_chk", arguments).await.map_err(|error| {
                match error_of(error) {
                    // Nothing was begun.
                    HelperError::Disconnected => HelperError::NotConnected,
                    error => error,
                }
            })?;
            let [present, upload] = tuple(begun)?;
            match upload {
                Value::None => Ok(Begun::Present(results::read(present)?)),
                upload => Ok(Begun::Wanted(Arc::new(RemoteUpload(remote(upload)?)))),
            }
        })
    }
}

/// The upload of one file, which happens elsewhere.
#[derive(Debug)]
struct RemoteUpload(RemoteReference);

impl AssistedUpload for RemoteUpload {
    fn upload(
        &self,
        ciphertext: Arc<dyn Ciphertext>,
    ) -> BoxFuture<'_, Result<HelperResults, HelperError>> {
        Box::pin(async move {
            let lent = Lent::new(ciphertext);
            let arguments = Arguments::positional(vec![lent.object()]);
            let answer = self.0.call("upload", arguments).await.map_err(error_of)?;
            Ok(results::read(answer)?)
        })
    }
}
