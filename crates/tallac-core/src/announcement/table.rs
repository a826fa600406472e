//! The announcements that are known, one for each service of each key, in the order in which they
//! came (section 6.1). Both sides of the introducer keep such a table.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::signed::Announcement;
use crate::crypto::VerifyingKey;

/// Most servers that are taken notice of: more than any grid has.
pub const SERVERS_MAX: usize = 10_000;

/// How much a table takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLimits {
    /// Announcements of one service.
    pub per_service: usize,
    /// Announcements.
    pub total: usize,
    /// Bytes of all announcements as they were sent.
    pub bytes: usize,
}

impl Default for TableLimits {
    /// More than any grid has.
    fn default() -> Self {
        Self { per_service: SERVERS_MAX, total: 12_000, bytes: 32 << 20 }
    }
}

/// What became of an announcement that was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is the first of its service and key.
    New,
    /// It takes the place of an older one.
    Update,
}

/// Why an announcement whose signature is good changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It says what is known already.
    #[error("it is known already")]
    Duplicate,
    /// There is a newer one, or one that cannot be told to be older. Somebody may be replaying it.
    #[error("its sequence number is not greater than that of the one that is known")]
    Old,
    /// The table takes no more.
    #[error("there are too many announcements already ({0})")]
    Full(&'static str),
}

/// Announcements, one for each service of each key.
#[derive(Debug, Default)]
pub struct AnnouncementTable {
    limits: TableLimits,
    services: HashMap<String, Service>,
    total: usize,
    bytes: usize,
    /// The place that the next one gets.
    next: u64,
}

/// The announcements of one service.
#[derive(Debug, Default)]
struct Service {
    places: HashMap<VerifyingKey, u64>,
    in_order: BTreeMap<u64, Arc<Announcement>>,
}

impl AnnouncementTable {
    /// An empty one.
    #[must_use]
    pub fn new(limits: TableLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes an announcement in, if it tells anything new.
    ///
    /// # Errors
    /// [`Ignored`], when it does not, or there is no room. The table is as before then.
    pub fn accept(&mut self, announcement: Arc<Announcement>) -> Result<Accepted, Ignored> {
        let size = announcement.signed().len();
        let service = self.services.get(announcement.service());
        let old = service.and_then(|service| service.get(announcement.key()));
        let old_size = old.map_or(0, |old| old.signed().len());
        match old {
            Some(old) if old.keys() == announcement.keys() => return Err(Ignored::Duplicate),
            // None is less than any number: what has no number is always replaced, and replaces
            // nothing that has one.
            Some(old) if old.seqnum().is_some() && announcement.seqnum() <= old.seqnum() => {
                return Err(Ignored::Old);
            }
            Some(_) => {}
            None if self.total >= self.limits.total => {
                return Err(Ignored::Full("of all services"));
            }
            None if service.is_some_and(|s| s.in_order.len() >= self.limits.per_service) => {
                return Err(Ignored::Full("of this service"));
            }
            None => {}
        }
        if self.bytes - old_size + size > self.limits.bytes {
            return Err(Ignored::Full("in bytes"));
        }
        let accepted = if old_size == 0 { Accepted::New } else { Accepted::Update };
        self.bytes = self.bytes - old_size + size;
        self.total += usize::from(accepted == Accepted::New);
        let service = self.services.entry(announcement.service().to_owned()).or_default();
        if let Some(place) = service.places.insert(*announcement.key(), self.next) {
            service.in_order.remove(&place);
        }
        service.in_order.insert(self.next, announcement);
        self.next += 1;
        Ok(accepted)
    }

    /// The announcements of a service from a place on, with the place that comes after each: who
    /// asks from there on gets each announcement once, and of those that were replaced meanwhile
    /// only the last.
    pub fn since(
        &self,
        service: &str,
        place: u64,
    ) -> impl Iterator<Item = (u64, &Arc<Announcement>)> {
        let service = self.services.get(service);
        service
            .into_iter()
            .flat_map(move |service| service.in_order.range(place..))
            .map(|(place, announcement)| (place + 1, announcement))
    }

    /// All announcements, by service.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Announcement>> {
        self.services.values().flat_map(|service| service.in_order.values())
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.total
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The place that the next one gets; it grows with each that is accepted.
    #[must_use]
    pub const fn next_place(&self) -> u64 {
        self.next
    }
}

impl Service {
    fn get(&self, key: &VerifyingKey) -> Option<&Arc<Announcement>> {
        self.in_order.get(self.places.get(key)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use zeroize::Zeroizing;

    use super::super::SignedAnnouncement;
    use super::*;
    use crate::crypto::SigningKey;

    fn announcement(key: u8, service: &str, seqnum: Option<u64>, text: &str) -> Arc<Announcement> {
        let key = SigningKey::from_seed(Zeroizing::new([key; 32])).unwrap();
        let mut keys = json!({"service-name": service, "text": text});
        if let Some(seqnum) = seqnum {
            keys["seqnum"] = seqnum.into();
        }
        Arc::new(SignedAnnouncement::sign(keys.as_object().unwrap(), &key).verify().unwrap())
    }

    #[test]
    fn greater_numbers_replace_and_others_do_not() {
        let mut table = AnnouncementTable::default();
        let mut check = |seqnum, text, expected| {
            assert_eq!(table.accept(announcement(1, "storage", seqnum, text)), expected);
        };
        check(None, "no number", Ok(Accepted::New));
        check(None, "no number", Err(Ignored::Duplicate));
        check(None, "none either", Ok(Accepted::Update));
        check(Some(3), "three", Ok(Accepted::Update));
        check(Some(3), "three", Err(Ignored::Duplicate));
        check(Some(3), "another three", Err(Ignored::Old));
        check(Some(2), "two", Err(Ignored::Old));
        check(None, "no number", Err(Ignored::Old));
        check(Some(4), "four", Ok(Accepted::Update));
        assert_eq!(table.accept(announcement(2, "storage", Some(1), "")), Ok(Accepted::New));
        assert_eq!(table.accept(announcement(1, "other", Some(1), "")), Ok(Accepted::New));
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn a_full_table_still_takes_updates() {
        let limits = TableLimits { per_service: 2, total: 3, bytes: 100_000 };
        let mut table = AnnouncementTable::new(limits);
        for key in 1..=2 {
            table.accept(announcement(key, "storage", Some(1), "")).unwrap();
        }
        let full = table.accept(announcement(3, "storage", Some(1), ""));
        assert_eq!(full, Err(Ignored::Full("of this service")));
        table.accept(announcement(3, "other", Some(1), "")).unwrap();
        let full = table.accept(announcement(4, "third", Some(1), ""));
        assert_eq!(full, Err(Ignored::Full("of all services")));
        let long = "x".repeat(60_000);
        let update = announcement(1, "storage", Some(2), &long);
        assert_eq!(table.accept(update), Ok(Accepted::Update));
        let full = table.accept(announcement(2, "storage", Some(2), &long));
        assert_eq!(full, Err(Ignored::Full("in bytes")));
        assert_eq!(table.accept(announcement(1, "storage", Some(3), "")), Ok(Accepted::Update));
        assert!(table.bytes < 1500, "{}", table.bytes);
    }

    proptest! {
        /// Whoever looks now and then ends up with what the table holds, and saw nothing old after
        /// something newer.
        #[test]
        fn readers_miss_nothing(
            steps in prop::collection::vec((0_u8..4, 0_u64..6, any::<bool>()), 0..40),
        ) {
            let mut table = AnnouncementTable::default();
            let (mut place, mut seen) = (0, HashMap::new());
            let mut look = |table: &AnnouncementTable| {
                for (after, announcement) in table.since("storage", place) {
                    let old = seen.insert(*announcement.key(), announcement.seqnum());
                    assert!(old.is_none_or(|old| old < announcement.seqnum()));
                    place = after;
                }
            };
            for (key, seqnum, looks) in steps {
                let _ = table.accept(announcement(key, "storage", Some(seqnum), ""));
                if looks {
                    look(&table);
                }
            }
            look(&table);
            let all: HashMap<_, _> = table.all().map(|a| (*a.key(), a.seqnum())).collect();
            prop_assert_eq!(seen, all);
        }
    }
}
