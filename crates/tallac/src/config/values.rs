//! The kinds of value in `tahoe.cfg` (section 10.1). Each reader says what would have been right;
//! none repeats what it was given.

use std::time::Duration;

/// Seconds of a day.
const DAY_S: u64 = 24 * 60 * 60;

/// What is wrong with a value.
pub(crate) type Problem = String;

/// `true` or `false`, in the ways that Python's `ConfigParser` knows.
pub(super) fn boolean(text: &str) -> Result<bool, Problem> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err("Not a boolean: write true or false".to_owned()),
    }
}

/// A number without a fraction, 0 or more.
pub(super) fn whole(text: &str) -> Result<u64, Problem> {
    let digits = text.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("must be a whole number".to_owned());
    }
    digits.parse().map_err(|_| "is too large a number".to_owned())
}

/// A number of bytes: `1000`, `1K`, `1KiB`, `1G`, and so on; 0 if empty.
pub(super) fn size(text: &str) -> Result<u64, Problem> {
    if text.is_empty() {
        return Ok(0);
    }
    let unparseable =
        || "contains unparseable value: write bytes, or a size like 500MB, 1G or 2TiB".to_owned();
    let upper = text.to_uppercase();
    let (digits, suffix) = split_number(&upper);
    let unit = suffix.strip_suffix('B').unwrap_or(suffix);
    let (letter, step) = match unit.strip_suffix('I') {
        Some(letter) => (letter, 1024_u64),
        None => (unit, 1000),
    };
    let power = match letter {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return Err(unparseable()),
    };
    if digits.is_empty() {
        return Err(unparseable());
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(step.pow(power)))
        .ok_or_else(|| "is more bytes than any disk has".to_owned())
}

/// A span of time: `60 days`, `2 months`, `1year`.
pub(crate) fn duration(text: &str) -> Result<Duration, Problem> {
    let no_unit = || "no unit (like day, month, or year): write a span like 60 days".to_owned();
    let units = [("day", DAY_S), ("month", 31 * DAY_S), ("mo", 31 * DAY_S), ("year", 365 * DAY_S)];
    span(text, &units).unwrap_or_else(|| Err(no_unit()))
}

/// A number of one of these units, whose lengths are in seconds; nothing without a unit.
pub(super) fn span(text: &str, units: &[(&str, u64)]) -> Option<Result<Duration, Problem>> {
    let singular = text.strip_suffix('s').unwrap_or(text);
    let (number, unit_s) =
        units.iter().find_map(|(name, unit_s)| Some((singular.strip_suffix(name)?, unit_s)))?;
    Some(whole(number).and_then(|number| {
        let seconds = number.checked_mul(*unit_s).ok_or("is too long a time")?;
        Ok(Duration::from_secs(seconds))
    }))
}

/// A day, `2009-03-18`, as the seconds from 1970 to its start in UTC.
pub(crate) fn date(text: &str) -> Result<i64, Problem> {
    let incomplete = || "not a date: write it like 2009-03-18".to_owned();
    let mut fields = text.trim().splitn(3, '-').map(|field| {
        let is_decimal = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
        is_decimal.then(|| field.parse::<i64>().ok()).flatten()
    });
    let mut next = || fields.next().flatten().ok_or_else(incomplete);
    let (year, month, day) = (next()?, next()?, next()?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(incomplete()),
    };
    if !(1970..=9999).contains(&year) || !(1..=days_of_month).contains(&day) {
        return Err(incomplete());
    }
    // Years are counted from March, so that the odd day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    Ok(days * DAY_S.cast_signed())
}

/// The digits at the start, and the rest.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("", Some(0)),
            ("0", Some(0)),
            ("123", Some(123)),
            ("1k", Some(1000)),
            ("1KB", Some(1000)),
            ("1KiB", Some(1024)),
            ("3I", Some(3)),
            ("5B", Some(5)),
            ("2mib", Some(2 << 20)),
            ("1G", Some(1_000_000_000)),
            ("1T", Some(1_000_000_000_000)),
            ("1PiB", Some(1 << 50)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("16EiB", None),
            ("99999999999999999999", None),
            ("1 G", None),
            ("G", None),
            ("-1", None),
            ("1.5G", None),
            ("1X", None),
            ("1BB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn spans_of_time() {
        let cases = [
            ("1day", Some(1)),
            ("7 days", Some(7)),
            ("2mo", Some(62)),
            ("2 mos", Some(62)),
            ("3 months", Some(93)),
            ("1 year", Some(365)),
            ("2years", Some(730)),
            ("5", None),
            ("5 s", None),
            ("day", None),
            ("-1 day", None),
            ("9999999999999999999 years", None),
        ];
        for (text, days) in cases {
            let expected = days.map(|days: u64| Duration::from_secs(days * DAY_S));
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn dates() {
        let cases = [
            ("1970-01-01", Some(0)),
            ("2009-03-18", Some(1_237_334_400)),
            ("2000-02-29", Some(951_782_400)),
            ("2100-02-29", None),
            ("2009-3-18", Some(1_237_334_400)),
            ("2009-13-01", None),
            ("2009-00-01", None),
            ("2009-04-31", None),
            ("2009-04", None),
            ("2009-04-01-01", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(date(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn booleans_and_numbers() {
        for text in ["1", "yes", "TRUE", "On"] {
            assert_eq!(boolean(text), Ok(true), "{text}");
        }
        for text in ["0", "no", "False", "off"] {
            assert_eq!(boolean(text), Ok(false), "{text}");
        }
        for text in ["", "y", "2", "true # yes"] {
            assert!(boolean(text).is_err(), "{text}");
        }
        assert_eq!(whole(" +12 "), Ok(12));
        for text in ["", "-1", "1.0", "1k", "99999999999999999999"] {
            assert!(whole(text).is_err(), "{text}");
        }
    }
}
