//! The lease index: it says what the containers say, and is made anew when it may not.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tallac_core::ids::TubId;
use tallac_core::storage::StorageServer as _;
use tallac_storage::{
    Amounts, ClientUse, Clock, Config, DiskServer, ExpiryMode, ExpiryPolicy, IndexError,
    LeaseIndex, Limits,
};

use crate::common::{index, lease, sample, upload};
use crate::slots::{change, cut, put};

const DAY_S: u64 = 24 * 3600;
const START_S: u64 = 1_700_006_400;

struct Place {
    dir: tempfile::TempDir,
    time_s: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), time_s: Arc::new(AtomicU64::new(START_S)) }
    }

    fn open(&self) -> DiskServer {
        let time_s = Arc::clone(&self.time_s);
        let clock = Clock::new(move || Duration::from_secs(time_s.load(Ordering::Relaxed)));
        DiskServer::open(Config { clock, ..Config::new(self.dir.path()) }).unwrap()
    }

    fn wait(&self, days: u64) {
        self.time_s.fetch_add(days * DAY_S, Ordering::Relaxed);
    }

    fn index(&self) -> LeaseIndex {
        LeaseIndex::open_to_read(self.dir.path()).unwrap()
    }

    /// Shares that are there now, by kind.
    fn counts(&self) -> (u64, u64) {
        counts(&self.index().total().unwrap())
    }
}

const fn counts(amounts: &Amounts) -> (u64, u64) {
    (amounts.immutable.shares, amounts.mutable.shares)
}

/// Keeps the index while `work` goes on, and a minute longer.
async fn keep<T>(server: &DiskServer, work: impl Future<Output = T>) -> T {
    let work = async {
        // Until it is open, changes are found by its making.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let done = work.await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        done
    };
    tokio::select! {
        kept = server.keep_index() => panic!("{kept:?}"),
        done = work => done,
    }
}

#[tokio::test(start_paused = true)]
async fn it_follows_what_happens() {
    let place = Place::new();
    assert!(matches!(
        LeaseIndex::open_to_read(place.dir.path()),
        Err(IndexError::Missing(path)) if path == place.dir.path()
    ));
    let server = place.open();
    upload(&server, 1, 0, &sample(1000)).await.unwrap();
    keep(&server, async {
        assert!(place.index().is_complete().unwrap());
        assert_eq!(place.counts(), (1, 0));
        upload(&server, 2, 0, &sample(200_000)).await.unwrap();
        change(&server, 3, &[(0, put(0, b"zero")), (1, put(0, b"one"))]).await.unwrap();
    })
    .await;
    assert_eq!(place.counts(), (2, 2));
    assert_eq!(place.index().total().unwrap().immutable.bytes, 1000 + 200_000 + 2 * 84);
    keep(&server, async {
        place.wait(10);
        server.add_lease(index(1), lease(9)).await.unwrap();
        change(&server, 3, &[(1, cut(0))]).await.unwrap();
    })
    .await;
    assert_eq!(place.counts(), (2, 1));
    let days = place.index().days().unwrap();
    let found: Vec<_> = days.iter().map(|day| (day.starts_s, counts(&day.amounts))).collect();
    let ends = |days: u64| i64::try_from(START_S + days * DAY_S).unwrap();
    assert_eq!(found, [(ends(31), (1, 1)), (ends(41), (1, 0))]);
}

#[tokio::test(start_paused = true)]
async fn it_tells_whose_shares_are() {
    let place = Place::new();
    let server = place.open();
    let (one, other) = (TubId::new([1; 20]), TubId::new([2; 20]));
    keep(&server, async {
        for (n, client) in [(1, Some(one)), (2, Some(other)), (3, None), (4, Some(one))] {
            upload(&server, n, 0, &sample(1000)).await.unwrap();
            if let Some(client) = client {
                server.note_client(client, index(n));
            }
        }
        change(&server, 5, &[(0, put(0, b"zero"))]).await.unwrap();
        server.note_client(other, index(5));
    })
    .await;
    let told = |clients: Vec<ClientUse>| -> Vec<_> {
        clients.into_iter().map(|of| (of.client, counts(&of.amounts))).collect()
    };
    let (one_says, other_says) = (Some(one.to_string()), Some(other.to_string()));
    let expected = [(None, (1, 0)), (one_says.clone(), (2, 0)), (other_says, (1, 1))];
    assert_eq!(told(place.index().clients().unwrap()), expected);
    assert_eq!(told(server.clients().await.unwrap().unwrap()), expected);
    keep(&server, async {
        // It is the first one's as long as it is there.
        server.note_client(other, index(1));
        change(&server, 5, &[(0, cut(0))]).await.unwrap();
    })
    .await;
    keep(&server, async {
        change(&server, 5, &[(0, put(0, b"again"))]).await.unwrap();
        server.note_client(one, index(5));
    })
    .await;
    let clients = told(place.index().clients().unwrap());
    assert!(clients.contains(&(one_says, (2, 1))), "{clients:?}");
}

#[tokio::test(start_paused = true)]
async fn it_knows_what_a_policy_would_delete() {
    let place = Place::new();
    let server = place.open();
    keep(&server, async {
        upload(&server, 1, 0, &sample(1000)).await.unwrap();
        change(&server, 3, &[(0, put(0, b"zero"))]).await.unwrap();
        place.wait(10);
        upload(&server, 2, 0, &sample(1000)).await.unwrap();
    })
    .await;
    let index = place.index();
    let policy = |mode, mutable| ExpiryPolicy { mode, mutable, ..ExpiryPolicy::default() };
    let age = |days: Option<u64>| ExpiryMode::Age {
        override_lease_duration_s: days.map(|days| days * DAY_S),
    };
    let date_s = i64::try_from(START_S + 1).unwrap();
    for (mode, mutable, day, expected) in [
        (age(None), true, 10, (0, 0)),
        (age(None), true, 32, (1, 1)),
        (age(None), false, 32, (1, 0)),
        (age(None), true, 42, (2, 1)),
        (age(Some(5)), true, 6, (1, 1)),
        (age(Some(60)), true, 42, (0, 0)),
        (ExpiryMode::CutoffDate { date_s }, true, 10, (1, 1)),
        (ExpiryMode::CutoffDate { date_s: 0 }, true, 400, (0, 0)),
    ] {
        let expired = index.expired(&policy(mode, mutable), START_S + day * DAY_S).unwrap();
        assert_eq!(counts(&expired), expected, "{mode:?} {mutable} {day}");
    }
}

/// What a dry run says is what goes, under every kind of policy.
#[tokio::test(start_paused = true)]
async fn what_a_dry_run_says_is_what_goes() {
    let age = |days: Option<u64>| ExpiryMode::Age {
        override_lease_duration_s: days.map(|days| days * DAY_S),
    };
    let date_s = i64::try_from(START_S + 5 * DAY_S).unwrap();
    for (mode, immutable, mutable) in [
        (age(None), true, true),
        (age(Some(25)), true, true),
        (age(Some(30)), true, false),
        (ExpiryMode::CutoffDate { date_s }, false, true),
        (ExpiryMode::CutoffDate { date_s }, true, true),
    ] {
        let place = Place::new();
        let server = place.open();
        keep(&server, async {
            for n in 0..6 {
                upload(&server, n, 0, &sample(1000)).await.unwrap();
                change(&server, 100 + n, &[(0, put(0, b"zero"))]).await.unwrap();
                place.wait(2);
            }
            place.wait(22);
        })
        .await;
        let policy = ExpiryPolicy { is_enabled: true, mode, immutable, mutable };
        let said = place.index().expired(&policy, server_now(&place)).unwrap();
        let before = place.counts();
        server.set_limits(Limits { expiry: policy.clone(), ..Limits::default() });
        keep(&server, async {
            let hour = Duration::from_secs(3600);
            assert!(tokio::time::timeout(hour, server.check_leases()).await.is_err());
        })
        .await;
        let (after, said) = (place.counts(), counts(&said));
        assert_eq!((before.0 - after.0, before.1 - after.1), said, "{policy:?}");
        assert!(said.0 + said.1 > 0, "{policy:?} deletes something");
    }
}

fn server_now(place: &Place) -> u64 {
    place.time_s.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn it_is_made_anew_when_it_may_be_stale() {
    let place = Place::new();
    let server = place.open();
    keep(&server, upload(&server, 1, 0, &sample(1000))).await.unwrap();
    server.close_index().await.unwrap();
    // Nobody said that this share came: an index that was closed is believed.
    upload(&server, 2, 0, &sample(1000)).await.unwrap();
    keep(&server, async {}).await;
    assert_eq!(place.counts(), (1, 0));
    // One that was not closed is made anew.
    keep(&server, async {}).await;
    assert_eq!(place.counts(), (2, 0));
    server.close_index().await.unwrap();
    upload(&server, 3, 0, &sample(1000)).await.unwrap();
    // So is one that another program did not know of.
    fs::write(place.dir.path().join("bucket_counter.state.json"), "{}").unwrap();
    keep(&server, async {}).await;
    assert_eq!(place.counts(), (3, 0));
    server.close_index().await.unwrap();
    fs::write(place.dir.path().join("tallac-leases.sqlite"), "no SQLite file, surely not").unwrap();
    keep(&server, async {}).await;
    assert_eq!(place.counts(), (3, 0));
}
