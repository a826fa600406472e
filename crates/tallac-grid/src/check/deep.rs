//! Deep check: everything that can be reached from a directory, many objects at a time
//! (specification section 5.4).
//!
//! Objects come out in the order of the walk, which is Tahoe's, each once. The walk goes on while
//! they are checked, as far ahead as there is room for; dropping the stream ends it all.

use std::pin::Pin;

use futures_core::Stream;
use futures_util::StreamExt as _;
use tallac_core::cap::FileCap;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{CheckOptions, CheckResults, Checker, RepairResults};
use crate::directory::{DirectoryIoError, Visit, VisitStream};

/// Objects that are checked at the same time, or wait for one before them, at most.
const IN_FLIGHT_MAX: usize = 64;

/// An object that was met, and what is known of it.
#[derive(Debug, Clone)]
pub struct DeepItem<R> {
    /// What it is, and where.
    pub visit: Visit,
    /// What was found; nothing for what has no shares, is shut, or of an unknown kind.
    pub results: Option<R>,
}

/// Objects in the order of the walk. What happens to one of them is in its results; an error is
/// the walk's, when a directory cannot be read, and there is nothing after it. Dropping the stream
/// ends the walk and all checks.
pub type DeepStream<R> = Pin<Box<dyn Stream<Item = Result<DeepItem<R>, DirectoryIoError>> + Send>>;

impl Checker {
    /// Checks everything that a walk comes to.
    #[must_use]
    pub fn deep_check(&self, walk: VisitStream, options: CheckOptions) -> DeepStream<CheckResults> {
        let checker = self.clone();
        deep(walk, move |cap| {
            let checker = checker.clone();
            async move { checker.check(&cap, options).await }
        })
    }

    /// The same, and repairs what is not healthy.
    #[must_use]
    pub fn deep_check_and_repair(
        &self,
        walk: VisitStream,
        options: CheckOptions,
    ) -> DeepStream<RepairResults> {
        let checker = self.clone();
        deep(walk, move |cap| {
            let checker = checker.clone();
            async move { checker.check_and_repair(&cap, options).await }
        })
    }
}

/// What `check` says of everything that is visited and has a cap that we know.
fn deep<R, F>(walk: VisitStream, check: impl Fn(FileCap) -> F + Send + 'static) -> DeepStream<R>
where
    R: Send + 'static,
    F: Future<Output = Option<R>> + Send + 'static,
{
    let items = walk.map(move |visit| {
        let open = visit.as_ref().ok().filter(|visit| !visit.is_shut);
        let cap = open.and_then(|visit| visit.node.cap()?.file().cloned());
        let results =
            cap.map(|cap| AbortOnDropHandle::new(tokio::spawn(check(cap).in_current_span())));
        async move {
            let results = match results {
                None => None,
                Some(results) => match results.await {
                    Ok(results) => results,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
            };
            Ok(DeepItem { visit: visit?, results })
        }
    });
    Box::pin(items.buffered(IN_FLIGHT_MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use tallac_core::cap::{Fingerprint, MutableFormat, ReadKey, SskReadCap};
    use tallac_core::dirnode::DirectoryError;
    use tokio::sync::{Barrier, mpsc};

    use super::*;

    fn visit(number: usize) -> Result<Visit, DirectoryIoError> {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let key = ReadKey::new(key);
        let cap = SskReadCap::new(MutableFormat::Sdmf, key, Fingerprint::new([0; 32]));
        Ok(Visit {
            path: Vec::new(),
            node: FileCap::SskRead(cap).into(),
            listing: None,
            is_shut: false,
        })
    }

    fn number(cap: &FileCap) -> u64 {
        let FileCap::SskRead(cap) = cap else { panic!("another kind") };
        u64::from_be_bytes(cap.read_key().expose()[..8].try_into().unwrap())
    }

    fn walk(count: usize) -> VisitStream {
        Box::pin(stream::iter((0..count).map(visit)))
    }

    /// Results come in the order of the walk, and never are more objects under way or waiting than
    /// are allowed, however many there are and whichever is slow.
    #[tokio::test]
    async fn any_number_of_objects_in_order_and_few_at_a_time() {
        let (begun, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, passed) = (Arc::clone(&begun), Arc::clone(&taken));
        let mut items = deep(walk(100_000), move |cap| {
            let ahead = count.fetch_add(1, Ordering::Relaxed) - passed.load(Ordering::Relaxed);
            assert!(ahead < IN_FLIGHT_MAX + 1, "{ahead} objects");
            async move {
                for _ in 0..number(&cap) % 7 {
                    tokio::task::yield_now().await;
                }
                Some(number(&cap))
            }
        });
        let mut expected = 0;
        while let Some(item) = items.next().await {
            taken.fetch_add(1, Ordering::Relaxed);
            assert_eq!(item.unwrap().results, Some(expected));
            expected += 1;
        }
        assert_eq!((expected, begun.load(Ordering::Relaxed)), (100_000, 100_000));
    }

    #[tokio::test]
    async fn many_are_checked_at_the_same_time() {
        let barrier = Arc::new(Barrier::new(IN_FLIGHT_MAX));
        let items = deep(walk(IN_FLIGHT_MAX), move |_| {
            let barrier = Arc::clone(&barrier);
            async move { Some(barrier.wait().await.is_leader()) }
        });
        assert_eq!(items.count().await, IN_FLIGHT_MAX);
    }

    #[tokio::test]
    async fn an_error_of_the_walk_comes_last() {
        let error = || Err(DirectoryIoError::from(DirectoryError::NotWriteable));
        let visits = (0..3).map(visit).chain([error()]);
        let mut items = deep(Box::pin(stream::iter(visits)), |_| async { Some(()) });
        for _ in 0..3 {
            assert!(items.next().await.unwrap().unwrap().results.is_some());
        }
        assert!(items.next().await.unwrap().is_err());
        assert!(items.next().await.is_none());
    }

    struct GivenUp(mpsc::UnboundedSender<()>);

    impl Drop for GivenUp {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[tokio::test]
    async fn dropping_the_stream_ends_what_is_under_way() {
        let (told, mut given_up) = mpsc::unbounded_channel();
        let (start, mut started) = mpsc::unbounded_channel();
        let mut items = deep(walk(5), move |_| {
            let (guard, start) = (GivenUp(told.clone()), start.clone());
            async move {
                let _guard = guard;
                let _ = start.send(());
                std::future::pending::<Option<()>>().await
            }
        });
        tokio::select! {
            _ = items.next() => panic!("nothing is ever done"),
            () = async { for _ in 0..5 { started.recv().await; } } => {}
        }
        drop(items);
        for _ in 0..5 {
            given_up.recv().await.unwrap();
        }
    }
}
