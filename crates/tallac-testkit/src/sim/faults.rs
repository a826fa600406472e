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
    /// `write_slot`
    WriteSlot,
    /// `read_slot`
    ReadSlot,
    /// `add_lease`
    AddLease,
    /// `advise_corrupt`
    AdviseCorrupt,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Version,
        Self::Allocate,
        Self::Write,
        Self::Abort,
        Self::List,
        Self::Read,
        Self::WriteSlot,
        Self::ReadSlot,
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
    /// Does what was asked and then answers with this error, as when the connection breaks in
    /// between. Where nothing is changed, it is the same as [`Fault::Fail`].
    LoseReply(StorageError),
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

    /// What comes out is what shall be answered once the operation is done.
    pub(super) async fn enter(
        &self,
        operation: Operation,
    ) -> Result<Result<(), StorageError>, StorageError> {
        self.meet(|faults| faults.met_by(operation)).await
    }

    pub(super) async fn pass(&self, way: Way, bytes: u64) -> Result<(), StorageError> {
        self.meet(|faults| faults.met_after(way, bytes)).await??;
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
    ) -> Result<Result<(), StorageError>, StorageError> {
        let mut changes = self.faults.subscribe();
        let met = changes
            .wait_for(|faults| !matches!(find(faults), Some(Fault::Hang)))
            .await
            .map(|faults| find(&faults).cloned());
        match met {
            Ok(Some(fault)) => meet(&fault).await,
            Ok(None) | Err(_) => Ok(Ok(())),
        }
    }
}

/// Meets one fault; a hang that nobody can end lasts for ever.
pub(super) async fn meet(fault: &Fault) -> Result<Result<(), StorageError>, StorageError> {
    match fault {
        Fault::Fail(error) => Err(error.clone()),
        Fault::Delay(duration) => {
            tokio::time::sleep(*duration).await;
            Ok(Ok(()))
        }
        Fault::LoseReply(error) => Ok(Err(error.clone())),
        Fault::Hang => std::future::pending().await,
    }
}
