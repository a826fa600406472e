//! Markdown as a page. What was HTML in it is shown as text, pictures as their descriptions, and
//! links lead to the web and to mail only: nothing in it can run, or fetch anything.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::wapi::html::escape;

/// Addresses that links may have.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// The text as HTML.
pub(super) fn to_html(text: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut out = String::with_capacity(2 * text.len());
    let mut in_head = false;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::TableHead) => {
                in_head = true;
                out += "<thead><tr>";
            }
            Event::End(TagEnd::TableHead) => {
                in_head = false;
                out += "</tr></thead>";
            }
            Event::Start(Tag::TableCell) => out += if in_head { "<th>" } else { "<td>" },
            Event::End(TagEnd::TableCell) => out += if in_head { "</th>" } else { "</td>" },
            Event::Start(tag) => start(&mut out, &tag),
            Event::End(tag) => out += end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                out += &escape(&text)
            }
            Event::Code(code) => out += &format!("<code>{}</code>", escape(&code)),
            Event::SoftBreak => out.push('\n'),
            Event::HardBreak => out += "<br>",
            Event::Rule => out += "<hr>",
            Event::TaskListMarker(done) => out += if done { "☑ " } else { "☐ " },
            Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }
    out
}

fn start(out: &mut String, tag: &Tag<'_>) {
    match tag {
        // The page has a heading of the first level already.
        Tag::Heading { level, .. } => *out += &format!("<h{}>", (*level as u8 + 1).min(6)),
        Tag::Link { dest_url, .. } => match SCHEMES.iter().any(|s| dest_url.starts_with(s)) {
            true => {
                let to = escape(dest_url);
                *out += &format!("<a href=\"{to}\" rel=\"noopener noreferrer\" target=\"_blank\">");
            }
            false => *out += "<a>",
        },
        Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => *out += "<pre><code>",
        Tag::List(Some(first)) => *out += &format!("<ol start=\"{first}\">"),
        Tag::Table(alignments) => {
            let is_right = alignments.contains(&Alignment::Right);
            *out += if is_right { "<table class=\"numbers\">" } else { "<table>" };
        }
        Tag::Paragraph => *out += "<p>",
        Tag::BlockQuote(_) => *out += "<blockquote>",
        Tag::List(None) => *out += "<ul>",
        Tag::Item => *out += "<li>",
        Tag::TableRow => *out += "<tr>",
        Tag::Emphasis => *out += "<em>",
        Tag::Strong => *out += "<strong>",
        Tag::Strikethrough => *out += "<del>",
        Tag::Image { .. } => *out += "<span class=\"missing\">[picture: ",
        _ => {}
    }
}

const fn end(tag: TagEnd) -> &'static str {
    match tag {
        TagEnd::Heading(level) => match level as u8 {
            1 => "</h2>",
            2 => "</h3>",
            3 => "</h4>",
            4 => "</h5>",
            _ => "</h6>",
        },
        TagEnd::Link => "</a>",
        TagEnd::CodeBlock => "</code></pre>",
        TagEnd::List(true) => "</ol>",
        TagEnd::List(false) => "</ul>",
        TagEnd::Table => "</table>",
        TagEnd::Paragraph => "</p>",
        TagEnd::BlockQuote(_) => "</blockquote>",
        TagEnd::Item => "</li>",
        TagEnd::TableRow => "</tr>",
        TagEnd::Emphasis => "</em>",
        TagEnd::Strong => "</strong>",
        TagEnd::Strikethrough => "</del>",
        TagEnd::Image => "]</span>",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_in_it_runs_or_fetches() {
        let html = to_html(
            "# A <script>alert(1)</script>\n\n[x](javascript:alert(1)) ![p](https://e.example/t)\n\n\
             <img src=x onerror=alert(1)>\n\n[y](https://e.example/\"onclick=\"x)",
        );
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(!html.contains("href=\"javascript") && !html.contains("\"onclick"), "{html}");
        assert!(html.contains("<h2>A &lt;script&gt;"), "{html}");
    }

    #[test]
    fn what_is_usual_is_shown() {
        let html = to_html("- a\n- **b**\n\n|x|y|\n|-|-|\n|1|2|\n\n```rust\nlet a = 1 < 2;\n```");
        for part in ["<ul>", "<strong>b</strong>", "<th>x</th>", "<td>2</td>", "1 &lt; 2"] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    proptest! {
        #[test]
        fn only_our_own_markup_comes_out(text in "[\\PC\\n]{0,200}") {
            let html = to_html(&format!("{text}<svg onload=x>"));
            prop_assert!(!html.contains("<svg") && !html.contains("<script"));
        }
    }
}
