//! Pages for people: plain, and nothing in them that could run.

use std::fmt::Write as _;

use super::unlinked::quoted;

/// How pages look.
const STYLE: &str = "body{font-family:sans-serif;margin:2em;max-width:70em}\
table{border-collapse:collapse}td,th{text-align:left;padding:.3em 1em .3em 0;\
border-bottom:1px solid #ccc}code{word-break:break-all}form{margin:.5em 0}td form{display:inline}";

/// The beginning of a page, up to what is in it. The title is escaped already.
pub(super) fn begin(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n"
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
