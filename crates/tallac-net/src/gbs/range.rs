//! `Range` and `Content-Range` headers: the one form of each that GBS has (section 7.2). Ranges are
//! half-open here and closed in the headers.

use std::ops::Range;

/// The header of a read: `bytes=A-B`. `None` when it is anything else: no multiple ranges, no
/// open ends.
pub(crate) fn parse_range(header: &str) -> Option<Range<u64>> {
    closed(header.trim().strip_prefix("bytes=")?)
}

/// The header of a read of a range that is not empty.
pub(crate) fn print_range(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end - 1)
}

/// The header of a piece of a share: `bytes A-B/TOTAL` or `bytes A-B/*`.
pub(crate) fn parse_content_range(header: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let range = closed(range.trim())?;
    match total.trim() {
        "*" => Some((range, None)),
        total => {
            let total = number(total)?;
            (range.start < total).then_some((range, Some(total)))
        }
    }
}

/// The header of a piece of a share that is not empty.
pub(crate) fn print_content_range(range: &Range<u64>, total: Option<u64>) -> String {
    let (first, last) = (range.start, range.end - 1);
    match total {
        Some(total) => format!("bytes {first}-{last}/{total}"),
        None => format!("bytes {first}-{last}/*"),
    }
}

fn closed(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    let range = number(first)?..number(last)?.checked_add(1)?;
    (!range.is_empty()).then_some(range)
}

fn number(text: &str) -> Option<u64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_of_the_one_form() {
        assert_eq!(parse_range("bytes=0-0"), Some(0..1));
        assert_eq!(parse_range("bytes=7-65543"), Some(7..65_544));
        for bad in [
            "",
            "bytes",
            "bytes=",
            "bytes=-5",
            "bytes=5-",
            "bytes=5-4",
            "bytes=0-1,4-5",
            "0-1",
            "items=0-1",
            "bytes=+0-1",
            "bytes=0-18446744073709551615",
            "bytes 0-1",
            "bytes=a-b",
        ] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn content_ranges_of_the_two_forms() {
        assert_eq!(parse_content_range("bytes 0-9/10"), Some((0..10, Some(10))));
        assert_eq!(parse_content_range("bytes 5-9/*"), Some((5..10, None)));
        // The total is not compared with the end, as with Tahoe-LAFS.
        assert_eq!(parse_content_range("bytes 0-9/5"), Some((0..10, Some(5))));
        for bad in [
            "",
            "bytes 0-9",
            "bytes */10",
            "bytes 9-0/10",
            "bytes 0-9/",
            "bytes 0-9/x",
            "bytes=0-9/10",
            "bytes 10-11/10",
            "items 0-9/10",
            "bytes -9/10",
        ] {
            assert_eq!(parse_content_range(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(start in 0..u64::MAX - 1, len in 1..1u64 << 40) {
            let range = start..start.saturating_add(len);
            prop_assert_eq!(parse_range(&print_range(&range)), Some(range.clone()));
            let header = print_content_range(&range, Some(range.end));
            prop_assert_eq!(parse_content_range(&header), Some((range.clone(), Some(range.end))));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = parse_range(&format!("bytes={text}"));
            let _ = parse_content_range(&format!("bytes {text}"));
        }
    }
}
