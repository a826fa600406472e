//! The objects that cross a connection, by number (section 6.5): ours that the peer holds, counted
//! as often as they were sent, and the peer's that we hold.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::Held;
use crate::banana::{Clid, Introduction, SenderObject, WireObject};
use crate::object::Referenceable;

/// Longest name of an interface that we remember, in bytes. Real ones have 40.
const INTERFACE_LEN_MAX: usize = 256;

/// Numbers are less than this.
const CLID_MAX: i32 = i32::MAX;

/// There are as many as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// An object of ours, and how often the peer holds it.
struct Export {
    object: Arc<dyn Referenceable>,
    count: u64,
}

/// Objects of ours that the peer holds.
pub(super) struct Exports {
    by_clid: HashMap<Clid, Export>,
    by_address: HashMap<usize, Clid>,
    last: i32,
    max: usize,
}

fn address(object: &Arc<dyn Referenceable>) -> usize {
    Arc::as_ptr(object).cast::<()>().addr()
}

impl Exports {
    pub(super) fn new(max: usize) -> Self {
        Self { by_clid: HashMap::new(), by_address: HashMap::new(), last: 0, max }
    }

    /// Counts an object as sent once more. It is introduced when the peer does not know it;
    /// `introduce` tells how.
    pub(super) fn send(
        &mut self,
        object: &Arc<dyn Referenceable>,
        introduce: impl FnOnce() -> Introduction,
    ) -> Result<WireObject, Full> {
        if let Some(clid) = self.by_address.get(&address(object)) {
            if let Some(export) = self.by_clid.get_mut(clid) {
                export.count += 1;
            }
            return Ok(WireObject::OfSender(SenderObject { clid: *clid, introduction: None }));
        }
        if self.by_clid.len() >= self.max || self.last == CLID_MAX {
            return Err(Full);
        }
        self.last += 1;
        let clid = Clid(self.last);
        self.by_address.insert(address(object), clid);
        self.by_clid.insert(clid, Export { object: object.clone(), count: 1 });
        let introduction = Some(Arc::new(introduce()));
        Ok(WireObject::OfSender(SenderObject { clid, introduction }))
    }

    /// The object of that number.
    pub(super) fn object(&self, clid: Clid) -> Option<Arc<dyn Referenceable>> {
        self.by_clid.get(&clid).map(|export| export.object.clone())
    }

    /// The peer holds it so many times less; when it is the last time, gives it back to be
    /// dropped. Fails when the peer does not hold it as often.
    pub(super) fn release(
        &mut self,
        clid: Clid,
        count: u64,
    ) -> Result<Option<Arc<dyn Referenceable>>, u64> {
        // What is not there any more was released as a whole; a peer may not know yet.
        let Some(export) = self.by_clid.get_mut(&clid) else { return Ok(None) };
        export.count = export.count.checked_sub(count).ok_or(export.count)?;
        if export.count > 0 {
            return Ok(None);
        }
        let export = self.by_clid.remove(&clid);
        Ok(export.map(|export| {
            self.by_address.remove(&address(&export.object));
            export.object
        }))
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_clid.len()
    }
}

/// An object of the peer.
struct Import {
    interface: Option<Arc<str>>,
    /// How often it was sent since we last released it.
    received: u64,
    held: Weak<Held>,
}

/// Objects of the peer that we hold, or have not finished to release.
pub(super) struct Imports {
    by_clid: HashMap<Clid, Import>,
    max: usize,
}

impl Imports {
    pub(super) fn new(max: usize) -> Self {
        Self { by_clid: HashMap::new(), max }
    }

    /// An object was sent to us. `hold` makes the one reference to it that all share.
    pub(super) fn receive(
        &mut self,
        object: &SenderObject,
        hold: impl FnOnce(Option<Arc<str>>) -> Arc<Held>,
    ) -> Result<Arc<Held>, Full> {
        if !self.by_clid.contains_key(&object.clid) {
            if self.by_clid.len() >= self.max {
                return Err(Full);
            }
            let interface = object.introduction.as_ref().and_then(|it| it.interface.as_deref());
            let interface = interface.filter(|name| name.len() <= INTERFACE_LEN_MAX);
            let import =
                Import { interface: interface.map(Arc::from), received: 0, held: Weak::new() };
            self.by_clid.insert(object.clid, import);
        }
        let import = self.by_clid.get_mut(&object.clid).ok_or(Full)?;
        import.received += 1;
        if let Some(held) = import.held.upgrade() {
            return Ok(held);
        }
        let held = hold(import.interface.clone());
        import.held = Arc::downgrade(&held);
        Ok(held)
    }

    /// A reference is gone: how often the peer is to be told so. Not at all, if the object has
    /// been sent again meanwhile.
    pub(super) fn release(&mut self, clid: Clid) -> u64 {
        match self.by_clid.get_mut(&clid) {
            Some(import) if import.held.strong_count() == 0 => std::mem::take(&mut import.received),
            _ => 0,
        }
    }

    /// The peer has taken note of a release: unless the object was sent again, its number means
    /// nothing now.
    pub(super) fn released(&mut self, clid: Clid) {
        if self.by_clid.get(&clid).is_some_and(|import| import.received == 0) {
            self.by_clid.remove(&clid);
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_clid.len()
    }
}
