//! Which servers have shares (specification section 4.4).
//!
//! Servers are asked in the order of the file's ring, as many at once as there are shares wanted;
//! who answers first is used first. One that does not answer soon is not waited for: the next is
//! asked.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::{BoxFuture, ShareKind, StorageError};
use tokio::time::Instant;

use crate::grid::Grid;
use crate::history::Operation;
use crate::servers::GridServer;

/// A server that has not answered for this long is overdue, and another is asked as well.
const OVERDUE: Duration = Duration::from_millis(250);

/// A server that has not answered for this long has no shares.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Questions under way at most.
const QUESTIONS_MAX: usize = 10;

/// Where a share is.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub(crate) server: Arc<GridServer>,
    pub(crate) share: ShareNumber,
    /// How often it was too slow.
    pub(crate) tries: u32,
}

/// A server's answer, or none.
type Answer = (Arc<GridServer>, Result<BTreeSet<ShareNumber>, StorageError>);

/// Finds the shares of one file.
pub(super) struct Finder {
    storage_index: StorageIndex,
    total: usize,
    watched: Arc<Operation>,
    unasked: VecDeque<Arc<GridServer>>,
    asking: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// One share of each server that has any, in order of the answers.
    first: VecDeque<Location>,
    /// Further shares of the same servers.
    further: VecDeque<Location>,
    answered: usize,
    unanswered: usize,
}

impl Finder {
    pub(super) fn new(
        grid: &Grid,
        storage_index: StorageIndex,
        total: usize,
        watched: &Arc<Operation>,
    ) -> Self {
        let unasked: VecDeque<_> = grid.servers().ring(&storage_index).into();
        Self {
            storage_index,
            total,
            watched: Arc::clone(watched),
            unanswered: grid.servers().all().len() - unasked.len(),
            unasked,
            asking: FuturesUnordered::new(),
            first: VecDeque::new(),
            further: VecDeque::new(),
            answered: 0,
        }
    }

    /// Of a file whose shares are known; nobody is asked.
    pub(super) fn known(
        storage_index: StorageIndex,
        locations: Vec<Location>,
        watched: &Arc<Operation>,
    ) -> Self {
        let (mut first, mut further) = (VecDeque::new(), VecDeque::new());
        let mut servers = BTreeSet::new();
        for location in locations {
            let is_first = servers.insert(location.server.info().id.clone());
            if is_first { &mut first } else { &mut further }.push_back(location);
        }
        Self {
            storage_index,
            total: ShareNumber::COUNT_MAX,
            watched: Arc::clone(watched),
            unasked: VecDeque::new(),
            asking: FuturesUnordered::new(),
            first,
            further,
            answered: servers.len(),
            unanswered: 0,
        }
    }

    /// Where it is told what is done.
    pub(super) const fn watched(&self) -> &Arc<Operation> {
        &self.watched
    }

    /// Servers that answered, and those that did not.
    pub(super) const fn asked(&self) -> (usize, usize) {
        (self.answered, self.unanswered)
    }

    /// Puts a share back that was too slow: it is tried again when there are no others.
    pub(super) fn put_back(&mut self, location: Location) {
        self.further.push_back(Location { tries: location.tries + 1, ..location });
    }

    /// Shares whose numbers are not `taken`: `wanted` of them if there are so many, on different
    /// servers if it can be. Asks at least `eager` servers at once.
    pub(super) async fn find(
        &mut self,
        wanted: usize,
        eager: usize,
        taken: &BTreeSet<ShareNumber>,
    ) -> Vec<Location> {
        let mut taken = taken.clone();
        let mut found = Vec::new();
        while found.len() < wanted {
            if let Some(location) = take_from(&mut self.first, &mut taken) {
                found.push(location);
                continue;
            }
            let enough = eager.max(wanted - found.len()).min(QUESTIONS_MAX);
            while self.asking.len() < enough && self.ask_next() {}
            if self.asking.is_empty() {
                break;
            }
            self.hear(QUESTIONS_MAX).await;
        }
        while found.len() < wanted {
            let Some(location) = take_from(&mut self.further, &mut taken) else { break };
            found.push(location);
        }
        found
    }

    /// Asks the next server of the ring, if there is one.
    fn ask_next(&mut self) -> bool {
        let Some(server) = self.unasked.pop_front() else { return false };
        let (storage_index, watched) = (self.storage_index, Arc::clone(&self.watched));
        self.asking.push(Box::pin(async move {
            let (asked, mark) = (Instant::now(), watched.query_begins(&server));
            let question = server.storage().list(ShareKind::Immutable, storage_index);
            let seconds = GIVE_UP.as_secs();
            let answer = tokio::time::timeout(GIVE_UP, question)
                .await
                .unwrap_or(Err(StorageError::TimedOut { seconds }));
            watched.query_ends(mark, answer.as_ref().ok());
            if answer.is_ok() {
                server.note_round_trip(asked.elapsed());
            }
            (server, answer)
        }));
        true
    }

    /// Waits for an answer; while there is none, asks others.
    async fn hear(&mut self, questions_max: usize) {
        let answer = loop {
            match tokio::time::timeout(OVERDUE, self.asking.next()).await {
                Ok(answer) => break answer,
                Err(_) if self.asking.len() < questions_max && self.ask_next() => {}
                Err(_) => break self.asking.next().await,
            }
        };
        match answer {
            Some((server, Ok(shares))) => {
                self.answered += 1;
                let mut locations = shares
                    .into_iter()
                    .filter(|share| share.index() < self.total)
                    .map(|share| Location { server: Arc::clone(&server), share, tries: 0 });
                self.first.extend(locations.next());
                self.further.extend(locations);
            }
            Some((server, Err(error))) => {
                tracing::debug!(server = %server.info().id, %error, "not asked for shares");
                server.note_error(&error);
                self.unanswered += 1;
            }
            None => {}
        }
    }
}

/// Takes the first location whose number is not taken; those of taken numbers stay, since the
/// share that took the number may fail.
fn take_from(from: &mut VecDeque<Location>, taken: &mut BTreeSet<ShareNumber>) -> Option<Location> {
    let at = from.iter().position(|location| !taken.contains(&location.share))?;
    let location = from.remove(at)?;
    taken.insert(location.share);
    Some(location)
}
