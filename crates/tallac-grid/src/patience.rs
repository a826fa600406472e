//! How long to wait for the slowest: not at all longer than the others make reasonable.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

/// When stragglers are left behind, once half of all are done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Never less than this after half are done.
    pub(crate) floor: Duration,
    /// Nor less than this many times what half of them took.
    pub(crate) factor: u32,
    /// Never more than this from the start.
    pub(crate) ceiling: Duration,
}

/// Awaits all, and leaves behind those for which patience runs out: their places hold `None`.
pub(crate) async fn gather<F: Future>(
    futures: impl IntoIterator<Item = F>,
    patience: Patience,
) -> Vec<Option<F::Output>> {
    let started = Instant::now();
    let mut waiting: FuturesUnordered<_> = futures
        .into_iter()
        .enumerate()
        .map(|(place, future)| async move { (place, future.await) })
        .collect();
    let mut results: Vec<_> = std::iter::repeat_with(|| None).take(waiting.len()).collect();
    let mut deadline = started + patience.ceiling;
    let mut done = 0;
    while let Ok(Some((place, result))) = timeout_at(deadline, waiting.next()).await {
        results[place] = Some(result);
        done += 1;
        if done == results.len().div_ceil(2) {
            let half = started.elapsed();
            let more = patience.floor.max(half * patience.factor);
            deadline = deadline.min(Instant::now() + more);
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const PATIENCE: Patience =
        Patience { floor: Duration::from_secs(2), factor: 4, ceiling: Duration::from_secs(60) };

    async fn after(seconds: u64) -> u64 {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        seconds
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_costs_a_moment() {
        let started = Instant::now();
        let hangs = async {
            std::future::pending::<()>().await;
            0
        };
        let all = vec![after(0).boxed(), hangs.boxed(), after(1).boxed()];
        let results = gather(all, PATIENCE).await;
        assert_eq!(results, [Some(0), None, Some(1)]);
        assert_eq!(started.elapsed(), Duration::from_secs(5), "1 s, and 4 times 1 s more");
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_slow_none_is_left_behind() {
        let results = gather([30, 40, 50].map(after), PATIENCE).await;
        assert_eq!(results, [Some(30), Some(40), Some(50)]);
        assert_eq!(gather(std::iter::empty::<std::future::Ready<()>>(), PATIENCE).await, []);
    }
}
