//! Asks servers what they have, until a map knows enough.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tallac_core::cap::{FileCap, Fingerprint, MutableFormat};
use tallac_core::ids::StorageIndex;
use tallac_core::storage::{ReadVector, ShareKind, SlotReadAnswer, SlotReadRequest, StorageError};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::servermap::{MapUpdate, Mode, ServerMap};
use crate::grid::Grid;
use crate::history::{Kind, Operation};
use crate::servers::GridServer;

/// Bytes that are read from the front of every share at first: all of a small file.
pub(crate) const FRONT_LEN: u64 = 16 << 10;

/// How long a server may take that nobody else waits for.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// How much longer than half of the others the slowest may take.
const STRAGGLER_FLOOR: Duration = Duration::from_millis(500);
const STRAGGLER_FACTOR: u32 = 8;
/// The same where somebody wants to know whether all shares are there: rather slow than wrong.
pub(crate) const STRAGGLER_FLOOR_OF_CHECKS: Duration = Duration::from_secs(5);

/// Which file a map is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) storage_index: StorageIndex,
    pub(crate) format: MutableFormat,
    pub(crate) fingerprint: Fingerprint,
}

impl Subject {
    /// The file of any cap of a mutable file.
    pub(crate) const fn of(cap: &FileCap) -> Option<Self> {
        let (storage_index, format, fingerprint) = match cap {
            FileCap::SskWrite(cap) => (cap.storage_index(), cap.format(), cap.fingerprint()),
            FileCap::SskRead(cap) => (cap.storage_index(), cap.format(), cap.fingerprint()),
            FileCap::SskVerify(cap) => (cap.storage_index(), cap.format(), cap.fingerprint()),
            FileCap::Lit(_) | FileCap::ChkRead(_) | FileCap::ChkVerify(_) => return None,
        };
        Some(Self { storage_index, format, fingerprint: *fingerprint })
    }
}

/// Makes a map anew.
pub(crate) async fn update(grid: &Grid, subject: Subject, mode: Mode) -> ServerMap {
    // A writer asks those as well that failed lately: two writers that each leave out other
    // servers, since an answer was lost, would not meet.
    let servers = match mode {
        Mode::Read => grid.servers().ring(&subject.storage_index),
        Mode::Write | Mode::Check => grid.servers().whole_ring(&subject.storage_index),
    };
    ask(grid, subject, mode, (servers, FRONT_LEN)).instrument(span(subject, mode)).await
}

/// Makes a map of all shares that these servers have, of which so many bytes are read.
pub(crate) async fn survey(
    grid: &Grid,
    subject: Subject,
    servers: Vec<Arc<GridServer>>,
    front_len: u64,
) -> ServerMap {
    let span = span(subject, Mode::Check);
    ask(grid, subject, Mode::Check, (servers, front_len)).instrument(span).await
}

fn span(subject: Subject, mode: Mode) -> tracing::Span {
    let storage_index = subject.storage_index.abbreviated();
    tracing::info_span!("mapupdate", mode = mode.name(), storage_index)
}

async fn ask(
    grid: &Grid,
    subject: Subject,
    mode: Mode,
    (servers, front_len): (Vec<Arc<GridServer>>, u64),
) -> ServerMap {
    let watched = grid.history().begin(Kind::MapUpdate, Some(subject.storage_index));
    watched.set_status("Sending initial queries");
    watched.note(|state| state.mode = Some(mode.name()));
    let front = (front_len, &**watched.operation());
    let encoding = grid.config().encoding;
    let mut update = MapUpdate::new(
        servers.clone(),
        mode,
        (subject.format, subject.fingerprint),
        (encoding.needed().into(), encoding.total().into()),
    );
    let floor = match mode {
        Mode::Check => STRAGGLER_FLOOR_OF_CHECKS,
        Mode::Read | Mode::Write => STRAGGLER_FLOOR,
    };
    let mut waiting = FuturesUnordered::new();
    let started = Instant::now();
    let mut deadline = started + ANSWER_MAX;
    let mut asked = 0;
    let mut answered = 0;
    loop {
        for place in update.ask() {
            asked += 1;
            deadline = Instant::now() + ANSWER_MAX;
            let server = Arc::clone(&servers[place]);
            waiting.push(async move { (place, read_front(&server, subject, front).await) });
        }
        if update.pending() == 0 {
            break;
        }
        let Ok(Some((place, answer))) = timeout_at(deadline, waiting.next()).await else {
            waiting.clear();
            let seconds = started.elapsed().as_secs();
            for place in update.give_up() {
                servers[place].note_error(&StorageError::TimedOut { seconds });
            }
            continue;
        };
        answered += 1;
        update.answer(place, answer);
        if answered * 2 >= asked {
            let more = floor.max(started.elapsed() * STRAGGLER_FACTOR);
            deadline = deadline.min(Instant::now() + more);
        }
    }
    let map = update.map;
    report_damaged(&map, subject.storage_index);
    drop(waiting);
    watched.done();
    map
}

async fn read_front(
    server: &GridServer,
    subject: Subject,
    (front_len, watched): (u64, &Operation),
) -> Result<SlotReadAnswer, StorageError> {
    let request = SlotReadRequest {
        storage_index: subject.storage_index,
        share_numbers: Vec::new(),
        reads: vec![ReadVector::new(0, front_len)],
    };
    let asked = Instant::now();
    let answer = server.storage().read_slot(request).await;
    let problem = answer.as_ref().err().map(ToString::to_string);
    watched.note_answer(&server.info().id, asked.elapsed(), problem);
    match &answer {
        Ok(_) => server.note_round_trip(asked.elapsed()),
        Err(error) => server.note_error(error),
    }
    answer
}

/// Tells servers of damaged shares, without waiting for them.
fn report_damaged(map: &ServerMap, storage_index: StorageIndex) {
    let mut told = BTreeSet::new();
    for (number, place, why) in &map.damaged {
        if !told.insert((*number, *place)) {
            continue;
        }
        let server = &map.servers[*place];
        server.advise_corrupt(ShareKind::Mutable, storage_index, *number, why.clone());
    }
}
