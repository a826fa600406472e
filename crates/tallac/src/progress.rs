//! Progress bars on standard error, where somebody looks at it.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn.
const REDRAWS_PER_SECOND: u8 = 10;

/// A bar for `size` bytes (or a count of bytes, where the size is not known), that says what it
/// is for. Nothing is drawn when standard error is no terminal.
pub(crate) fn bytes_bar(what: &str, size: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(size, target);
    bar.set_style(style(size));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn style(size: Option<u64>) -> ProgressStyle {
    let template = match size {
        Some(_) => "{msg} [{bar:32}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{msg} {spinner} {bytes}, {bytes_per_sec}",
    };
    // The templates are constants: a mistake in one only costs its layout.
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
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

/// Progress of many transfers at once: files, bytes, rate and time left, on one line.
#[derive(Debug)]
pub(crate) struct Transfers {
    bar: ProgressBar,
    what: &'static str,
    files: AtomicU64,
    done: AtomicU64,
}

impl Transfers {
    /// Nothing is known of them yet.
    pub(crate) fn new(what: &'static str) -> Self {
        let (files, done) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { bar: bytes_bar(what, None), what, files, done }
    }

    /// So many files, and bytes if that is known.
    pub(crate) fn begin(&self, files: u64, bytes: Option<u64>) {
        self.files.store(files, Ordering::Relaxed);
        if let Some(bytes) = bytes {
            self.bar.set_length(bytes);
            self.bar.set_style(style(Some(bytes)));
        }
        self.show();
    }

    /// What counts the bytes.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// A file is done, or given up.
    pub(crate) fn file_done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.show();
    }

    /// Bytes that need not be transferred.
    pub(crate) fn skip(&self, bytes: u64) {
        let left = self.bar.length().unwrap_or(0).saturating_sub(bytes);
        self.bar.set_length(left);
    }

    /// A line on standard error, beside the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| {
            // Nobody else is there to be told.
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        let (done, files) = (self.done.load(Ordering::Relaxed), self.files.load(Ordering::Relaxed));
        self.bar.set_message(format!("{} {done} of {files} files", self.what));
    }
}
