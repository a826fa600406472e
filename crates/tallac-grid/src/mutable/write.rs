//! Changing a mutable file: made, overwritten, edited, changed in place (section 4.7).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::SskWriteCap;
use tallac_core::hash::Hash;
use tallac_core::ids::ShareNumber;
use tallac_core::mutable::{
    Header, MutableGeometry, MutableKeyPair, Patch, Publication, Salt, VersionId, encode,
};
use tokio::time::Instant;

use super::file::{CACHED_MAX, MutableFile, Snapshot, TRIES_MAX, Version, fresh_salts};
use super::publish::{NewShares, Outcome, Publish, vanguard};
use super::retrieve;
use super::servermap::{Begun, Mode, ServerMap};
use super::{MUTABLE_SIZE_MAX, ModifyError, MutableError, query};
use crate::blocking::blocking_if;

/// Contents with more bytes than this are coded by a thread that may block.
const INLINE_MAX: usize = 16 << 10;

/// How often a change is tried again that met another writer's.
const ATTEMPTS_MAX: u32 = 24;
/// How often a writer tries again to reach servers of the vanguard that fail, before it goes
/// around them.
const INSISTS_MAX: u32 = 4;
/// How long to wait before that: at first, and at most. Both are spread by a half.
const BACK_OFF_MIN: Duration = Duration::from_millis(60);
const BACK_OFF_MAX: Duration = Duration::from_secs(3);
/// Another writer who has shares on servers and changes nothing for so long is taken for dead.
/// Who was slower than most of it looks again before saying that something is written.
const WRITER_SILENCE: Duration = Duration::from_millis(400);
const QUICK: Duration = Duration::from_millis(250);
/// How often servers are looked at while another writer goes on.
const LOOKS_MAX: u32 = 20;

/// How one attempt to change a file ended.
enum Attempt {
    Done(Version),
    /// Another writer was there.
    Met,
    /// Another writer might have been there: too few servers were reached to tell.
    Unreached,
    /// Not all shares are there that the change was made for.
    Unfit,
}

/// What an operation remembers of its attempts.
#[derive(Default)]
struct Course {
    attempt: u32,
    begun: Begun,
    /// Whether one of them has been whole in the vanguard, where others may have read it.
    was_readable: bool,
    /// How often too few servers of the vanguard were reached.
    unreached: u32,
    /// How often what a change is based on could not be read, as others had replaced it.
    rereads: u32,
    /// How servers are looked at.
    looks: Mode,
}

impl Course {
    /// Whether to look again after this.
    const fn looks_again(&mut self, error: &MutableError) -> bool {
        self.rereads += 1;
        matches!(error, MutableError::NotEnoughShares { .. }) && self.rereads < TRIES_MAX
    }

    const fn note_unreached(&mut self) -> Attempt {
        self.unreached += 1;
        Attempt::Unreached
    }
}

impl MutableFile {
    pub(super) async fn create(
        &self,
        keys: MutableKeyPair,
        content: Bytes,
        is_fresh: bool,
    ) -> Result<Version, MutableError> {
        let _writing = self.state.queue.write().await;
        let cap = self.write.clone().ok_or(MutableError::NotWriteable)?;
        let map = if is_fresh {
            let mut map = ServerMap::new(self.grid.servers().ring(&self.read.storage_index()));
            map.answered = (0..map.servers.len()).collect();
            map
        } else {
            query::update(&self.grid, self.subject(), Mode::Write).await
        };
        if !map.shares.is_empty() {
            return Err(MutableError::Conflict);
        }
        let keys = Arc::new(keys);
        self.remember_keys(Arc::clone(&keys));
        let geometry = self.geometry(content.len() as u64, None)?;
        let write = Write { file: self, cap, keys, insists: false };
        let small = is_small(&content).then(|| content.clone());
        let salts = fresh_salts(geometry.segment_count())?;
        let (header, shares) = write.encode(geometry, content, 1, salts).await?;
        let publish = write.publish(header, NewShares::Whole(shares));
        match publish.run(&map).await {
            Outcome::Published(map) => {
                let mut snapshot = Snapshot::new(*map, Arc::clone(&publish.header), true);
                snapshot.content = small;
                self.remember(snapshot);
                Ok(Version::of(&publish.header))
            }
            Outcome::Conflict { .. } | Outcome::Unreached | Outcome::Unfit => {
                Err(MutableError::Conflict)
            }
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Replaces the whole content.
    ///
    /// # Errors
    /// [`MutableError::Conflict`] if somebody else changed the file since it was looked at: their
    /// version stays.
    pub async fn overwrite(&self, content: Bytes) -> Result<Version, MutableError> {
        let mut base: Option<VersionId> = None;
        let overwrite = |version: &Version, _: &Bytes, was_readable: bool| {
            // Once our version has been there to be read, it is finished.
            if was_readable || *base.get_or_insert(version.id) == version.id {
                Ok((Some(content.clone()), ()))
            } else {
                Err(MutableError::Conflict)
            }
        };
        match self.change(overwrite, (false, Mode::Write)).await {
            Ok((version, ())) => Ok(version),
            Err(ModifyError::Refused(error) | ModifyError::File(error)) => Err(error),
        }
    }

    /// Replaces the content by what `f` makes of it; nothing is written if `f` gives nothing. If
    /// somebody else changes the file at the same time, `f` is applied again, to what they wrote.
    ///
    /// # Errors
    /// [`ModifyError::Refused`] with the error of `f`.
    pub async fn modify<T, E>(
        &self,
        mut f: impl FnMut(&Version, &Bytes) -> Result<(Option<Bytes>, T), E> + Send,
    ) -> Result<(Version, T), ModifyError<E>> {
        let change = |version: &Version, content: &Bytes, _| f(version, content);
        self.change(change, (true, Mode::Write)).await
    }

    /// As [`modify`](Self::modify), and tells `f` whether an attempt of its own may have been read
    /// already. `reads` tells whether it wants the content, `looks` how servers are looked at.
    pub(super) async fn change<T, E>(
        &self,
        mut f: impl FnMut(&Version, &Bytes, bool) -> Result<(Option<Bytes>, T), E> + Send,
        (reads, looks): (bool, Mode),
    ) -> Result<(Version, T), ModifyError<E>> {
        let cap = self.write.clone().ok_or(MutableError::NotWriteable)?;
        let _writing = self.state.queue.write().await;
        let mut course = Course { looks, ..Course::default() };
        while course.attempt < ATTEMPTS_MAX {
            let base = self.base(&course).await?;
            let content = match reads {
                true => self.content(Arc::clone(&base)).await.map(|(_, content)| content),
                false => Ok(Bytes::new()),
            };
            let content = match content {
                Err(error) if course.looks_again(&error) => {
                    self.forget();
                    continue;
                }
                content => content?,
            };
            let version = Version::of(&base.header);
            let (new, result) =
                f(&version, &content, course.was_readable).map_err(ModifyError::Refused)?;
            let Some(new) = new else { return Ok((version, result)) };
            let keys = self.keys(&base).await?;
            let insists = course.unreached < INSISTS_MAX;
            let write = Write { file: self, cap: cap.clone(), keys, insists };
            if let Some(base) = write.settle(base).await? {
                let geometry = self.geometry(new.len() as u64, Some(&base.header))?;
                let done = write.whole(geometry, new, &base, &mut course).await;
                if let Attempt::Done(version) = self.forget_on_error(done)? {
                    return Ok((version, result));
                }
            }
            self.forget();
            back_off(course.attempt).await;
            course.attempt += 1;
        }
        Err(MutableError::Conflict.into())
    }

    /// Writes bytes over what is there, or after the end. Only the segments that are touched are
    /// coded and sent anew, if the file is MDMF.
    ///
    /// # Errors
    /// [`MutableError::Patch`] if `offset` is beyond the end.
    pub async fn update(&self, offset: u64, data: Bytes) -> Result<Version, MutableError> {
        let cap = self.write.clone().ok_or(MutableError::NotWriteable)?;
        if data.is_empty() {
            return self.version().await;
        }
        let mut course = Course::default();
        while course.attempt < ATTEMPTS_MAX {
            let _writing = self.state.queue.write().await;
            let base = self.base(&course).await?;
            let Some(leaves) = self.all_leaves(&base).await else { break };
            let Ok(patch) = Patch::new(base.header.geometry, offset, data.len() as u64) else {
                break;
            };
            let boundary = match self.segments(&base, patch.boundary()).await {
                Err(error) if course.looks_again(&error) => {
                    self.forget();
                    continue;
                }
                boundary => boundary?,
            };
            let keys = self.keys(&base).await?;
            let insists = course.unreached < INSISTS_MAX;
            let write = Write { file: self, cap: cap.clone(), keys, insists };
            if let Some(base) = write.settle(base).await? {
                let plaintext = patch.splice(&data, &boundary);
                let done = write.patch((patch, plaintext), &leaves, &base, &mut course).await;
                match self.forget_on_error(done) {
                    Ok(Attempt::Done(version)) => return Ok(version),
                    Ok(Attempt::Met | Attempt::Unreached) => {}
                    // A share is gone, or its server: the whole file goes out anew.
                    Ok(Attempt::Unfit) | Err(MutableError::NotPlaced { .. }) => break,
                    Err(error) => return Err(error),
                }
            }
            self.forget();
            back_off(course.attempt).await;
            course.attempt += 1;
        }
        self.splice(offset, &data).await
    }

    /// The plaintext of some segments, each with its number.
    async fn segments(
        &self,
        base: &Snapshot,
        numbers: Vec<u64>,
    ) -> Result<Vec<(u64, Vec<u8>)>, MutableError> {
        let mut segments = Vec::new();
        for number in numbers {
            let (_, got) = self.fetch(base, number..number + 1).await?;
            segments.push((number, got.plaintext.to_vec()));
        }
        Ok(segments)
    }

    /// Puts bytes into the content and replaces the whole of it.
    async fn splice(&self, offset: u64, data: &Bytes) -> Result<Version, MutableError> {
        let splice = |version: &Version, content: &Bytes| {
            let size = version.size;
            let end = offset.saturating_add(data.len() as u64);
            if offset > size {
                return Err(tallac_core::mutable::PatchError::BeyondEnd { offset, size }.into());
            }
            check_size(end)?;
            let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
            let mut new = content.to_vec();
            new.resize(new.len().max(at(end)), 0);
            new[at(offset)..at(end)].copy_from_slice(data);
            Ok((Some(Bytes::from(new)), ()))
        };
        match self.modify(splice).await {
            Ok((version, ())) => Ok(version),
            Err(ModifyError::Refused(error) | ModifyError::File(error)) => Err(error),
        }
    }

    /// What a change is based on: what is remembered, if it was complete, as a server will say if
    /// it is no longer true; else what servers say now.
    async fn base(&self, course: &Course) -> Result<Arc<Snapshot>, MutableError> {
        if course.attempt == 0
            && let Some(known) = self.snapshot()
            && known.is_complete
            && !known.map.has_unrecoverable_newer()
        {
            return Ok(known);
        }
        self.look_until_still(course).await
    }

    /// Looks at all servers until no other writer is at work: there are no shares later than the
    /// best version, or they have not changed for a while.
    async fn look_until_still(&self, course: &Course) -> Result<Arc<Snapshot>, MutableError> {
        let (begun, mode) = (&course.begun, course.looks);
        let mut before = None;
        for _ in 0..LOOKS_MAX {
            let seen = self.look_for(mode, begun).await?;
            let state = seen.map.state();
            if !seen.map.has_later_than(&seen.header, begun) || before == Some(state.clone()) {
                return Ok(seen);
            }
            before = Some(state);
            tokio::time::sleep(WRITER_SILENCE).await;
        }
        self.look_for(mode, begun).await
    }

    /// The proven block hashes of all shares, if the version can be changed in place: all of its
    /// shares are there, and no others.
    async fn all_leaves(&self, base: &Arc<Snapshot>) -> Option<Arc<Vec<Vec<Hash>>>> {
        let is_only =
            base.map.shares.values().all(|share| {
                share.header.as_ref().is_some_and(|h| h.signed() == base.header.signed())
            });
        let total = base.header.geometry.encoding().total();
        if !is_only || base.header.salt.is_some() {
            return None;
        }
        if let Some(leaves) = &base.leaves {
            return Some(Arc::clone(leaves));
        }
        let mut fetches = Vec::new();
        for number in (0..total).filter_map(|n| u8::try_from(n).ok()).map(ShareNumber::new) {
            let (_, place, _) = base.map.shares_of(&base.header).find(|(n, ..)| *n == number)?;
            fetches.push(retrieve::leaves(&base.map, self.read.storage_index(), (number, place)));
        }
        let leaves = futures_util::future::join_all(fetches).await;
        let leaves = Arc::new(leaves.into_iter().collect::<Option<Vec<_>>>()?);
        self.remember(Snapshot { leaves: Some(Arc::clone(&leaves)), ..(**base).clone() });
        Some(leaves)
    }

    /// Sizes of a new version with as many bytes, coded like the one before.
    fn geometry(&self, size: u64, base: Option<&Header>) -> Result<MutableGeometry, MutableError> {
        check_size(size)?;
        let encoding =
            base.map_or(self.grid.config().encoding, |header| header.geometry.encoding());
        Ok(MutableGeometry::for_content(self.format(), encoding, size)?)
    }

    fn forget_on_error<T>(&self, result: Result<T, MutableError>) -> Result<T, MutableError> {
        if result.is_err() {
            self.forget();
        }
        result
    }
}

/// One version on its way out.
struct Write<'a> {
    file: &'a MutableFile,
    cap: SskWriteCap,
    keys: Arc<MutableKeyPair>,
    /// Whether it keeps to the servers of the vanguard; not for ever.
    insists: bool,
}

impl Write<'_> {
    /// Makes sure that the base stays readable while the vanguard is overwritten: outside of it
    /// there must be enough shares. Gives what to go on with, unless somebody else is there.
    async fn settle(&self, base: Arc<Snapshot>) -> Result<Option<Arc<Snapshot>>, MutableError> {
        let geometry = base.header.geometry;
        let encoding = geometry.encoding();
        let (needed, first) = (encoding.needed(), vanguard(encoding));
        let mut outside: Vec<ShareNumber> = base
            .map
            .shares_of(&base.header)
            .map(|(number, ..)| number)
            .filter(|number| number.get() >= first)
            .collect();
        outside.dedup();
        if outside.len() >= usize::from(needed) || encoding.total() < 2 * needed {
            return Ok(Some(base));
        }
        let all = 0..geometry.segment_count();
        let (_, got) = self.file.fetch(&base, all).await?;
        let sequence_number = base.header.version.sequence_number;
        let (header, shares) =
            self.encode(geometry, got.plaintext, sequence_number, got.salts).await?;
        if header.signed() != base.header.signed() {
            // Whoever wrote it codes otherwise; nothing can be added to it.
            return Ok(Some(base));
        }
        let publish = self.publish(header, NewShares::Whole(shares));
        Ok(match publish.complete(&base.map).await {
            Outcome::Published(map) => {
                Some(self.file.remember(Snapshot { map: *map, ..(*base).clone() }))
            }
            _ => None,
        })
    }

    async fn whole(
        &self,
        geometry: MutableGeometry,
        content: Bytes,
        base: &Snapshot,
        course: &mut Course,
    ) -> Result<Attempt, MutableError> {
        let sequence_number = next_sequence_number(&base.map)?;
        let small = is_small(&content).then(|| content.clone());
        let salts = fresh_salts(geometry.segment_count())?;
        let (header, shares) = self.encode(geometry, content, sequence_number, salts).await?;
        let publish = self.publish(header, NewShares::Whole(shares));
        self.commit(&publish, base, course, |snapshot| snapshot.content = small).await
    }

    async fn patch(
        &self,
        (patch, plaintext): (Patch, Vec<u8>),
        leaves: &Arc<Vec<Vec<Hash>>>,
        base: &Snapshot,
        course: &mut Course,
    ) -> Result<Attempt, MutableError> {
        let sequence_number = next_sequence_number(&base.map)?;
        let salts = fresh_salts(patch.segments().end - patch.segments().start)?;
        let (keys, leaves) = (Arc::clone(&self.keys), Arc::clone(leaves));
        let is_long = plaintext.len() > INLINE_MAX;
        let patched = blocking_if(is_long, move || {
            let publication = Publication { keys: &keys, sequence_number, salts: &salts };
            patch.apply(&plaintext, &leaves, &publication)
        })
        .await;
        let leaves = Some(Arc::new(patched.leaves));
        let shares = NewShares::Patches(Arc::clone(&base.header), patched.shares);
        let publish = self.publish(Arc::new(patched.header), shares);
        self.commit(&publish, base, course, |snapshot| snapshot.leaves = leaves).await
    }

    /// Puts a version onto the servers in the place of the base, or meets another writer.
    async fn commit(
        &self,
        publish: &Publish<'_>,
        base: &Snapshot,
        course: &mut Course,
        know: impl FnOnce(&mut Snapshot),
    ) -> Result<Attempt, MutableError> {
        let first = vanguard(base.header.geometry.encoding());
        course.begun.note(&publish.header, &base.header);
        let is_clean = base.map.has_only(&base.header, first)
            && !base.map.has_later_than(&base.header, &Begun::default());
        let mut map = base.map.clone();
        if course.attempt > 0 || !is_clean {
            match publish.take_lead(&map).await {
                Outcome::Conflict { .. } => return Ok(Attempt::Met),
                Outcome::Unreached => return Ok(course.note_unreached()),
                Outcome::Unfit => return Ok(Attempt::Unfit),
                Outcome::Failed(error) => return Err(error),
                Outcome::Published(_) => {}
            }
            let seen = self.file.look_until_still(course).await?;
            if seen.header.signed() != base.header.signed() {
                return Ok(Attempt::Met);
            }
            map = seen.map.clone();
        }
        let started = Instant::now();
        match publish.run(&map).await {
            Outcome::Conflict { has_vanguard } => {
                course.was_readable |= has_vanguard;
                Ok(Attempt::Met)
            }
            Outcome::Unreached => Ok(course.note_unreached()),
            Outcome::Unfit => Ok(Attempt::Unfit),
            Outcome::Failed(error) => Err(error),
            Outcome::Published(map) => {
                if started.elapsed() > QUICK {
                    // Another writer may have taken us for dead.
                    let mut seen = self.file.look(Mode::Write).await?;
                    if !seen.map.failed.is_empty() {
                        seen = self.file.look(Mode::Write).await?;
                    }
                    if !seen.map.has_only(&publish.header, first) {
                        course.was_readable = true;
                        return Ok(Attempt::Met);
                    }
                }
                let mut snapshot = Snapshot::new(*map, Arc::clone(&publish.header), true);
                know(&mut snapshot);
                self.file.remember(snapshot);
                Ok(Attempt::Done(Version::of(&publish.header)))
            }
        }
    }

    async fn encode(
        &self,
        geometry: MutableGeometry,
        content: Bytes,
        sequence_number: u64,
        salts: Vec<Salt>,
    ) -> Result<(Arc<Header>, Vec<Bytes>), MutableError> {
        let keys = Arc::clone(&self.keys);
        let version = blocking_if(content.len() > INLINE_MAX, move || {
            let publication = Publication { keys: &keys, sequence_number, salts: &salts };
            encode(geometry, &content, &publication)
        })
        .await;
        Ok((Arc::new(version.header), version.shares))
    }

    fn publish(&self, header: Arc<Header>, shares: NewShares) -> Publish<'_> {
        Publish {
            grid: &self.file.grid,
            storage_index: self.cap.storage_index(),
            write_key: self.cap.write_key(),
            header,
            shares,
            insists: self.insists,
        }
    }
}

/// Whether a content is kept in memory.
const fn is_small(content: &Bytes) -> bool {
    content.len() <= CACHED_MAX
}

const fn check_size(size: u64) -> Result<(), MutableError> {
    if size > MUTABLE_SIZE_MAX {
        return Err(MutableError::TooLarge { size, size_max: MUTABLE_SIZE_MAX });
    }
    Ok(())
}

fn next_sequence_number(map: &ServerMap) -> Result<u64, MutableError> {
    let highest = map.highest_sequence_number();
    highest
        .checked_add(1)
        .ok_or_else(|| MutableError::Internal("the file has the last version there can be".into()))
}

/// Waits longer after every attempt, and never as long as others do.
async fn back_off(attempt: u32) {
    let mut random = [0; 4];
    let _ = getrandom::fill(&mut random);
    let spread = f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX) + 0.5;
    let pause = BACK_OFF_MIN * 2_u32.saturating_pow(attempt.min(10));
    tokio::time::sleep(pause.min(BACK_OFF_MAX).mul_f64(spread)).await;
}
