//! Corruption reports as files (section 3.5): their names and their text.

use std::time::Duration;

use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::ShareKind;

/// The longest reason that a client may give, in bytes (section 7.3).
pub(crate) const REASON_LEN_MAX: usize = 32_765;

/// The name of the file for a report made at `now`: the UTC time without colons, then the share.
pub(crate) fn file_name(now: Duration, storage_index: StorageIndex, share: ShareNumber) -> String {
    format!("{}--{storage_index}-{share}", utc_time(now))
}

/// What stands in it.
pub(crate) fn text(
    kind: ShareKind,
    storage_index: StorageIndex,
    share: ShareNumber,
    reason: &str,
) -> String {
    format!(
        "report: Share Corruption\ntype: {kind}\nstorage_index: {storage_index}\n\
         share_number: {share}\n\n{reason}\n\n"
    )
}

/// The time in ISO 8601 without colons; microseconds only if there are any.
fn utc_time(now: Duration) -> String {
    let (days, second) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}{minute:02}{second:02}");
    if now.subsec_micros() != 0 {
        text.push_str(&format!(".{:06}", now.subsec_micros()));
    }
    text
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Counting years
/// from March puts the leap day last, so that months need no table.
const fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_tahoe_writes_them() {
        let check =
            |micros, expected| assert_eq!(utc_time(Duration::from_micros(micros)), expected);
        check(0, "1970-01-01T000000");
        check(1_700_000_000_000_000, "2023-11-14T221320");
        check(1_700_000_000_500_000, "2023-11-14T221320.500000");
        check(1_709_164_800_000_001, "2024-02-29T000000.000001");
        check(4_107_542_399_000_000, "2100-02-28T235959");
        check(4_107_542_400_000_000, "2100-03-01T000000");
    }
}
