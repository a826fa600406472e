//! The maintenance service of a node, which may come, change and go while the node runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use tallac_grid::grid::Grid;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::service::{OnFailure, Service, Tree};
use crate::config::{MaintenanceConfig, NodeDirectory};
use crate::maintain::Maintenance;

/// The service, if there is one. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Maintained(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: NodeDirectory,
    grid: Grid,
    /// What it is to be like; nothing if it is off.
    wanted: watch::Sender<Option<MaintenanceConfig>>,
    now: Mutex<Option<Maintenance>>,
}

impl Maintained {
    /// Starts it as the settings say.
    ///
    /// # Errors
    /// When it is not known what to look after, or what it remembers cannot be read.
    pub(super) fn start(
        tree: &mut Tree,
        directory: &NodeDirectory,
        settings: Option<&MaintenanceConfig>,
        grid: &Grid,
    ) -> Result<Self> {
        let maintained = Self(Arc::new(Inner {
            directory: directory.clone(),
            grid: grid.clone(),
            wanted: watch::Sender::new(settings.cloned()),
            now: Mutex::default(),
        }));
        *maintained.lock() = maintained.open(settings)?;
        let running = maintained.clone();
        tree.start(Service::new("maintenance", OnFailure::Restart, move |stop| {
            let running = running.clone();
            async move { running.run(stop).await }
        }));
        Ok(maintained)
    }

    /// The service of now.
    pub(super) fn now(&self) -> Option<Maintenance> {
        self.lock().clone()
    }

    /// Goes on as these settings say. A round that goes on is gone on with.
    ///
    /// # Errors
    /// As [`Self::start`]; nothing has changed then.
    pub(super) fn change(&self, settings: Option<&MaintenanceConfig>) -> Result<()> {
        self.open(settings)?;
        self.0.wanted.send_replace(settings.cloned());
        Ok(())
    }

    fn open(&self, settings: Option<&MaintenanceConfig>) -> Result<Option<Maintenance>> {
        let Some(settings) = settings.cloned() else { return Ok(None) };
        let clock = Arc::new(SystemTime::now);
        Maintenance::open(&self.0.directory, settings, self.0.grid.clone(), clock).map(Some)
    }

    async fn run(&self, stop: CancellationToken) -> Result<()> {
        let mut wanted = self.0.wanted.subscribe();
        loop {
            let settings = wanted.borrow_and_update().clone();
            if self.now().as_ref().map(Maintenance::config) != settings.as_ref() {
                // The last one has saved how far it is, which the next one reads.
                let next = self.open(settings.as_ref())?;
                *self.lock() = next;
            }
            let (until_changed, now) = (stop.child_token(), self.now());
            let work = async {
                match now {
                    Some(maintenance) => maintenance.run(until_changed.clone()).await,
                    None => until_changed.cancelled().await,
                }
            };
            let change = async {
                // Its sender lives as long as this.
                let _ = stop.run_until_cancelled(wanted.changed()).await;
                until_changed.cancel();
            };
            tokio::join!(work, change);
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Maintenance>> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
