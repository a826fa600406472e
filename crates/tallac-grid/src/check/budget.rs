//! How much of shares is held in memory while they are verified, over all that is under way.

use tokio::sync::{Semaphore, SemaphorePermit};

/// What a unit stands for, in bytes.
const UNIT: u64 = 1 << 10;

/// Units there are: 64 MiB.
const UNITS: u32 = 64 << 10;

/// Room for pieces of shares.
#[derive(Debug)]
pub(crate) struct VerifyBudget(Semaphore);

impl Default for VerifyBudget {
    fn default() -> Self {
        Self(Semaphore::new(UNITS as usize))
    }
}

impl VerifyBudget {
    /// Waits for room for so many bytes; who wants more than there is gets all of it. Nobody takes
    /// room twice without giving back what was taken before.
    pub(crate) async fn take(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(UNITS).clamp(1, UNITS);
        self.0.acquire_many(units).await.ok()
    }
}
