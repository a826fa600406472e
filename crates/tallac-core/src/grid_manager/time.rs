//! Moments as certificates have them: what Python's `datetime.isoformat()` writes.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// Longest text that is looked at.
const LEN_MAX: usize = 48;

const US_PER_S: i64 = 1_000_000;
const S_PER_DAY: i64 = 24 * 60 * 60;

/// A moment, with the offset from universal time that it is told in, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsoTime {
    /// Microseconds since 1970 by the clock that shows this offset.
    local_us: i64,
    offset_s: Option<i32>,
}

/// A text is no such moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a moment is written like 2026-11-28T07:55:44.569063+00:00")]
pub struct IsoTimeError;

impl IsoTime {
    /// This moment in universal time, to the microsecond; nothing if it is no year from 1 to 9999.
    #[must_use]
    pub fn utc(at: SystemTime) -> Option<Self> {
        let local_us = match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).ok()?,
            Err(before) => -i64::try_from(before.duration().as_micros()).ok()?,
        };
        let years = days_from_civil(1, 1, 1)..days_from_civil(10_000, 1, 1);
        let is_known = years.contains(&local_us.div_euclid(S_PER_DAY * US_PER_S));
        is_known.then_some(Self { local_us, offset_s: Some(0) })
    }

    /// The same moment by the machine's clock. Without an offset it is meant in universal time.
    #[must_use]
    pub fn at(self) -> SystemTime {
        let us = self.local_us - i64::from(self.offset_s.unwrap_or(0)) * US_PER_S;
        let distance = Duration::from_micros(us.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let at = if us < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
        at.unwrap_or(epoch)
    }

    /// The text with another character than `T` between day and time.
    #[must_use]
    pub fn text(self, separator: char) -> String {
        let (day_us, us) = (S_PER_DAY * US_PER_S, self.local_us);
        let (year, month, day) = civil_from_days(us.div_euclid(day_us));
        let (s, fraction) = (us.rem_euclid(day_us) / US_PER_S, us.rem_euclid(US_PER_S));
        let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
        let mut text =
            format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}");
        if fraction != 0 {
            text.push_str(&format!(".{fraction:06}"));
        }
        if let Some(offset) = self.offset_s {
            let (sign, s) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
            text.push_str(&format!("{sign}{:02}:{:02}", s / 3600, s / 60 % 60));
            if s % 60 != 0 {
                text.push_str(&format!(":{:02}", s % 60));
            }
        }
        text
    }
}

impl fmt::Display for IsoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text('T'))
    }
}

impl FromStr for IsoTime {
    type Err = IsoTimeError;

    /// A day; then perhaps a time, whose seconds and fraction may be left out; then perhaps an
    /// offset.
    fn from_str(text: &str) -> Result<Self, IsoTimeError> {
        if text.len() > LEN_MAX {
            return Err(IsoTimeError);
        }
        let mut rest = Rest(text);
        let (year, month) = (rest.digits(4)?, rest.after("-")?.digits(2)?);
        let day = rest.after("-")?.digits(2)?;
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) || year == 0 {
            return Err(IsoTimeError);
        }
        let mut us = days * S_PER_DAY * US_PER_S;
        let mut offset_s = None;
        if !rest.0.is_empty() {
            if !rest.skip("T") {
                rest.after(" ")?;
            }
            us += rest.clock()?;
            offset_s = rest.offset()?;
        }
        if rest.0.is_empty() { Ok(Self { local_us: us, offset_s }) } else { Err(IsoTimeError) }
    }
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn after(&mut self, mark: &str) -> Result<&mut Self, IsoTimeError> {
        self.0 = self.0.strip_prefix(mark).ok_or(IsoTimeError)?;
        Ok(self)
    }

    fn skip(&mut self, mark: &str) -> bool {
        self.after(mark).is_ok()
    }

    fn digits(&mut self, count: usize) -> Result<i64, IsoTimeError> {
        let digits = self.0.get(..count).ok_or(IsoTimeError)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IsoTimeError);
        }
        self.0 = &self.0[count..];
        digits.parse().map_err(|_| IsoTimeError)
    }

    fn below(&mut self, limit: i64) -> Result<i64, IsoTimeError> {
        self.digits(2).and_then(|n| if n < limit { Ok(n) } else { Err(IsoTimeError) })
    }

    /// `HH[:MM[:SS[.ffffff]]]`, in microseconds.
    fn clock(&mut self) -> Result<i64, IsoTimeError> {
        let mut seconds = self.below(24)? * 3600;
        if self.skip(":") {
            seconds += self.below(60)? * 60;
            if self.skip(":") {
                seconds += self.below(60)?;
                return Ok(seconds * US_PER_S + self.fraction()?);
            }
        }
        Ok(seconds * US_PER_S)
    }

    /// Digits beyond microseconds are dropped.
    fn fraction(&mut self) -> Result<i64, IsoTimeError> {
        if !self.skip(".") && !self.skip(",") {
            return Ok(0);
        }
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        if digits.is_empty() {
            return Err(IsoTimeError);
        }
        format!("{digits:0<6}")[..6].parse().map_err(|_| IsoTimeError)
    }

    /// `Z`, or `+HH[:MM[:SS]]`, in seconds.
    fn offset(&mut self) -> Result<Option<i32>, IsoTimeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        if self.skip("Z") {
            return Ok(Some(0));
        }
        let is_negative = self.skip("-");
        if !is_negative {
            self.after("+")?;
        }
        let us = self.clock()?;
        let seconds = i32::try_from(us / US_PER_S).map_err(|_| IsoTimeError)?;
        Ok(Some(if is_negative { -seconds } else { seconds }))
    }
}

/// Days since 1970 of a day of the Gregorian calendar. Months and days out of range run over.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March here, so that the day that leap years add is its last one.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9).rem_euclid(12));
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day that are so many days after 1970.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (if month <= 2 { 1 } else { 0 }), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seconds since 1970.
    fn seconds(text: &str) -> f64 {
        let at = text.parse::<IsoTime>().unwrap().at();
        match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        }
    }

    #[test]
    fn what_python_writes() {
        let check = |text: &str, expected: f64| {
            assert_eq!(seconds(text), expected, "{text}");
            assert_eq!(text.parse::<IsoTime>().unwrap().to_string(), text);
        };
        check("1970-01-01T00:00:00+00:00", 0.0);
        check("2026-11-28T07:55:44+00:00", 1_795_852_544.0);
        check("2026-11-28T07:55:44.500000+00:00", 1_795_852_544.5);
        check("2026-11-28T07:55:44.500000", 1_795_852_544.5);
        check("2026-11-28T09:25:44+01:30", 1_795_852_544.0);
        check("2026-11-28T07:55:34-00:00:10", 1_795_852_544.0);
        check("2000-02-29T00:00:00+00:00", 951_782_400.0);
        check("0001-01-01T00:00:00+00:00", -62_135_596_800.0);
        check("9999-12-31T23:59:59+00:00", 253_402_300_799.0);
    }

    #[test]
    fn what_else_python_reads() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<IsoTime>().unwrap().to_string(), expected, "{text}");
        };
        check("2026-11-28", "2026-11-28T00:00:00");
        check("2026-11-28 07", "2026-11-28T07:00:00");
        check("2026-11-28T07:55Z", "2026-11-28T07:55:00+00:00");
        check("2026-11-28T07:55:44,5+02", "2026-11-28T07:55:44.500000+02:00");
        check("2026-11-28T07:55:44.1234567Z", "2026-11-28T07:55:44.123456+00:00");
    }

    #[test]
    fn what_is_no_moment() {
        let long = format!("2026-11-28T07:55:44.{}", "0".repeat(100));
        for text in [
            "",
            "now",
            "2026",
            "2026-13-01",
            "2026-00-01",
            "2026-02-30",
            "2025-02-29",
            "0000-01-01",
            "2026-11-28T",
            "2026-11-28T24",
            "2026-11-28T07:60",
            "2026-11-28X07:00",
            "2026-11-28T07:55:44.",
            "2026-11-28T07:55:44+",
            "2026-11-28T07:55:44+24:00",
            "2026-11-28T07:55:44Zx",
            "+026-11-28",
            "2026-11-2ä",
            &long,
        ] {
            assert_eq!(text.parse::<IsoTime>(), Err(IsoTimeError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text: String, like in "[0-9]{4}(-[0-9]{2}){2}T[0-9:.+-]{0,20}") {
            let _ = text.parse::<IsoTime>();
            if let Ok(time) = like.parse::<IsoTime>() {
                prop_assert_eq!(time.to_string().parse(), Ok(time));
            }
        }

        #[test]
        fn days_and_dates_agree(days in -719_162_i64..2_932_897) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
            prop_assert!((1..=9999).contains(&year) && (1..=12).contains(&month));
        }

        #[test]
        fn a_clock_is_read_to_the_microsecond(us in 0_u64..253_402_300_799_000_000) {
            let at = SystemTime::UNIX_EPOCH + Duration::from_micros(us);
            let time = IsoTime::utc(at).unwrap();
            prop_assert_eq!(time.at(), at);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
