//! Sizes and times in words, as Tahoe-LAFS's commands put them.

/// A size in powers of 1000.
pub(super) fn space(size: u64) -> String {
    scaled(size, 1000.0, "B")
}

/// A size in powers of 1000 and in powers of 1024.
pub(super) fn both(size: u64) -> String {
    format!("({}, {})", space(size), scaled(size, 1024.0, "iB"))
}

fn scaled(size: u64, unit: f64, suffix: &str) -> String {
    if size < 1024 {
        return format!("{size} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "a size that is read by people")]
    let mut value = size as f64 / unit;
    let mut letters = ["k", "M", "G", "T", "P", "E"].into_iter().peekable();
    let mut letter = letters.next().unwrap_or_default();
    while value >= unit {
        let Some(next) = letters.next() else { break };
        (letter, value) = (next, value / unit);
    }
    format!("{value:.2} {letter}{suffix}")
}

/// A length of time.
pub(super) fn duration(seconds: f64) -> String {
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 24.0 * HOUR;
    const MONTH: f64 = 30.0 * DAY;
    const YEAR: f64 = 365.0 * DAY;
    let (count, unit) = match seconds {
        s if s < 120.0 => (s, "second"),
        s if s < 3.0 * HOUR => (s / 60.0, "minute"),
        s if s < 2.0 * DAY => (s / HOUR, "hour"),
        s if s < 2.0 * MONTH => (s / DAY, "day"),
        s if s < 4.0 * YEAR => (s / MONTH, "month"),
        s => (s / YEAR, "year"),
    };
    let count = count.floor();
    format!("{count:.0} {unit}{}", if (count - 1.0).abs() < 0.5 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let sizes = [
            (1023, "(1023 B, 1023 B)"),
            (1024, "(1.02 kB, 1.00 kiB)"),
            (999_999, "(1000.00 kB, 976.56 kiB)"),
            (1_000_000, "(1.00 MB, 976.56 kiB)"),
            (31_622_776_601, "(31.62 GB, 29.45 GiB)"),
            (u64::MAX, "(18.45 EB, 16.00 EiB)"),
        ];
        for (size, expected) in sizes {
            assert_eq!(both(size), expected);
        }
        let times = [
            (1.5, "1 second"),
            (119.9, "119 seconds"),
            (120.0, "2 minutes"),
            (3.0 * 3600.0, "3 hours"),
            (50.0 * 3600.0, "2 days"),
            (1e8, "38 months"),
            (2e8, "6 years"),
        ];
        for (time, expected) in times {
            assert_eq!(duration(time), expected);
        }
    }
}
