//! Keeping a connection: trying again, with pauses that grow.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::inner::Inner;
use super::{ConnectError, Tub};
use crate::furl::Furl;
use crate::object::RemoteReference;

/// The first pause.
const DELAY_FIRST: Duration = Duration::from_secs(1);

/// The longest.
const DELAY_MAX: Duration = Duration::from_secs(3600);

/// By how much pauses grow, and by how much they are made uneven, so that peers that lost us at the
/// same moment do not come back at the same moment.
const FACTOR: f64 = std::f64::consts::E;
const JITTER: f64 = 0.2;

/// What [`keep`] is told and tells.
struct Shared {
    reset: Notify,
    last_error: Mutex<Option<ConnectError>>,
}

/// Keeps connecting, with growing pauses, until it is dropped.
pub struct Reconnector {
    shared: Arc<Shared>,
    _end: DropGuard,
}

impl Reconnector {
    pub(super) fn start(
        tub: &Arc<Inner>,
        furl: Furl,
        connected: impl Fn(RemoteReference) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { reset: Notify::new(), last_error: Mutex::new(None) });
        let end = CancellationToken::new();
        let (tub, told, ended) = (tub.clone(), shared.clone(), end.clone());
        let tasks = tub.tasks.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = tub.stopping.cancelled() => told.set(Some(ConnectError::Stopped)),
                () = keep(&tub, &furl, connected, &told) => {}
            }
        });
        Self { shared, _end: end.drop_guard() }
    }

    /// Tries again at once, and with short pauses from now on.
    pub fn reset(&self) {
        self.shared.reset.notify_one();
    }

    /// How the last attempt failed, while there is no connection.
    #[must_use]
    pub fn last_error(&self) -> Option<ConnectError> {
        self.shared.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Reconnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last_error = self.last_error();
        f.debug_struct("Reconnector").field("last_error", &last_error).finish_non_exhaustive()
    }
}

impl Shared {
    fn set(&self, error: Option<ConnectError>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

async fn keep(tub: &Arc<Inner>, furl: &Furl, connected: impl Fn(RemoteReference), shared: &Shared) {
    let mut delay = DELAY_FIRST;
    loop {
        match Tub::reference(tub, furl).await {
            Ok(reference) => {
                shared.set(None);
                delay = DELAY_FIRST;
                let lost = reference.connection().lost().clone();
                connected(reference);
                lost.cancelled().await;
            }
            Err(error) => {
                tracing::debug!(peer = %furl.tub_id(), %error, "cannot connect");
                shared.set(Some(error));
                delay = longer(delay, random());
            }
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = shared.reset.notified() => delay = DELAY_FIRST,
        }
    }
}

/// The pause after `delay`; `random` is from 0 to 1.
fn longer(delay: Duration, random: f64) -> Duration {
    let uneven = 1.0 + JITTER * (2.0 * random - 1.0);
    delay.mul_f64(FACTOR).min(DELAY_MAX).mul_f64(uneven)
}

/// From 0 to 1. Pauses need not be secret, so without randomness they are just even.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let mut delay = DELAY_FIRST;
        let pauses: Vec<u64> = std::iter::from_fn(|| {
            delay = longer(delay, 0.5);
            Some(delay.as_secs())
        })
        .take(10)
        .collect();
        assert_eq!(pauses, [2, 7, 20, 54, 148, 403, 1096, 2980, 3600, 3600]);
        assert_eq!(longer(DELAY_MAX, 0.0), DELAY_MAX.mul_f64(0.8));
        assert_eq!(longer(DELAY_MAX, 1.0), DELAY_MAX.mul_f64(1.2));
    }
}
