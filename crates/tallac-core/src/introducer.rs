//! What an introducer knows, for those who look at its page (section 6.1).

use std::collections::BTreeMap;
use std::time::SystemTime;

/// What an introducer knows at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntroducerReport {
    /// The announcements, by service and name.
    pub announcements: Vec<AnnouncementReport>,
    /// Who is told of them.
    pub subscribers: Vec<SubscriberReport>,
}

/// One announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncementReport {
    /// What kind of service it is.
    pub service: String,
    /// The public key of whoever offers it: `v0-…`.
    pub server_id: String,
    /// What its operator calls it; empty if nothing.
    pub nickname: String,
    /// Program and version, as it says; empty if it does not.
    pub version: String,
    /// Where it is reached.
    pub hints: Vec<String>,
    /// When it came.
    pub announced: SystemTime,
}

/// Somebody who is told of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberReport {
    /// Of which kind of service.
    pub service: String,
    /// The tub that is told.
    pub tub_id: String,
    /// What its operator calls it; empty if nothing.
    pub nickname: String,
    /// Program and version, as it says; empty if it does not.
    pub version: String,
    /// Since when.
    pub since: SystemTime,
}

impl IntroducerReport {
    /// How many announcements there are of each service.
    #[must_use]
    pub fn announcement_counts(&self) -> BTreeMap<&str, usize> {
        counts(self.announcements.iter().map(|announcement| &*announcement.service))
    }

    /// How many subscribe to each service.
    #[must_use]
    pub fn subscription_counts(&self) -> BTreeMap<&str, usize> {
        counts(self.subscribers.iter().map(|subscriber| &*subscriber.service))
    }
}

fn counts<'a>(services: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for service in services {
        *counts.entry(service).or_default() += 1;
    }
    counts
}
