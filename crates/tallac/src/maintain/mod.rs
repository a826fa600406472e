//! The maintenance service: it goes round all that it was given, renews leases, checks, repairs,
//! and remembers how far it is and what it found. Off unless `tallac.toml` switches it on.
//!
//! A round begins when one is due, and goes on after a restart where it was. Within the part that
//! it was at, it looks for the object that was done last, in the order of the walk; if that is
//! gone, it goes through that part once more. Objects wait for their turn such that the bytes
//! that are moved keep to the budget. While too few servers are connected, everything waits: what
//! cannot be reached is not lost.

mod budget;
mod object;
mod round;
mod state;
mod targets;
mod tell;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tallac_grid::grid::Grid;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub use state::{Counts, Finding, Outcome, Position, Round, State};
pub use tell::{Listener, enabled, json, metrics, sentences};

use crate::config::{MaintenanceConfig, NodeDirectory};
use crate::files::FileError;
use budget::Budget;
use state::seconds;

/// What remembers, in the `private` directory.
pub const STATE_FILE: &str = "maintenance.json";

/// Whoever makes this file in the `private` directory wants a round now.
pub const RUN_NOW_FILE: &str = "maintenance.run-now";

/// How often the service looks whether there is something to do.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long what was done lately may be unsaved.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);

/// How soon it is tried again to find out what to look after.
const RETRY_INTERVAL: Duration = Duration::from_secs(600);

/// How long a round waits for servers that are known and not connected.
const SERVERS_WAIT: Duration = Duration::from_secs(60);

/// Tells the time of day.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The service. Clones are the same one.
#[derive(Clone)]
pub struct Maintenance(Arc<Inner>);

struct Inner {
    grid: Grid,
    config: MaintenanceConfig,
    directory: NodeDirectory,
    clock: Clock,
    budget: Budget,
    state: Mutex<State>,
    /// When the state was last saved.
    saved: Mutex<Instant>,
}

impl std::fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maintenance").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Maintenance {
    /// The service of a node, which remembers what it did before.
    ///
    /// # Errors
    /// When it is not known what to look after, or what it remembers cannot be read.
    pub fn open(
        directory: &NodeDirectory,
        config: MaintenanceConfig,
        grid: Grid,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        targets::load(directory, &config.caps)?;
        let mut state = State::load(&directory.private(STATE_FILE)).map_err(forgetful)?;
        state.waits = None;
        Ok(Self(Arc::new(Inner {
            grid,
            budget: Budget::new(config.bandwidth),
            config,
            directory: directory.clone(),
            clock,
            state: Mutex::new(state),
            saved: Mutex::new(Instant::now()),
        })))
    }

    /// How it is set.
    pub fn config(&self) -> &MaintenanceConfig {
        &self.0.config
    }

    /// How it is now.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Does what is due, until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                self.until_due().await;
                if self.round().await {
                    self.save().await;
                } else {
                    self.save().await;
                    sleep(RETRY_INTERVAL).await;
                }
            }
        })
        .await;
        self.save().await;
    }

    /// Waits until a round is to begin or to go on.
    async fn until_due(&self) {
        loop {
            let wanted = tokio::fs::remove_file(self.private(RUN_NOW_FILE)).await.is_ok();
            let (goes_on, due) = {
                let state = self.lock();
                (state.current.is_some(), state.due(self.0.config.every))
            };
            if wanted || goes_on || self.now() >= due {
                return;
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Waits until enough servers are connected to tell what is lost from what is out of reach.
    async fn servers(&self) {
        let needed = self.0.grid.config().happy.max(1);
        loop {
            let servers = self.0.grid.servers().all();
            let connected = servers.iter().filter(|server| server.is_connected()).count();
            let waits = (connected < needed).then(|| {
                format!("{connected} servers are connected, of the {needed} of shares.happy")
            });
            let is_over = waits.is_none();
            self.wait_for(waits).await;
            if is_over {
                return;
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Says why nothing goes on, or that something does.
    async fn wait_for(&self, reason: Option<String>) {
        let has_changed = {
            let mut state = self.lock();
            let has_changed = state.waits != reason;
            state.waits = reason;
            has_changed
        };
        if has_changed {
            self.save().await;
        }
    }

    /// The same, and gives the others some time, since what they have may seem lost, too.
    async fn most_servers(&self) {
        self.servers().await;
        let all = async {
            while !self.0.grid.servers().all().iter().all(|server| server.is_connected()) {
                sleep(LOOK_INTERVAL).await;
            }
        };
        let _ = tokio::time::timeout(SERVERS_WAIT, all).await;
        self.servers().await;
    }

    fn now(&self) -> u64 {
        seconds((self.0.clock)())
    }

    fn private(&self, name: &str) -> PathBuf {
        self.0.directory.private(name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the round that goes on.
    fn change(&self, change: impl FnOnce(&mut Round)) {
        if let Some(round) = &mut self.lock().current {
            change(round);
        }
    }

    /// Saves the state if that was not done for some time.
    async fn save_sometimes(&self) {
        let last = *self.0.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= SAVE_INTERVAL {
            self.save().await;
        }
    }

    async fn save(&self) {
        *self.0.saved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let (state, file) = (self.state(), self.private(STATE_FILE));
        let saved = tokio::task::spawn_blocking(move || state.save(&file)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "maintenance cannot remember how far it is");
        }
    }
}

fn forgetful(error: FileError) -> anyhow::Error {
    anyhow::Error::new(error).context(
        "maintenance does not remember what it did; remove the file, and it begins a new round",
    )
}
