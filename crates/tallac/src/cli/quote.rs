//! How names and texts are shown to people: as Tahoe-LAFS's commands show them, so that what a
//! script picks out of their output stays the same.

use std::fmt::Write as _;
use std::path::Path;

/// A text in quotation marks: single ones if all of it can stand as it is, else double ones with
/// escapes.
#[must_use]
pub fn quoted(text: &str) -> String {
    if text.chars().all(|c| c != '\'' && is_shown(c)) {
        return format!("'{text}'");
    }
    escaped(text, Newlines::Escaped)
}

/// A text as it is if all of it can be shown, else in quotation marks. Newlines stay.
#[must_use]
pub fn plain(text: &str) -> String {
    unquoted(text, Newlines::Kept)
}

/// The same on one line.
#[must_use]
pub fn plain_line(text: &str) -> String {
    unquoted(text, Newlines::Escaped)
}

/// What becomes of newlines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Newlines {
    Kept,
    Escaped,
}

fn unquoted(text: &str, newlines: Newlines) -> String {
    let is_kept = |c| c == '\n' && newlines == Newlines::Kept;
    if !text.chars().all(|c| c != '\'' && (is_shown(c) || is_kept(c))) {
        escaped(text, newlines)
    } else if text.starts_with('"') {
        format!("'{text}'")
    } else {
        text.to_owned()
    }
}

fn escaped(text: &str, newlines: Newlines) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '$' | '`' | '\\' => out.extend(['\\', c]),
            c if is_shown(c) || (c == '\n' && newlines == Newlines::Kept) => out.push(c),
            c => push_escape(&mut out, c.into()),
        }
    }
    out.push('"');
    out
}

/// A path in quotation marks.
#[must_use]
pub fn quoted_path(path: &Path) -> String {
    quoted_bytes(path.as_os_str().as_encoded_bytes())
}

/// Bytes in quotation marks, as a text if they are one.
#[must_use]
pub fn quoted_bytes(bytes: &[u8]) -> String {
    if let Ok(text) = str::from_utf8(bytes) {
        return quoted(text);
    }
    let mut out = String::from("b\"");
    for &byte in bytes {
        match byte {
            b'"' | b'$' | b'`' | b'\\' => out.extend(['\\', byte.into()]),
            b' '..=b'~' => out.push(byte.into()),
            _ => push_escape(&mut out, byte.into()),
        }
    }
    out.push('"');
    out
}

/// Whether a character is shown as it is.
const fn is_shown(c: char) -> bool {
    matches!(
        c,
        ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffc}'
    )
}

fn push_escape(out: &mut String, code: u32) {
    let written = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    written.expect("a String takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_bytes() {
        let cases = [
            ("", "''"),
            ("Zoë", "'Zoë'"),
            ("a b\"$`\\", "'a b\"$`\\'"),
            ("it's $5 \"`\\", "\"it's \\$5 \\\"\\`\\\\\""),
            ("two\nlines", "\"two\\x0alines\""),
            ("\u{fdd0}", "\"\\ufdd0\""),
            ("\u{1f600}", "\"\\U0001f600\""),
        ];
        for (text, expected) in cases {
            assert_eq!(quoted(text), expected, "{text}");
        }
        assert_eq!(quoted_bytes(b"\xff'\n\""), "b\"\\xff'\\x0a\\\"\"");
        assert_eq!(quoted_path(Path::new("/tmp/x")), "'/tmp/x'");
    }

    #[test]
    fn texts_without_quotation_marks() {
        let cases = [
            ("", ""),
            ("a $b", "a $b"),
            ("it's $5", "\"it's \\$5\""),
            ("\"a\"", "'\"a\"'"),
            ("two\nlines", "two\nlines"),
            ("two\nlines\x1b", "\"two\nlines\\x1b\""),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text}");
        }
        assert_eq!(plain_line("two\nlines"), "\"two\\x0alines\"");
    }
}
