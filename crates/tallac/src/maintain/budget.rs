//! How many bytes a second may be moved.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets bytes pass at a rate. Whoever comes waits until all that passed before is paid for, so
/// that over any time no more than the rate has passed, and one object.
#[derive(Debug)]
pub(super) struct Budget {
    rate: Option<NonZeroU64>,
    /// When all that has passed is paid for.
    paid: Mutex<Instant>,
}

impl Budget {
    /// So many bytes a second, or any number.
    pub(super) fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, paid: Mutex::new(Instant::now()) }
    }

    /// Whether there is a limit.
    pub(super) const fn is_limited(&self) -> bool {
        self.rate.is_some()
    }

    /// Waits until these bytes may be moved.
    pub(super) async fn take(&self, bytes: u64) {
        if let Some(from) = self.charge(bytes) {
            sleep_until(from).await;
        }
    }

    /// These bytes were moved: who comes next waits for them. Gives when all before them is paid
    /// for.
    pub(super) fn charge(&self, bytes: u64) -> Option<Instant> {
        let rate = u128::from(self.rate?.get());
        // Less than a day, whatever somebody says of a size.
        let us = (u128::from(bytes) * 1_000_000 / rate).min(86_400_000_000);
        let took = Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX));
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (*paid).max(Instant::now());
        *paid = from + took;
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_waits_for_those_before_it() {
        let budget = Budget::new(NonZeroU64::new(1000));
        let start = Instant::now();
        for (bytes, expected_ms) in [(500, 0), (2000, 500), (0, 2500), (1, 2500)] {
            budget.take(bytes).await;
            let took = start.elapsed().as_millis();
            assert!((expected_ms..expected_ms + 2).contains(&took), "{bytes}: {took} ms");
        }
        // What is not used is not saved up.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        budget.take(3000).await;
        budget.take(0).await;
        assert!(start.elapsed() >= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let (budget, start) = (Budget::new(None), Instant::now());
        budget.take(u64::MAX).await;
        budget.take(u64::MAX).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
