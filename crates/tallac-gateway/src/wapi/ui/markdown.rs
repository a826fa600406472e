//! Markdown as a page. What was HTML in it is shown as text, pictures as their descriptions, and
//! links lead to the web and to mail only: nothing in it can run, or fetch anything.

use pulldown_cmark::{Alignment, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::wapi::html::escape;

/// Addresses that links may have.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// The text as HTML.
pub(super) fn to_html(text: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut out = String::with_capacity(2 * text.len());
    html::push_html(&mut out, Parser::new_ext(text, options).map(harmless));
    out
}

/// What may be shown of a part of the text.
fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Image { .. }) => {
            Event::InlineHtml("<span class=\"missing\">[picture: ".into())
        }
        Event::End(TagEnd::Image) => Event::InlineHtml("]</span>".into()),
        Event::Start(Tag::Link { dest_url, .. }) => Event::InlineHtml(link(&dest_url).into()),
        Event::End(TagEnd::Link) => Event::InlineHtml("</a>".into()),
        Event::Start(Tag::Heading { level, .. }) => {
            let (level, id, classes, attrs) = (below(level), None, Vec::new(), Vec::new());
            Event::Start(Tag::Heading { level, id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        // They would become inline style, which pages may not have.
        Event::Start(Tag::Table(columns)) => {
            Event::Start(Tag::Table(vec![Alignment::None; columns.len()]))
        }
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        event => event,
    }
}

fn link(to: &str) -> String {
    match SCHEMES.iter().any(|scheme| to.starts_with(scheme)) {
        true => {
            let to = escape(to);
            format!("<a href=\"{to}\" rel=\"noopener noreferrer\" target=\"_blank\">")
        }
        false => "<a>".to_owned(),
    }
}

/// The page has a heading of the first level already.
const fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
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
