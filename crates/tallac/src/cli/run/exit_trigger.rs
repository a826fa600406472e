//! `exit_trigger`: a file that a node stops without (section 10.4).
//!
//! If it is there when the node starts, whoever made it must touch it now and then. Tests of other
//! programs use it, so that no node stays behind when they end.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the file is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How old the file may become.
const AGE_MAX: Duration = Duration::from_secs(120);

/// The file, if there is one.
pub(super) struct ExitTrigger(Option<PathBuf>);

impl ExitTrigger {
    /// Looks whether there is one in the node directory.
    pub(super) fn find(directory: &Path) -> Self {
        let path = directory.join("exit_trigger");
        Self(path.exists().then_some(path))
    }

    /// Waits until the file is gone or too old; forever if there was none.
    pub(super) async fn wait(&self) {
        let Some(path) = &self.0 else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        loop {
            ticks.tick().await;
            let touched = tokio::fs::metadata(path).await.and_then(|file| file.modified());
            let Ok(touched) = touched else { break };
            // A time to come is no age.
            let age = SystemTime::now().duration_since(touched).unwrap_or_default();
            if age > AGE_MAX {
                break;
            }
        }
        tracing::warn!("exit_trigger is gone or has not been touched lately: the node stops");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_stops_once_its_trigger_is_gone_or_old() {
        let dir = tempfile::tempdir().unwrap();
        let absent = ExitTrigger::find(dir.path());
        let is_over = tokio::time::timeout(Duration::from_secs(1000), absent.wait()).await;
        assert!(is_over.is_err(), "without the file it runs on");

        let path = dir.path().join("exit_trigger");
        let file = File::create(&path).unwrap();
        let trigger = ExitTrigger::find(dir.path());
        let is_over = tokio::time::timeout(Duration::from_secs(10), trigger.wait()).await;
        assert!(is_over.is_err(), "it is new");
        file.set_modified(SystemTime::now() - AGE_MAX - Duration::from_secs(1)).unwrap();
        trigger.wait().await;
        file.set_modified(SystemTime::now()).unwrap();
        std::fs::remove_file(path).unwrap();
        trigger.wait().await;
    }
}
