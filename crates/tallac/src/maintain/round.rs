//! One round over all that is looked after.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, future};
use tallac_core::dirnode::Node;
use tallac_core::ids::StorageIndex;

use super::Maintenance;
use super::object::Object;
use super::state::{Finding, Outcome, Position};
use super::targets::{self, Target, What};

/// Objects that are checked or repaired at the same time.
const AT_ONCE: usize = 4;

/// Where the objects of one target come from.
enum Source {
    Walk(Node),
    Shares(tallac_core::cap::FileCap),
}

impl Maintenance {
    /// Begins or goes on with a round, and ends it; false if it is not known what to look after.
    pub(super) async fn round(&self) -> bool {
        let (directory, caps) = (self.0.directory.clone(), self.0.config.caps.clone());
        let loaded = tokio::task::spawn_blocking(move || targets::load(&directory, &caps)).await;
        let targets = match loaded {
            Ok(Ok(targets)) => targets,
            Ok(Err(error)) => {
                tracing::warn!(%error, "maintenance does not know what to look after");
                self.wait_for(Some(error.to_string())).await;
                return false;
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.most_servers().await;
        let (number, at) = self.begin();
        tracing::info!(round = number, "maintenance begins or goes on with a round");
        let first = at.and_then(|at| targets.iter().position(|target| target.name == at));
        for target in targets.into_iter().skip(first.unwrap_or(0)) {
            self.target(target).await;
        }
        let now = self.now();
        self.lock().end(now);
        if let Some(round) = self.state().last {
            let counts = round.counts;
            tracing::info!(
                round = number,
                checked = counts.checked,
                repaired = counts.repaired,
                unhealthy = counts.unhealthy,
                unrecoverable = counts.unrecoverable,
                unreadable = counts.unreadable,
                "maintenance ended a round"
            );
        }
        true
    }

    /// Begins a round unless one goes on; gives its number, and at which target it is.
    fn begin(&self) -> (u64, Option<String>) {
        let now = self.now();
        let mut state = self.lock();
        if state.current.is_none() {
            state.begin(now, self.0.config.verify_every.map(Into::into));
        }
        let at = state.current.as_ref().and_then(|round| round.position.clone());
        (state.rounds, at.map(|position| position.target))
    }

    /// Looks after one thing, from where the round was in it.
    async fn target(&self, target: Target) {
        let name = target.name;
        let source = match target.what {
            What::Shares(cap) => Source::Shares(cap),
            What::At(root, path) => {
                self.servers().await;
                match self.0.grid.directories().resolve(&root, &path).await {
                    Ok(resolved) => Source::Walk(resolved.node),
                    Err(error) => return self.note_unreadable(&name, &error.to_string()),
                }
            }
        };
        let mut last = None;
        self.change(|round| last = round.last_of(&name));
        if last.is_none() || !self.walk(&name, &source, last).await {
            self.walk(&name, &source, None).await;
        }
        self.save().await;
    }

    fn note_unreadable(&self, target: &str, text: &str) {
        self.change(|round| {
            round.counts.unreadable += 1;
            round.note(Finding {
                target: target.to_owned(),
                path: String::new(),
                storage_index: None,
                outcome: Outcome::Unreadable,
                text: text.to_owned(),
            });
        });
    }

    /// Looks after all that comes after an object, or all; false if that object was not met.
    async fn walk(&self, target: &str, source: &Source, after: Option<StorageIndex>) -> bool {
        let (mut verify, met) = (false, AtomicBool::new(after.is_none()));
        self.change(|round| {
            verify = round.verifies;
            let last = after.map(|after| after.to_string());
            round.position = Some(Position { target: target.to_owned(), last });
        });
        let objects = self.objects(source).filter(|object| {
            let is_to_come = met.load(Ordering::Relaxed);
            if after.is_some_and(|after| object.is(after)) {
                met.store(true, Ordering::Relaxed);
            }
            future::ready(is_to_come)
        });
        let mut done = objects.map(|object| self.object(object, verify)).buffered(AT_ONCE);
        while let Some(done) = done.next().await {
            self.change(|round| {
                done.note(round, target);
                if let (Some(at), Some(last)) = (&mut round.position, done.storage_index()) {
                    at.last = Some(last);
                }
            });
            self.save_sometimes().await;
        }
        drop(done);
        met.into_inner()
    }

    /// Everything that can be reached, in the order of the walk.
    fn objects(&self, source: &Source) -> BoxStream<'static, Object> {
        match source {
            Source::Shares(cap) => stream::iter([Object::of_shares(cap.clone())]).boxed(),
            Source::Walk(node) => {
                let walk = self.0.grid.directories().walk_on(node);
                walk.filter_map(|visit| future::ready(visit.ok().map(Object::visited))).boxed()
            }
        }
    }
}
