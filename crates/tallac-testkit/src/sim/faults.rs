//! Faults to order: what each operation meets, and after how many bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use tallac_core::storage::StorageError;
use tokio::sync::watch;

/// The operations of a storage server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `version`
    Version,
    /// `allocate`
    Allocate,
    /// `write`
    Write,
    /// `abort`
    Abort,
    /// `list`
    List,
    /// `read`
    Read,
    /// `add_lease`
    AddLease,
    /// `advise_corrupt`
    AdviseCorrupt,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Version,
        Self::Allocate,
        Self::Write,
        Self::Abort,
        Self::List,
        Self::Read,
        Self::AddLease,
        Self::AdviseCorrupt,
    ];
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers with this error.
    Fail(StorageError),
    /// Does not answer until the fault is taken away.
    Hang,
    /// Answers, but so much later (on tokio's clock).
    Delay(Duration),
}

/// Whether bytes come in or go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// All that is set to go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    operations: BTreeMap<Operation, Fault>,
    limits: [Option<Limit>; 2],
}

#[derive(Debug)]
struct Limit {
    bytes_left: u64,
    fault: Fault,
}

impl Faults {
    pub(super) fn set(&mut self, operation: Operation, fault: Fault) {
        self.operations.insert(operation, fault);
    }

    pub(super) fn clear(&mut self, operation: Operation) {
        self.operations.remove(&operation);
        match operation {
            Operation::Write => self.limits[Way::In as usize] = None,
            Operation::Read => self.limits[Way::Out as usize] = None,
            _ => {}
        }
    }

    pub(super) fn limit(&mut self, way: Way, bytes_left: u64, fault: Fault) {
        self.limits[way as usize] = Some(Limit { bytes_left, fault });
    }

    fn met_by(&self, operation: Operation) -> Option<&Fault> {
        self.operations.get(&operation)
    }

    fn met_after(&self, way: Way, bytes: u64) -> Option<&Fault> {
        self.limits[way as usize]
            .as_ref()
            .and_then(|limit| (limit.bytes_left < bytes).then_some(&limit.fault))
    }

    fn spend(&mut self, way: Way, bytes: u64) {
        if let Some(limit) = &mut self.limits[way as usize] {
            limit.bytes_left = limit.bytes_left.saturating_sub(bytes);
        }
    }
}

/// What every operation passes through, and every byte.
#[derive(Debug)]
pub(super) struct Gate {
    faults: watch::Sender<Faults>,
    passed: std::sync::Mutex<[u64; 2]>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { faults: watch::Sender::new(Faults::default()), passed: std::sync::Mutex::default() }
    }
}

impl Gate {
    pub(super) fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.send_modify(change);
    }

    pub(super) fn passed(&self, way: Way) -> u64 {
        self.passed.lock().expect("no holder of this lock panics")[way as usize]
    }

    pub(super) async fn enter(&self, operation: Operation) -> Result<(), StorageError> {
        self.meet(|faults| faults.met_by(operation)).await
    }

    pub(super) async fn pass(&self, way: Way, bytes: u64) -> Result<(), StorageError> {
        self.meet(|faults| faults.met_after(way, bytes)).await?;
        self.faults.send_if_modified(|faults| {
            faults.spend(way, bytes);
            false
        });
        self.passed.lock().expect("no holder of this lock panics")[way as usize] += bytes;
        Ok(())
    }

    async fn meet(
        &self,
        find: impl Fn(&Faults) -> Option<&Fault> + Send,
    ) -> Result<(), StorageError> {
        let mut changes = self.faults.subscribe();
        let met = changes
            .wait_for(|faults| !matches!(find(faults), Some(Fault::Hang)))
            .await
            .map(|faults| find(&faults).cloned());
        match met {
            Ok(Some(Fault::Fail(error))) => Err(error),
            Ok(Some(Fault::Delay(duration))) => {
                tokio::time::sleep(duration).await;
                Ok(())
            }
            Ok(Some(Fault::Hang) | None) | Err(_) => Ok(()),
        }
    }
}
