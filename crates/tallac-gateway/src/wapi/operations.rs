//! Operations that take long, asked for once and looked at later: `/operations/HANDLE`
//! (section 8.5).

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Method;
use tokio::sync::watch;
use tokio::time::Instant;

use super::asked::Asked;
use super::check::DeepCheck;
use super::error::WebError;
use super::reply::Reply;
use super::unlinked::quoted;
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
    findings: Findings,
    /// When it is to be forgotten, if that is known by now.
    deadline: watch::Sender<Option<Instant>>,
}

/// What an operation finds.
#[derive(Debug, Clone)]
pub(super) enum Findings {
    /// What there is.
    Walk(Arc<Walk>),
    /// How it is.
    Check(Arc<DeepCheck>),
}

/// Where somebody looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    /// The operation.
    pub(super) handle: &'a str,
    /// Which of its objects, if not all of it is wanted.
    pub(super) detail: Option<&'a str>,
}

impl Findings {
    fn is_finished(&self) -> bool {
        match self {
            Self::Walk(walk) => walk.is_finished(),
            Self::Check(check) => check.is_finished(),
        }
    }

    async fn page(self, asked: &Asked<'_>, at: At<'_>) -> Result<Reply, WebError> {
        match (self, at.detail) {
            (Self::Walk(walk), None) => walk.page(asked).await,
            (Self::Walk(_), Some(_)) => Err(WebError::NoSuchPage),
            (Self::Check(check), _) => check.page(asked, at).await,
        }
    }
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
        findings: Findings,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), WebError> {
        let handle = handle(asked)?;
        let (deadline, watched) = watch::channel(retention(asked)?.map(from_now));
        let operation = Arc::new(Operation { findings, deadline });
        let weak = Arc::downgrade(&operation);
        let mut table = self.table();
        if table.len() >= OPERATIONS_MAX && !table.contains_key(handle) {
            return Err(WebError::TooManyOperations);
        }
        table.insert(handle.to_owned(), operation);
        drop(table);
        let (table, handle) = (Arc::downgrade(&self.0), handle.to_owned());
        tokio::spawn(async move {
            run(work, &weak, watched).await;
            forget(&table, &handle, &weak);
        });
        Ok(())
    }

    /// `/operations/HANDLE`, and what may follow: how far it is, or how one of its objects is.
    pub(super) async fn answer(&self, asked: &Asked<'_>, at: At<'_>) -> Result<Reply, WebError> {
        self.looked_at(asked, at.handle)?.page(asked, at).await
    }

    /// The operation of a handle, whose lifetime changes by being looked at.
    fn looked_at(&self, asked: &Asked<'_>, handle: &str) -> Result<Findings, WebError> {
        if !asked.is_read() && *asked.method() != Method::POST {
            return Err(WebError::MethodNotAllowed("GET, HEAD, POST"));
        }
        let retention = retention(asked)?;
        let is_released = asked.args.is_on("release-after-complete")?;
        let mut table = self.table();
        let operation = table.get(handle).cloned().ok_or(WebError::NoSuchOperation)?;
        if *asked.method() == Method::POST && asked.args.operation() == "cancel" {
            table.remove(handle);
        } else if operation.findings.is_finished() {
            let lifetime = retention.unwrap_or(COLLECTED_LIFETIME);
            operation.deadline.send_replace(Some(from_now(lifetime)));
            if is_released {
                table.remove(handle);
            }
        } else if let Some(lifetime) = retention {
            operation.deadline.send_replace(Some(from_now(lifetime)));
        }
        Ok(operation.findings.clone())
    }
}

/// Works to the end, and keeps what was found until the deadline. Returns at once when the
/// operation is let go of.
async fn run(
    work: impl Future<Output = ()>,
    operation: &Weak<Operation>,
    mut deadline: watch::Receiver<Option<Instant>>,
) {
    let started = Instant::now();
    tokio::select! {
        () = pin!(work) => {}
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
fn forget(table: &Weak<Mutex<Table>>, handle: &str, operation: &Weak<Operation>) {
    let Some(table) = table.upgrade() else { return };
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    if table.get(handle).is_some_and(|found| Arc::downgrade(found).ptr_eq(operation)) {
        table.remove(handle);
    }
}

/// Sends the client to where the results will be of what was begun.
pub(super) fn begun(asked: &Asked<'_>) -> Result<Reply, WebError> {
    if let Some(when_done) = asked.args.when_done() {
        return Reply::when_done(when_done);
    }
    let mut location = format!("/operations/{}", quoted(handle(asked)?));
    if let Some(output) = asked.args.filled("output") {
        let _ = write!(location, "?output={}", quoted(output));
    }
    Reply::found(&location)
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
