//! When leases have run out, and what goes with them: `[storage] expire.*` (section 11.7).

use serde_json::{Value, json};
use tallac_core::storage::ShareKind;

use crate::container::lease::LEASE_PERIOD_S;

/// Which leases have run out, and whether anything is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryPolicy {
    /// Whether leases that have run out are removed, and shares without any other deleted.
    pub is_enabled: bool,
    /// By which rule leases run out.
    pub mode: ExpiryMode,
    /// Whether those of immutable shares do.
    pub immutable: bool,
    /// Whether those of mutable shares do.
    pub mutable: bool,
}

/// By which rule leases run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryMode {
    /// When they are old.
    Age {
        /// How long they last, in seconds; if it is not set, as long as each says itself.
        override_lease_duration_s: Option<u64>,
    },
    /// When they were made or last renewed before this moment.
    CutoffDate {
        /// In seconds since 1970.
        date_s: i64,
    },
}

impl Default for ExpiryPolicy {
    /// Nothing is deleted.
    fn default() -> Self {
        let mode = ExpiryMode::Age { override_lease_duration_s: None };
        Self { is_enabled: false, mode, immutable: true, mutable: true }
    }
}

impl ExpiryPolicy {
    /// Whether a lease that ends at `expiration` has run out at `now_s`, whether or not anything is
    /// done about it.
    #[must_use]
    pub fn has_run_out(&self, kind: ShareKind, expiration: u32, now_s: u64) -> bool {
        self.concerns(kind) && i64::from(expiration) < self.threshold_s(now_s)
    }

    /// Whether it is about shares of this kind.
    #[must_use]
    pub const fn concerns(&self, kind: ShareKind) -> bool {
        match kind {
            ShareKind::Immutable => self.immutable,
            ShareKind::Mutable => self.mutable,
        }
    }

    /// Leases that end before this moment have run out at `now_s`. Tahoe-LAFS 1.20 compares the age
    /// of a lease with the date of its end where no duration is set, and so keeps everything; this
    /// does what its documentation says.
    #[must_use]
    pub fn threshold_s(&self, now_s: u64) -> i64 {
        let now_s = i64::try_from(now_s).unwrap_or(i64::MAX / 2);
        let period_s = i64::try_from(LEASE_PERIOD_S).expect("31 days");
        match self.mode {
            ExpiryMode::Age { override_lease_duration_s: None } => now_s,
            ExpiryMode::Age { override_lease_duration_s: Some(duration_s) } => {
                let duration_s = i64::try_from(duration_s).unwrap_or(i64::MAX);
                now_s.saturating_add(period_s).saturating_sub(duration_s)
            }
            ExpiryMode::CutoffDate { date_s } => date_s.saturating_add(period_s),
        }
    }

    /// What a page says of it.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let enabled = if self.is_enabled {
            "Enabled: expired leases will be removed."
        } else {
            "Disabled: scan-only mode, no leases will be removed."
        };
        let mode = match self.mode {
            ExpiryMode::Age { override_lease_duration_s: None } => {
                "Leases run out 31 days after they were made or renewed.".to_owned()
            }
            ExpiryMode::Age { override_lease_duration_s: Some(duration_s) } => {
                let days = duration_s / (24 * 3600);
                format!("Leases run out {days} days after they were made or renewed.")
            }
            ExpiryMode::CutoffDate { date_s } => format!(
                "Leases made or last renewed before second {date_s} of 1970 (UTC) have run out."
            ),
        };
        let kinds = match (self.immutable, self.mutable) {
            (true, true) => "This is about immutable and mutable shares.",
            (true, false) => "This is about immutable shares.",
            (false, true) => "This is about mutable shares.",
            (false, false) => "This is about no shares.",
        };
        [enabled.to_owned(), mode, kinds.to_owned()].into()
    }

    /// What Tahoe-LAFS calls `configured-expiration-mode`.
    pub(crate) fn to_json(&self) -> Value {
        let (mode, duration_s, date_s) = match self.mode {
            ExpiryMode::Age { override_lease_duration_s } => {
                ("age", override_lease_duration_s, None)
            }
            ExpiryMode::CutoffDate { date_s } => ("cutoff-date", None, Some(date_s)),
        };
        let kinds = [(self.immutable, "immutable"), (self.mutable, "mutable")];
        let kinds: Vec<_> = kinds.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        json!([mode, duration_s, date_s, kinds])
    }
}

/// Whether a lease has come to the end that it says itself.
pub(crate) const fn has_ended(expiration: u32, now_s: u64) -> bool {
    (expiration as u64) < now_s
}

/// When a lease was made or last renewed, as its end tells.
pub(crate) const fn renewed_s(expiration: u32) -> i64 {
    expiration as i64 - LEASE_PERIOD_S as i64
}

/// How long ago that was, in seconds; negative if this machine's clock was wrong.
pub(crate) fn age_s(expiration: u32, now_s: u64) -> i64 {
    i64::try_from(now_s).unwrap_or(i64::MAX).saturating_sub(renewed_s(expiration))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: u64 = 24 * 3600;
    const NOW_S: u64 = 1_800_000_000;

    fn policy(mode: ExpiryMode) -> ExpiryPolicy {
        ExpiryPolicy { is_enabled: true, mode, immutable: true, mutable: false }
    }

    #[test]
    fn each_rule_has_its_day() {
        let age = |days: Option<u64>| ExpiryMode::Age {
            override_lease_duration_s: days.map(|days| days * DAY_S),
        };
        let cutoff = |days_ago: u64| ExpiryMode::CutoffDate {
            date_s: i64::try_from(NOW_S - days_ago * DAY_S).unwrap(),
        };
        // Rule, days since the lease was renewed, whether it has run out.
        for (mode, days, expected) in [
            (age(None), 30, false),
            (age(None), 31, false),
            (age(None), 32, true),
            (age(Some(10)), 10, false),
            (age(Some(10)), 11, true),
            (age(Some(60)), 40, false),
            (age(Some(60)), 61, true),
            (cutoff(20), 19, false),
            (cutoff(20), 20, false),
            (cutoff(20), 21, true),
        ] {
            let policy = policy(mode);
            let expiration = u32::try_from(NOW_S - days * DAY_S + LEASE_PERIOD_S).unwrap();
            let found = policy.has_run_out(ShareKind::Immutable, expiration, NOW_S);
            assert_eq!(found, expected, "{mode:?} {days}");
            assert!(!policy.has_run_out(ShareKind::Mutable, expiration, NOW_S));
        }
    }

    #[test]
    fn a_clock_that_was_wrong_deletes_nothing() {
        let policy = policy(ExpiryMode::Age { override_lease_duration_s: Some(0) });
        assert!(!policy.has_run_out(ShareKind::Immutable, u32::MAX, NOW_S));
        assert!(!policy.has_run_out(ShareKind::Immutable, u32::MAX, 0));
    }

    #[test]
    fn the_names_are_those_of_tahoe() {
        let age = policy(ExpiryMode::Age { override_lease_duration_s: Some(5) });
        assert_eq!(age.to_json().to_string(), r#"["age",5,null,["immutable"]]"#);
        let cutoff = ExpiryMode::CutoffDate { date_s: 9 };
        let cutoff = ExpiryPolicy { mutable: true, ..policy(cutoff) };
        let expected = r#"["cutoff-date",null,9,["immutable","mutable"]]"#;
        assert_eq!(cutoff.to_json().to_string(), expected);
    }
}
