//! Pages for people: plain, and nothing in them that could run.

use std::fmt::Write as _;

use tallac_core::cap::Cap;
use tallac_core::dirnode::Node;

use super::unlinked::quoted;

/// The beginning of a page, up to what is in it. The title is escaped already.
pub(super) fn begin(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/tahoe.css\"></head><body>\n"
    )
}

/// The end of a page.
pub(super) const END: &str = "</body></html>\n";

/// What is shown after an upload.
pub(super) fn uploaded(cap: &str) -> String {
    let mut page = begin("File Uploaded - Tallac");
    let _ = writeln!(
        page,
        "<h1>File Uploaded</h1>\n<p>URI: <code>{}</code></p>\n\
         <p>Download link: <a href=\"/uri/{}\">/uri/{}</a></p>",
        escape(cap),
        quoted(cap),
        escape(cap)
    );
    page + END
}

/// What is known of a file, a directory or something else, for people.
pub(super) fn info(node: &Node, size: Option<u64>) -> String {
    let kind = node.cap().and_then(Cap::kind).map_or_else(
        || "something of a kind that is not known here".to_owned(),
        |kind| kind.to_string(),
    );
    let mut page = begin("More Info - Tallac");
    let _ = writeln!(page, "<h1>More Info</h1>\n<p>This is named by a {}.</p>", escape(&kind));
    page += "<table>\n";
    let storage_index = node.storage_index().map(|storage_index| storage_index.to_string());
    let rows = [
        ("Size", size.map(|size| format!("{size} bytes"))),
        ("Storage index", storage_index),
        ("Write cap", node.write_cap()),
        ("Read cap", node.read_cap()),
        ("Verify cap", node.to_verifier().map(|cap| cap.to_string())),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            let value = escape(&value);
            let _ = writeln!(page, "<tr><th>{name}</th><td><code>{value}</code></td></tr>");
        }
    }
    page + "</table>\n<p><a href=\"?t=json\">JSON</a></p>\n" + END
}

/// Names come from others: none of them becomes markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<b>'&\"</b>é"), "&lt;b&gt;&#39;&amp;&quot;&lt;/b&gt;é");
    }
}
