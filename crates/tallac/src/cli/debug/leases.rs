//! How long leases still last, in words.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds until a lease ends; negative when it has.
pub(super) fn seconds_left(expiration: u32) -> i64 {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    i64::from(expiration) - now_s.cast_signed()
}

/// How long a lease still lasts: in seconds, and in days or hours if it is so long.
pub(super) fn remaining(expiration: u32) -> String {
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    match seconds_left(expiration) {
        days if days > DAY => format!("{days}s ({} days)", days / DAY),
        hours if hours > HOUR => format!("{hours}s ({} hours)", hours / HOUR),
        seconds => format!("{seconds}s"),
    }
}
