//! Progress bars on standard error, where somebody looks at it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn.
const REDRAWS_PER_SECOND: u8 = 10;

/// A bar for `size` bytes (or a count of bytes, where the size is not known), that says what it
/// is for. Nothing is drawn when standard error is no terminal.
pub(crate) fn bytes_bar(what: &str, size: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(size, target);
    let template = match size {
        Some(_) => "{msg} [{bar:32}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{msg} {spinner} {bytes}, {bytes_per_sec}",
    };
    // The templates are constants: a mistake in one only costs its layout.
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A rate in words, such as `131 MB/s`.
pub(crate) fn rate(bytes: u64, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate that is read by people")]
    let megabytes = bytes as f64 / 1e6;
    let per_second = megabytes / took.as_secs_f64().max(1e-6);
    if per_second >= 10.0 {
        format!("{per_second:.0} MB/s")
    } else {
        format!("{per_second:.1} MB/s")
    }
}

/// A size in words, such as `20.0 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
