//! Operations that take long, asked for once and looked at later: `/operations/HANDLE`
//! (section 8.5).

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Method;
use tallac_grid::directory::VisitStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::asked::Asked;
use super::error::WebError;
use super::reply::Reply;
use super::walks::Walk;

/// How long the results of an operation are kept that nobody asked for, at least.
const UNCOLLECTED_LIFETIME: Duration = Duration::from_secs(4 * 24 * 3600);

/// How long they are kept once somebody did.
const COLLECTED_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The longest that a client may ask for.
const LIFETIME_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Operations that are kept at a time, at most.
const OPERATIONS_MAX: usize = 1000;

/// Bytes of a handle, at most.
const HANDLE_LEN_MAX: usize = 1000;

/// All operations that were asked for and not yet forgotten.
#[derive(Default)]
pub(super) struct Operations(Arc<Mutex<Table>>);

type Table = HashMap<String, Arc<Operation>>;

/// One of them. When the table lets go of it, it ends.
struct Operation {
    walk: Arc<Walk>,
    /// When it is to be forgotten, if that is known by now.
    deadline: watch::Sender<Option<Instant>>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operations({})", self.table().len())
    }
}

impl Operations {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an operation under the handle that the client chose, in place of an older one.
    pub(super) fn start(
        &self,
        asked: &Asked<'_>,
        walk: Walk,
        visits: VisitStream,
    ) -> Result<(), WebError> {
        let handle = handle(asked)?;
        let (deadline, watched) = watch::channel(retention(asked)?.map(from_now));
        let walk = Arc::new(walk);
        let operation = Arc::new(Operation { walk: Arc::clone(&walk), deadline });
        let weak = Arc::downgrade(&operation);
        let mut table = self.table();
        if table.len() >= OPERATIONS_MAX && !table.contains_key(handle) {
            return Err(WebError::TooManyOperations);
        }
        table.insert(handle.to_owned(), operation);
        drop(table);
        let (table, handle) = (Arc::downgrade(&self.0), handle.to_owned());
        tokio::spawn(async move {
            run(&walk, visits, &weak, watched).await;
            forget(&table, &handle, &walk);
        });
        Ok(())
    }

    /// `/operations/HANDLE`: how far it is.
    pub(super) async fn answer(&self, asked: &Asked<'_>, handle: &str) -> Result<Reply, WebError> {
        self.looked_at(asked, handle)?.page(asked).await
    }

    /// The operation of a handle, whose lifetime changes by being looked at.
    fn looked_at(&self, asked: &Asked<'_>, handle: &str) -> Result<Arc<Walk>, WebError> {
        if !asked.is_read() && *asked.method() != Method::POST {
            return Err(WebError::MethodNotAllowed("GET, HEAD, POST"));
        }
        let retention = retention(asked)?;
        let is_released = asked.args.is_on("release-after-complete")?;
        let mut table = self.table();
        let operation = table.get(handle).cloned().ok_or(WebError::NoSuchOperation)?;
        if *asked.method() == Method::POST && asked.args.operation() == "cancel" {
            table.remove(handle);
        } else if operation.walk.is_finished() {
            let lifetime = retention.unwrap_or(COLLECTED_LIFETIME);
            operation.deadline.send_replace(Some(from_now(lifetime)));
            if is_released {
                table.remove(handle);
            }
        } else if let Some(lifetime) = retention {
            operation.deadline.send_replace(Some(from_now(lifetime)));
        }
        Ok(Arc::clone(&operation.walk))
    }
}

/// Walks to the end, and keeps what was found until the deadline. Returns at once when the
/// operation is let go of.
async fn run(
    walk: &Walk,
    visits: VisitStream,
    operation: &Weak<Operation>,
    mut deadline: watch::Receiver<Option<Instant>>,
) {
    let started = Instant::now();
    tokio::select! {
        () = pin!(walk.run(visits)) => {}
        () = passed(&mut deadline) => return,
    }
    if let Some(operation) = operation.upgrade() {
        let usual = from_now(UNCOLLECTED_LIFETIME.max(started.elapsed()));
        operation.deadline.send_modify(|deadline| {
            deadline.get_or_insert(usual);
        });
    }
    passed(&mut deadline).await;
}

/// Waits until the deadline has passed, or until there is nobody who could set one.
async fn passed(deadline: &mut watch::Receiver<Option<Instant>>) {
    loop {
        let at = *deadline.borrow_and_update();
        let changed = match at {
            None => deadline.changed().await,
            Some(at) => tokio::select! {
                changed = deadline.changed() => changed,
                () = tokio::time::sleep_until(at) => return,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Takes an operation out of the table, unless another has its handle by now.
fn forget(table: &Weak<Mutex<Table>>, handle: &str, walk: &Arc<Walk>) {
    let Some(table) = table.upgrade() else { return };
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    if table.get(handle).is_some_and(|operation| Arc::ptr_eq(&operation.walk, walk)) {
        table.remove(handle);
    }
}

/// The handle that the client chose.
pub(super) fn handle<'a>(asked: &'a Asked<'_>) -> Result<&'a str, WebError> {
    let handle = asked.args.filled("ophandle").ok_or(WebError::NoHandle)?;
    if handle.len() > HANDLE_LEN_MAX { Err(WebError::HandleTooLong) } else { Ok(handle) }
}

/// How long the client wants the results to be kept.
fn retention(asked: &Asked<'_>) -> Result<Option<Duration>, WebError> {
    let Some(seconds) = asked.args.value("retain-for") else { return Ok(None) };
    let seconds = seconds.trim().parse().map_err(|_| WebError::BadRetention)?;
    Ok(Some(Duration::from_secs(seconds).min(LIFETIME_MAX)))
}

fn from_now(lifetime: Duration) -> Instant {
    Instant::now() + lifetime
}
