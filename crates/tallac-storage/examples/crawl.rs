//! How fast a crawl and the making of the lease index are, without their pauses.
//!
//! ```sh
//! cargo run --release -p tallac-storage --example crawl -- 100000
//! ```

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use tallac_core::ids::StorageIndex;
use tallac_storage::container::immutable::Header;
use tallac_storage::{Config, DiskServer, LeaseIndex};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Puts small immutable shares there, each with one lease.
fn fill(dir: &Path, count: u32) -> Result<()> {
    let mut container = Header::new(1000).to_bytes().to_vec();
    container.resize(container.len() + 1000, 7);
    container.extend([0; 68]);
    container.extend(u32::MAX.to_be_bytes());
    for number in 0..count {
        let mut bytes = [0; 16];
        // Spread over all prefixes.
        bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
        let name = StorageIndex::new(bytes).to_string();
        let slot = dir.join("shares").join(&name[..2]).join(&name);
        fs::create_dir_all(&slot)?;
        fs::write(slot.join("0"), &container)?;
    }
    Ok(())
}

/// Waits until `is_done`, while `work` goes on.
async fn until(work: impl Future, is_done: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    let done = async {
        while !is_done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = work => {}
        () = done => {}
    }
    started.elapsed()
}

#[tokio::main]
async fn main() -> Result<()> {
    let count: u32 = std::env::args().nth(1).map_or(Ok(20_000), |count| count.parse())?;
    let dir = tempfile::tempdir()?;
    fill(dir.path(), count)?;
    let mut config = Config::new(dir.path());
    config.pace.work_percent = 100;
    config.pace.check[0] = Duration::ZERO;
    let server = DiskServer::open(config)?;
    let history = dir.path().join("lease_checker.history.json");
    let crawl = until(server.check_leases(), || history.exists()).await;
    let is_complete = || {
        let index = LeaseIndex::open_to_read(dir.path());
        index.and_then(|index| index.is_complete()).unwrap_or(false)
    };
    let rebuild = until(server.keep_index(), is_complete).await;
    for (what, took) in [("crawl", crawl), ("lease index", rebuild)] {
        let rate = f64::from(count) / took.as_secs_f64();
        writeln!(io::stdout(), "{what:12} {rate:9.0} shares/s")?;
    }
    Ok(())
}
