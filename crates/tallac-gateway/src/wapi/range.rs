//! The `Range` header, as Tahoe-LAFS reads it (section 8.3): the first of several ranges counts,
//! and one that makes no sense is as good as none.

use std::ops::Range;

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of it.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes that begin after its end.
    BeyondEnd,
}

impl Selection {
    /// Of a file of `size` bytes.
    pub(super) fn parse(header: &str, size: u64) -> Self {
        Self::first_range(header, size).unwrap_or(Self::Whole)
    }

    fn first_range(header: &str, size: u64) -> Option<Self> {
        let ranges = header.trim().strip_prefix("bytes=")?;
        let (first, last) = ranges.split(',').next()?.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        let start =
            if first.is_empty() { size.saturating_sub(number(last)?) } else { number(first)? };
        if first.is_empty() || last.is_empty() {
            // An open end is the file's end, even where that is before the start.
            return (start < size).then_some(Self::Part(start..size));
        }
        let last = number(last)?;
        if last < start {
            return None;
        }
        if start >= size {
            return Some(Self::BeyondEnd);
        }
        Some(Self::Part(start..last.saturating_add(1).min(size)))
    }
}

/// A decimal number; one that is too large is larger than every file.
fn number(text: &str) -> Option<u64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Selection::{BeyondEnd, Part, Whole};
    use super::*;

    fn check(header: &str, size: u64, expected: Selection) {
        assert_eq!(Selection::parse(header, size), expected, "{header} of {size}");
    }

    #[test]
    fn as_tahoe_answers_them() {
        check("bytes=0-3", 1000, Part(0..4));
        check("bytes=997-", 1000, Part(997..1000));
        check("bytes=-3", 1000, Part(997..1000));
        check("bytes=-2000", 1000, Part(0..1000));
        check("bytes=990-5000", 1000, Part(990..1000));
        check("bytes=0-999", 1000, Part(0..1000));
        check("bytes=0-1,4-5", 1000, Part(0..2));
        check("bytes= 0 - 3 ", 1000, Part(0..4));
        check("bytes=5-2", 1000, Whole);
        check("bytes=2000-", 1000, Whole);
        check("bytes=1000-", 1000, Whole);
        check("bytes=-0", 1000, Whole);
        check("bytes=1000-1000", 1000, BeyondEnd);
        check("bytes=2000-3000", 1000, BeyondEnd);
        check("bytes=9-12", 5, BeyondEnd);
        check("bytes=9-", 5, Whole);
    }

    #[test]
    fn nonsense_is_no_range() {
        let nonsense = [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
            "BYTES=0-3",
            "bytes=1",
            "bytes=--1",
            "bytes=0x1-2",
            "bytes=,0-1",
            "bytes=1-2-3",
            "bytes=٣-٤",
        ];
        for header in nonsense {
            check(header, 1000, Whole);
        }
    }

    #[test]
    fn edges_of_sizes_and_numbers() {
        check("bytes=0-0", 0, BeyondEnd);
        check("bytes=-1", 0, Whole);
        check("bytes=0-", 0, Whole);
        check("bytes=0-99999999999999999999999", 10, Part(0..10));
        check("bytes=99999999999999999999998-99999999999999999999999", 10, BeyondEnd);
        check("bytes=-99999999999999999999999", 10, Part(0..10));
        check("bytes=0-18446744073709551615", u64::MAX, Part(0..u64::MAX));
    }

    proptest! {
        #[test]
        fn a_part_is_inside_the_file(header in "(bytes=)?[0-9 ,-]{0,30}", size in any::<u64>()) {
            if let Part(range) = Selection::parse(&header, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }

        #[test]
        fn no_header_is_too_odd(header in any::<String>(), size in any::<u64>()) {
            let _ = Selection::parse(&header, size);
        }

        #[test]
        fn closed_ranges_are_exact(start in 0u64..500, len in 1u64..500, size in 1000u64..2000) {
            let header = format!("bytes={start}-{}", start + len - 1);
            prop_assert_eq!(Selection::parse(&header, size), Part(start..start + len));
        }
    }
}
