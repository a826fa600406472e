//! What every storage server must do, whoever and wherever it is (specification section 7.3).
//!
//! Each [`Case`] takes any [`StorageServer`] and asserts one thing; it uses storage indices
//! that no other run uses, so that all cases can go against one long-lived server, at once.

mod reads;
mod slot_reads;
mod slots;
mod subject;
mod uploads;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tallac_core::storage::StorageServer;

use subject::Subject;

/// How much is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Everything: for servers of our own.
    Full,
    /// What Tahoe-LAFS 1.20 keeps to: it answers some bad requests with a status that says
    /// nothing, forgets its own documentation when an allocation is repeated, and looks at the
    /// shares of either kind of slot as if they were of the other.
    Tahoe,
}

type CaseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One thing that a storage server must do.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    profile: Profile,
    body: for<'a> fn(Subject<'a>) -> CaseFuture<'a>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

impl Case {
    /// What it asserts, as an identifier.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is asked of servers of that profile.
    #[must_use]
    pub fn applies_to(&self, profile: Profile) -> bool {
        self.profile == Profile::Tahoe || profile == Profile::Full
    }

    /// Runs it.
    ///
    /// # Panics
    /// When the server does something else; the message names the case.
    pub async fn run(&self, server: &dyn StorageServer) {
        (self.body)(Subject::new(server, self.name)).await;
    }
}

/// All cases. `Profile::Tahoe` in the table marks what any server must do.
#[must_use]
pub fn cases() -> Vec<Case> {
    let tables = [uploads::CASES, reads::CASES, slots::CASES, slot_reads::CASES];
    tables.into_iter().flatten().copied().collect()
}

/// Runs all cases that apply to `profile`, one after the other.
///
/// # Panics
/// When the server does something else; the message names the case.
pub async fn run(server: &dyn StorageServer, profile: Profile) {
    for case in cases().iter().filter(|case| case.applies_to(profile)) {
        case.run(server).await;
    }
}

/// A table of cases: profile and function each.
macro_rules! case_table {
    ($($profile:ident $name:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: stringify!($name),
            profile: super::Profile::$profile,
            body: |subject| Box::pin(async move { $name(&subject).await }),
        }),*];
    };
}
use case_table;
