//! A node as a tree of services: started from first to last, stopped from last to first.
//!
//! Every service has a name, runs until it is told to stop, and then drains. A panic or an error
//! ends that service only; its own policy says whether it is started again, more slowly each time,
//! or whether the whole tree has to stop.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tallac_core::storage::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How soon a service that failed is started again, at first and at most.
const RESTART_MIN: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(60);

/// What becomes of the tree when a service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The service is started again after a pause that grows.
    Restart,
    /// The tree stops: it would be of no use without the service.
    StopAll,
}

/// How a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// It runs.
    Running,
    /// It failed, for this reason, and will be started again.
    Restarting(String),
    /// It ended, for this reason if it failed.
    Stopped(Option<String>),
}

/// What a service does: it is called with a token that tells when to stop, and returns once it
/// has.
type Run = Box<dyn Fn(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send>;

/// One part of a node.
pub(crate) struct Service {
    name: String,
    on_failure: OnFailure,
    run: Run,
}

impl Service {
    /// A service that is run by `run`, anew each time that it is started.
    pub(crate) fn new<F>(
        name: impl Into<String>,
        on_failure: OnFailure,
        run: impl Fn(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { name: name.into(), on_failure, run: Box::new(move |stop| Box::pin(run(stop))) }
    }

    /// A service that only ends what runs by itself, after all that was started later.
    pub(crate) fn ending<F>(
        name: impl Into<String>,
        end: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let end = Arc::new(end);
        Self::new(name, OnFailure::Restart, move |stop| {
            let end = Arc::clone(&end);
            async move {
                stop.cancelled().await;
                end().await;
                Ok(())
            }
        })
    }
}

/// A running service, or a group of them.
struct Child {
    name: String,
    health: Arc<Mutex<Health>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Services that run, in the order in which they were started.
///
/// Dropped without [`Tree::stop`], it tells all of them to stop and does not wait.
pub(crate) struct Tree {
    children: Vec<Child>,
    /// Set when a service failed without which the others are of no use.
    failed: CancellationToken,
    reason: Arc<Mutex<Option<String>>>,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.health()).finish()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for child in &self.children {
            child.stop.cancel();
        }
    }
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self { children: Vec::new(), failed: CancellationToken::new(), reason: Arc::default() }
    }

    /// Starts a service, after all that were started before.
    pub(crate) fn start(&mut self, service: Service) {
        let health = Arc::new(Mutex::new(Health::Running));
        let stop = CancellationToken::new();
        let name = service.name.clone();
        let task = tokio::spawn(supervise(
            service,
            stop.clone(),
            Arc::clone(&health),
            (self.failed.clone(), Arc::clone(&self.reason)),
        ));
        self.children.push(Child { name, health, stop, task });
    }

    /// Tells a service to stop, and does not wait until it has.
    pub(crate) fn dismiss(&mut self, name: &str) {
        for child in self.children.extract_if(.., |child| child.name == name) {
            child.stop.cancel();
        }
    }

    /// Every service by name, and how it is.
    pub(crate) fn health(&self) -> Vec<(String, Health)> {
        let of = |child: &Child| (child.name.clone(), lock(&child.health).clone());
        self.children.iter().map(of).collect()
    }

    /// Waits until a service failed without which the others are of no use; gives the reason.
    pub(crate) async fn failed(&self) -> String {
        self.failed.cancelled().await;
        lock(&self.reason).clone().unwrap_or_default()
    }

    /// Stops the services, the last started first, and waits for each to drain.
    pub(crate) async fn stop(mut self) {
        while let Some(child) = self.children.pop() {
            tracing::debug!(service = %child.name, "stopping");
            child.stop.cancel();
            let _ = child.task.await;
        }
    }
}

/// Runs a service until it stops for good.
async fn supervise(
    service: Service,
    stop: CancellationToken,
    health: Arc<Mutex<Health>>,
    (failed, tree_reason): (CancellationToken, Arc<Mutex<Option<String>>>),
) {
    let mut pause = RESTART_MIN;
    loop {
        *lock(&health) = Health::Running;
        let started = tokio::time::Instant::now();
        // In a task of its own, so that a panic ends there.
        let reason = match tokio::spawn((service.run)(stop.clone())).await {
            Ok(Ok(())) => {
                *lock(&health) = Health::Stopped(None);
                return;
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(error) => format!("it panicked: {}", panic_text(error)),
        };
        tracing::error!(service = %service.name, reason, "a service failed");
        if stop.is_cancelled() || service.on_failure == OnFailure::StopAll {
            let reason = format!("{}: {reason}", service.name);
            *lock(&health) = Health::Stopped(Some(reason.clone()));
            lock(&tree_reason).get_or_insert(reason);
            failed.cancel();
            return;
        }
        *lock(&health) = Health::Restarting(reason);
        if started.elapsed() > RESTART_MAX {
            pause = RESTART_MIN;
        }
        if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
            *lock(&health) = Health::Stopped(None);
            return;
        }
        pause = (pause * 2).min(RESTART_MAX);
    }
}

/// What a panic said.
fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "cancelled".to_owned() };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("no message").to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn one_of_them_is_dismissed() {
        let (stopped, mut order) = mpsc::unbounded_channel();
        let mut tree = Tree::new();
        for name in ["storage", "grid"] {
            tree.start(until_stopped(name, &stopped));
        }
        tree.dismiss("storage");
        assert_eq!(order.recv().await.as_deref(), Some("storage"));
        assert_eq!(tree.health(), [("grid".to_owned(), Health::Running)]);
        tree.stop().await;
    }

    fn until_stopped(name: &str, stopped: &mpsc::UnboundedSender<String>) -> Service {
        let (name, stopped) = (name.to_owned(), stopped.clone());
        Service::new(name.clone(), OnFailure::StopAll, move |stop| {
            let (name, stopped) = (name.clone(), stopped.clone());
            async move {
                stop.cancelled().await;
                stopped.send(name)?;
                Ok(())
            }
        })
    }

    #[tokio::test]
    async fn the_last_started_stops_first() {
        let (stopped, mut order) = mpsc::unbounded_channel();
        let mut tree = Tree::new();
        for name in ["storage", "grid", "web"] {
            tree.start(until_stopped(name, &stopped));
        }
        tree.stop().await;
        drop(stopped);
        let mut names = Vec::new();
        while let Some(name) = order.recv().await {
            names.push(name);
        }
        assert_eq!(names, ["web", "grid", "storage"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_contained_and_the_service_started_again() {
        let (starts, mut seen) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let mut tree = Tree::new();
        let (other_stopped, mut other) = mpsc::unbounded_channel();
        tree.start(until_stopped("other", &other_stopped));
        tree.start(Service::new("shaky", OnFailure::Restart, move |stop| {
            let (starts, count) = (starts.clone(), Arc::clone(&count));
            async move {
                starts.send(())?;
                assert!(count.fetch_add(1, Ordering::Relaxed) >= 2, "not yet");
                stop.cancelled().await;
                Ok(())
            }
        }));
        for _ in 0..3 {
            seen.recv().await.unwrap();
        }
        assert_eq!(other.try_recv().ok(), None, "the other service goes on");
        assert_eq!(tree.health()[1], ("shaky".to_owned(), Health::Running));
        tree.stop().await;
        assert_eq!(other.recv().await.as_deref(), Some("other"));
    }

    #[tokio::test]
    async fn a_service_that_all_need_stops_all() {
        let mut tree = Tree::new();
        tree.start(Service::new("listener", OnFailure::StopAll, |_| async {
            anyhow::bail!("the port is gone")
        }));
        assert_eq!(tree.failed().await, "listener: the port is gone");
        let gone = Health::Stopped(Some("listener: the port is gone".to_owned()));
        assert_eq!(tree.health(), [("listener".to_owned(), gone)]);
        tree.stop().await;
    }
}
