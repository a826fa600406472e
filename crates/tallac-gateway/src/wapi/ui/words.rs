//! How numbers, times and rights are put into words.

use jiff::Timestamp;
use maud::{Markup, html};
use tallac_core::dirnode::Node;

/// A number of bytes as people read it. Scripts put it in the reader's own way.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    }
    #[expect(clippy::cast_precision_loss, reason = "two or three digits are shown")]
    let (mut value, mut unit) = (bytes as f64 / 1e3, 0);
    while value >= 999.5 {
        value /= 1e3;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// The same, for scripts to put in the reader's own way.
pub(super) fn size_markup(bytes: Option<u64>) -> Markup {
    match bytes {
        Some(bytes) => html! { data value=(bytes) data-size { (size(bytes)) } },
        None => html! { "–" },
    }
}

/// A time of the clock, for scripts to put in the reader's own way.
pub(super) fn time_markup(seconds: Option<f64>) -> Markup {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of the clock")]
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    match time {
        Some(time) => html! {
            time datetime=(time) { (time.strftime("%Y-%m-%d %H:%M").to_string()) }
        },
        None => html! { "–" },
    }
}

/// Kinds of things, as pictures and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The picture.
    pub(super) icon: &'static str,
    /// The word.
    pub(super) word: &'static str,
}

/// What kind of thing this is.
pub(super) fn kind(node: &Node, content_type: &str) -> Kind {
    let (icon, word) = match node {
        Node::Unknown(_) => ("unknown", "Unknown"),
        node if node.is_directory() => ("folder", "Folder"),
        _ => match content_type.split_once('/') {
            Some(("image", _)) => ("picture", "Picture"),
            Some(("audio", _)) => ("sound", "Sound"),
            Some(("video", _)) => ("video", "Video"),
            Some(("text", _)) => ("text", "Text"),
            Some((_, "pdf")) => ("text", "PDF"),
            Some((_, "json" | "javascript" | "xml")) => ("text", "Text"),
            _ => ("file", "File"),
        },
    };
    Kind { icon, word }
}

/// What whoever holds this capability can do.
pub(super) fn rights(node: &Node) -> &'static str {
    match (node.is_directory(), node.is_writeable(), node.is_mutable()) {
        (true, true, _) => "You can change this folder",
        (true, false, true) => "You can look, others may change it",
        (true, false, false) => "This folder never changes",
        (false, true, _) => "You can change this file",
        (false, false, true) => "You can look, others may change it",
        (false, false, false) => "This file never changes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_560, "1.6 kB"),
            (14_000, "14 kB"),
            (999_400, "999 kB"),
            (9_960, "10 kB"),
            (999_600, "1.0 MB"),
            (2_147_483_648, "2.1 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
