//! The table of a directory, unpacked (section 5.1).

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use super::entry::Entry;
use super::{Child, ChildName, Damage, DirectoryError, Node};
use crate::cap::{CapError, Context, DirectoryCap, FileCap, WriteKey};
use crate::netstring;

/// How a directory is held: that decides what of it can be read and changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryAccess {
    /// By the write cap of a mutable directory, whose key also encrypts the children's write caps.
    Write(WriteKey),
    /// By the read cap of a mutable directory: the children's write caps stay hidden.
    Read,
    /// An immutable directory, in which all must be immutable.
    Immutable,
}

impl DirectoryAccess {
    /// What the holder of this cap has.
    ///
    /// # Errors
    /// [`DirectoryError::NotReadable`] for verify caps.
    pub fn of(cap: &DirectoryCap) -> Result<Self, DirectoryError> {
        match cap.file() {
            FileCap::SskWrite(cap) => Ok(Self::Write(cap.write_key().clone())),
            FileCap::SskRead(_) => Ok(Self::Read),
            FileCap::Lit(_) | FileCap::ChkRead(_) => Ok(Self::Immutable),
            FileCap::ChkVerify(_) | FileCap::SskVerify(_) => {
                Err(DirectoryError::NotReadable(cap.kind()))
            }
        }
    }

    /// Whether the directory may change.
    #[must_use]
    pub const fn is_mutable(&self) -> bool {
        !matches!(self, Self::Immutable)
    }

    /// What caps may stand in the directory.
    #[must_use]
    pub const fn context(&self) -> Context {
        match self {
            Self::Immutable => Context::DeepImmutable,
            Self::Write(_) | Self::Read => Context::Any,
        }
    }
}

/// A directory, unpacked. Children are read when they are asked for.
///
/// A child whose caps break the rules of where they stand is *hidden*: it is not listed and does
/// not exist for edits, but stays in the table.
#[derive(Clone)]
pub struct Directory {
    access: DirectoryAccess,
    entries: BTreeMap<ChildName, Entry>,
    /// Bytes of the table as it was read.
    size: usize,
    changed: bool,
}

impl Directory {
    /// An empty directory.
    #[must_use]
    pub const fn new(access: DirectoryAccess) -> Self {
        Self { access, entries: BTreeMap::new(), size: 0, changed: false }
    }

    /// A new directory with these children, their metadata taken as they are (section 8.6).
    ///
    /// # Errors
    /// [`DirectoryError::DeepImmutable`] for a child that an immutable directory may not have.
    pub fn with_children<'a>(
        access: DirectoryAccess,
        children: impl IntoIterator<Item = (&'a ChildName, &'a Child)>,
    ) -> Result<Self, DirectoryError> {
        let mut directory = Self::new(access);
        for (name, child) in children {
            directory.put(name.clone(), child)?;
        }
        Ok(directory)
    }

    /// The directory that is packed in these bytes. Of two names that are shown alike the later
    /// counts, as in Tahoe-LAFS.
    ///
    /// # Errors
    /// [`DirectoryError::Damaged`] if it is no table. Children that cannot be understood are none.
    pub fn unpack(bytes: &Bytes, access: DirectoryAccess) -> Result<Self, DirectoryError> {
        let mut directory = Self { size: bytes.len(), ..Self::new(access) };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let damaged = |damage: Damage| DirectoryError::Damaged { offset, damage };
            let (entry, after) = netstring::take(rest).map_err(|error| damaged(error.into()))?;
            let entry = Entry::parse(bytes.slice_ref(entry), &directory.access);
            let (name, entry) = entry.map_err(damaged)?;
            directory.take_in(name, entry);
            rest = after;
        }
        Ok(directory)
    }

    /// Takes in an entry as found. One that is hidden does not take the place of one that is not.
    fn take_in(&mut self, name: ChildName, entry: Entry) {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        match self.entries.entry(name) {
            Vacant(place) => {
                place.insert(entry);
            }
            Occupied(mut place) => {
                let shown = |entry: &Entry| entry.node(&self.access).is_ok();
                if shown(&entry) || !shown(place.get()) {
                    place.insert(entry);
                }
            }
        }
    }

    /// The table in its packed form. What was not changed comes out as it was found.
    #[must_use]
    pub fn pack(&self) -> Bytes {
        let size: usize = self.entries.values().map(|entry| entry.bytes().len() + 12).sum();
        let mut out = Vec::with_capacity(size);
        for entry in self.entries.values() {
            netstring::push(&mut out, entry.bytes());
        }
        out.into()
    }

    /// The packed form if edits changed something, which is then no longer counted as changed.
    #[must_use]
    pub fn pack_changes(&mut self) -> Option<Bytes> {
        if !self.changed {
            return None;
        }
        let packed = self.pack();
        self.size = packed.len();
        self.changed = false;
        Some(packed)
    }

    /// How it is held.
    #[must_use]
    pub const fn access(&self) -> &DirectoryAccess {
        &self.access
    }

    /// Bytes of its packed form when it was read, or last packed after changes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size as u64
    }

    /// Whether an edit changed something since it was read.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        self.changed
    }

    /// A child.
    #[must_use]
    pub fn get(&self, name: &ChildName) -> Option<Child> {
        self.entries.get(name)?.child(&self.access).ok()
    }

    /// What a child is, without its metadata.
    #[must_use]
    pub fn node(&self, name: &ChildName) -> Option<Node> {
        self.entries.get(name)?.node(&self.access).ok()
    }

    /// A child that must be there.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchChild`].
    pub fn require(&self, name: &ChildName) -> Result<Child, DirectoryError> {
        self.get(name).ok_or_else(|| DirectoryError::NoSuchChild { name: name.clone() })
    }

    /// All children, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ChildName, Child)> {
        self.entries
            .iter()
            .filter_map(|(name, entry)| Some((name, entry.child(&self.access).ok()?)))
    }

    /// All children without their metadata, sorted by name.
    pub fn nodes(&self) -> impl Iterator<Item = (&ChildName, Node)> {
        self.entries.iter().filter_map(|(name, entry)| Some((name, entry.node(&self.access).ok()?)))
    }

    /// Children that are hidden, each with the reason, to be logged.
    pub fn hidden(&self) -> impl Iterator<Item = (&ChildName, CapError)> {
        self.entries
            .iter()
            .filter_map(|(name, entry)| Some((name, entry.node(&self.access).err()?)))
    }

    /// How many children there are. Takes as long as reading each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes().next().is_none()
    }

    /// Puts a child in, in the place of any that is there.
    pub(super) fn put(&mut self, name: ChildName, child: &Child) -> Result<(), DirectoryError> {
        let allowed = match self.access {
            DirectoryAccess::Write(_) => true,
            DirectoryAccess::Read => return Err(DirectoryError::NotWriteable),
            DirectoryAccess::Immutable => child.node.is_allowed_in_immutable_directory(),
        };
        if !allowed {
            return Err(DirectoryError::DeepImmutable { name });
        }
        let entry = Entry::pack(&name, child, &self.access);
        self.entries.insert(name, entry);
        self.changed = true;
        Ok(())
    }

    /// Takes a child out, also one that is hidden.
    pub(super) fn take_out(&mut self, name: &ChildName) -> bool {
        let found = self.entries.remove(name).is_some();
        self.changed |= found;
        found
    }
}

/// Without what is in it, which is caps.
impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({:?}, {} entries)", self.access, self.entries.len())
    }
}
