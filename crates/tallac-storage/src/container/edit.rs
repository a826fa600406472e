//! What a change does to the bytes of a mutable container, worked out before anything is written
//! (section 3.6): planned here, performed by the disk.

use std::fmt;

use bytes::Bytes;
use tallac_core::ids::TubId;
use tallac_core::secrets::{LeaseSecrets, WriteEnabler};

use super::lease::{OWNER_OF_ADDED, expiration_after};
use super::mutable::{
    DATA_LEN_OFFSET, DATA_OFFSET, EXTRA_COUNT_LEN, HEADER_LEN, Header, LEASE_COUNT_MAX, LEASE_LEN,
    LEASE_SLOT_COUNT, Lease, SHARE_SIZE_MAX,
};

/// One step of a change: bytes of the file, and so the same however often it is done.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes go there.
    Write {
        /// From the start of the file.
        at: u64,
        /// The bytes.
        data: Bytes,
    },
    /// Whatever the file has there becomes zeros; what lies beyond its end stays so.
    Zero {
        /// From the start of the file.
        at: u64,
        /// How many bytes.
        len: u64,
    },
}

impl fmt::Debug for Step {
    /// What is written may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { at, data } => write!(f, "Write({} bytes at {at})", data.len()),
            Self::Zero { at, len } => write!(f, "Zero({len} bytes at {at})"),
        }
    }
}

/// Why a change cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The share would be larger than Tahoe-LAFS allows.
    #[error("a mutable share has at most {SHARE_SIZE_MAX} bytes")]
    TooLarge,
    /// A further lease does not fit into the room left.
    #[error("no room for a lease")]
    NoSpace,
    /// The container has all the leases that it may have.
    #[error("a mutable share takes at most {LEASE_COUNT_MAX} leases")]
    TooManyLeases,
}

/// Whose lease, when, and how much room there is for it.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRequest<'a> {
    /// The secrets as the client sent them.
    pub secrets: &'a LeaseSecrets,
    /// The server that takes the lease.
    pub node: TubId,
    /// The time, in seconds since 1970.
    pub now_s: u64,
    /// Bytes free for shares.
    pub available: u64,
}

/// A container while a change to it is planned.
#[derive(Clone)]
pub struct Edit {
    header: Header,
    /// The four slots, then the extra leases.
    leases: Vec<[u8; LEASE_LEN]>,
    was: Before,
    steps: Vec<Step>,
}

/// What the file holds as the plan begins.
#[derive(Debug, Clone)]
struct Before {
    is_new: bool,
    lengths: [u8; 16],
    extra_offset: u64,
    lease_count: usize,
    changed_leases: Vec<usize>,
}

impl fmt::Debug for Edit {
    /// The leases of version 1 are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Edit {
    /// A container that is not there yet.
    #[must_use]
    pub fn create(node: TubId, write_enabler: WriteEnabler) -> Self {
        let header = Header::new(node, write_enabler);
        Self::of(header, vec![[0; LEASE_LEN]; LEASE_SLOT_COUNT], true)
    }

    /// The container with this header and these leases: all four slots, then the extra ones.
    #[must_use]
    pub fn change(header: Header, leases: Vec<[u8; LEASE_LEN]>) -> Self {
        debug_assert!(leases.len() >= LEASE_SLOT_COUNT, "a slot is there even if it is empty");
        Self::of(header, leases, false)
    }

    fn of(header: Header, leases: Vec<[u8; LEASE_LEN]>, is_new: bool) -> Self {
        let was = Before {
            is_new,
            lengths: header.lengths_to_bytes(),
            extra_offset: header.extra_offset,
            lease_count: leases.len(),
            changed_leases: Vec::new(),
        };
        Self { header, leases, was, steps: Vec::new() }
    }

    /// Puts bytes into the share. A hole before them is filled with zeros; where they do not fit,
    /// the extra leases move behind them.
    ///
    /// # Errors
    /// [`EditError::TooLarge`].
    pub fn write(&mut self, offset: u64, data: Bytes) -> Result<(), EditError> {
        let end = offset.checked_add(data.len() as u64).ok_or(EditError::TooLarge)?;
        if end >= self.header.data_len {
            if end > self.header.extra_offset - DATA_OFFSET {
                if end > SHARE_SIZE_MAX {
                    return Err(EditError::TooLarge);
                }
                self.move_leases(DATA_OFFSET + end);
            }
            if offset > self.header.data_len {
                let len = offset - self.header.data_len;
                self.zero(DATA_OFFSET + self.header.data_len, len);
            }
            self.header.data_len = end;
        }
        if !data.is_empty() {
            self.steps.push(Step::Write { at: DATA_OFFSET + offset, data });
        }
        Ok(())
    }

    /// Cuts the share; a length that is not smaller than its own does nothing. The container
    /// keeps its size.
    pub fn truncate(&mut self, len: u64) {
        self.header.data_len = self.header.data_len.min(len);
    }

    /// Renews the lease with this renew secret, never backwards, or else adds one: in the first
    /// empty place, or behind all others.
    ///
    /// # Errors
    /// [`EditError::NoSpace`] and [`EditError::TooManyLeases`].
    pub fn lease(&mut self, request: &LeaseRequest<'_>) -> Result<(), EditError> {
        let stored = self.header.version.secret_form().stored(request.secrets);
        let expiration = expiration_after(request.now_s);
        let mut empty = None;
        for (index, bytes) in self.leases.iter_mut().enumerate() {
            let mut lease = Lease::parse(bytes);
            if lease.is_none() {
                empty = empty.or(Some(index));
            } else if lease.stored.renew == stored.renew {
                if expiration > lease.expiration {
                    lease.expiration = expiration;
                    *bytes = lease.to_bytes();
                    self.was.changed_leases.push(index);
                }
                return Ok(());
            }
        }
        let lease = Lease { owner: OWNER_OF_ADDED, expiration, stored, node: request.node };
        let bytes = lease.to_bytes();
        if let Some(index) = empty {
            self.leases[index] = bytes;
            self.was.changed_leases.push(index);
            return Ok(());
        }
        if LEASE_LEN as u64 > request.available {
            return Err(EditError::NoSpace);
        }
        if self.leases.len() - LEASE_SLOT_COUNT >= LEASE_COUNT_MAX {
            return Err(EditError::TooManyLeases);
        }
        self.leases.push(bytes);
        Ok(())
    }

    /// Removes the leases that are not to be kept: their places become empty.
    pub fn drop_leases(&mut self, keep: impl Fn(&Lease) -> bool) {
        for (index, bytes) in self.leases.iter_mut().enumerate() {
            let lease = Lease::parse(bytes);
            if !lease.is_none() && !keep(&lease) {
                *bytes = [0; LEASE_LEN];
                self.was.changed_leases.push(index);
            }
        }
    }

    /// The plan: what to do, in this order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Step> {
        if self.was.is_new {
            let start =
                [&self.header.to_bytes()[..], self.leases[..LEASE_SLOT_COUNT].as_flattened()];
            self.steps.insert(0, Step::Write { at: 0, data: start.concat().into() });
            self.write_extra_leases();
            return self.steps;
        }
        let lengths = self.header.lengths_to_bytes();
        if lengths != self.was.lengths {
            let data = Bytes::copy_from_slice(&lengths);
            self.steps.push(Step::Write { at: DATA_LEN_OFFSET, data });
        }
        for index in std::mem::take(&mut self.was.changed_leases) {
            if let Some(at) = self.lease_offset(index) {
                let data = Bytes::copy_from_slice(&self.leases[index]);
                self.steps.push(Step::Write { at, data });
            }
        }
        let has_moved = self.header.extra_offset != self.was.extra_offset;
        if has_moved {
            self.write_extra_leases();
        } else if self.leases.len() > self.was.lease_count {
            self.append_leases();
        }
        self.steps
    }

    /// Where a lease stands in the file; `None` for an extra lease that is written with all others.
    fn lease_offset(&self, index: usize) -> Option<u64> {
        if index < LEASE_SLOT_COUNT {
            return Some((HEADER_LEN + index * LEASE_LEN) as u64);
        }
        let has_moved = self.header.extra_offset != self.was.extra_offset;
        (!has_moved).then(|| self.extra_lease_offset(index))
    }

    const fn extra_lease_offset(&self, index: usize) -> u64 {
        let before = EXTRA_COUNT_LEN + (index - LEASE_SLOT_COUNT) * LEASE_LEN;
        self.header.extra_offset + before as u64
    }

    /// The old place becomes zeros, as what it held must never be read as part of the share.
    fn move_leases(&mut self, to: u64) {
        // A place that leases only passed through in this plan holds none.
        if self.header.extra_offset == self.was.extra_offset && !self.was.is_new {
            let count = self.was.lease_count - LEASE_SLOT_COUNT;
            let len = EXTRA_COUNT_LEN + count * LEASE_LEN;
            self.zero(self.was.extra_offset, len as u64);
        }
        self.header.extra_offset = to;
    }

    fn zero(&mut self, at: u64, len: u64) {
        // A new file has zeros wherever nothing was written; what was written in this plan lies
        // below the share's end.
        if !self.was.is_new {
            self.steps.push(Step::Zero { at, len });
        }
    }

    fn write_extra_leases(&mut self) {
        let extra = &self.leases[LEASE_SLOT_COUNT..];
        let data = [&count_bytes(extra.len())[..], extra.as_flattened()].concat().into();
        self.steps.push(Step::Write { at: self.header.extra_offset, data });
    }

    fn append_leases(&mut self) {
        let (known, count) = (self.was.lease_count, self.leases.len() - LEASE_SLOT_COUNT);
        let at = self.extra_lease_offset(known);
        let data = Bytes::copy_from_slice(self.leases[known..].as_flattened());
        self.steps.push(Step::Write { at, data });
        let data = Bytes::copy_from_slice(&count_bytes(count));
        self.steps.push(Step::Write { at: self.header.extra_offset, data });
    }
}

fn count_bytes(count: usize) -> [u8; EXTRA_COUNT_LEN] {
    u32::try_from(count).expect("bounded by LEASE_COUNT_MAX").to_be_bytes()
}
