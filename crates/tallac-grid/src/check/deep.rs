//! Deep check: everything that can be reached from a directory, many objects at a time
//! (specification section 5.4).
//!
//! Objects come out in the order of the walk, which is Tahoe's, each once. The walk goes on while
//! they are checked, as far ahead as there is room for; dropping the stream ends it all.

use std::pin::Pin;

use futures_core::Stream;
use futures_util::StreamExt as _;
use tallac_core::cap::FileCap;
use tallac_core::dirnode::Node;
use tokio_util::task::AbortOnDropHandle;

use super::{CheckOptions, CheckResults, Checker, RepairResults};
use crate::directory::{DirectoryIoError, Visit, VisitStream};

/// Objects that are checked at the same time, or wait for one before them, at most.
const IN_FLIGHT_MAX: usize = 64;

/// An object that was met, and what is known of it.
#[derive(Debug, Clone)]
pub struct DeepItem<R> {
    /// What it is, and where.
    pub visit: Visit,
    /// What was found; nothing for what has no shares or is of an unknown kind.
    pub results: Option<R>,
}

/// Objects in the order of the walk. What happens to one of them is in its results; an error is
/// the walk's, when a directory cannot be read, and there is nothing after it. Dropping the stream
/// ends the walk and all checks.
pub type DeepStream<R> = Pin<Box<dyn Stream<Item = Result<DeepItem<R>, DirectoryIoError>> + Send>>;

impl Checker {
    /// Checks everything that can be reached from a node, the node itself first.
    #[must_use]
    pub fn deep_check(&self, root: &Node, options: CheckOptions) -> DeepStream<CheckResults> {
        let checker = self.clone();
        deep(self.grid.directories().walk(root), move |cap| {
            let checker = checker.clone();
            async move { checker.check(&cap, options).await }
        })
    }

    /// The same, and repairs what is not healthy.
    #[must_use]
    pub fn deep_check_and_repair(
        &self,
        root: &Node,
        options: CheckOptions,
    ) -> DeepStream<RepairResults> {
        let checker = self.clone();
        deep(self.grid.directories().walk(root), move |cap| {
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
        let cap = visit.as_ref().ok().and_then(|visit| visit.node.cap()?.file().cloned());
        let results = cap.map(|cap| AbortOnDropHandle::new(tokio::spawn(check(cap))));
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
