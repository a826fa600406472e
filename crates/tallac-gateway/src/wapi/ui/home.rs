//! The first page: what this node is, whether it can keep files, and the way to a folder.

use http::StatusCode;
use maud::{Markup, html};
use tallac_core::cap::Cap;

use super::grid::Headroom;
use super::layout::{Page, Part, icon};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::make::{self, Fresh};
use crate::wapi::reply::Reply;
use crate::wapi::unlinked::quoted;

/// The page.
pub(super) fn page(asked: &Asked<'_>) -> Reply {
    let main = html! {
        section.hero {
            h1 { "Your files, kept by many" }
            p.lead {
                "This is the node " strong { (asked.state.config.nickname) } ". It encrypts your \
                 files and spreads pieces of them over storage servers. Only who holds a file's or \
                 folder's " a href="/ui/words#capability" { "capability" } " can open it: not the \
                 servers, and nobody without it."
            }
            (state(asked))
        }
        section #recent-folders hidden {
            h2 { "Your folders in this browser" }
            ul.cards #recent {}
        }
        div.columns {
            section.card {
                h2 { (icon("plus")) "Make a folder" }
                p {
                    "A new, empty folder. You get a link to it that is its key: keep it, for there \
                     is no other way back in."
                }
                form action="/ui/new" method="post" enctype="multipart/form-data" {
                    button.primary type="submit" { "Make my first folder" }
                }
            }
            section.card {
                h2 { (icon("folder")) "Open a folder or file" }
                form action="/ui/go" method="post" enctype="multipart/form-data" {
                    label for="cap" { "Capability or link" }
                    input #cap type="text" name="cap" required autocomplete="off" spellcheck="false"
                        placeholder="URI:DIR2:…";
                    button type="submit" { "Open" }
                }
            }
        }
    };
    let script = Some("home.js");
    Page { title: "Files", part: Part::Files, script }.reply(asked, &main)
}

fn state(asked: &Asked<'_>) -> Markup {
    let headroom = Headroom::of(asked);
    html! {
        p.state data-good=(headroom.is_enough()) {
            (icon(if headroom.is_enough() { "check" } else { "warning" }))
            span { (headroom.in_short()) " " a href="/ui/grid" { "See the grid" } }
        }
    }
}

/// Makes a folder and goes there.
pub(super) async fn make(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let cap = make::directory(asked, Fresh::default()).await?.to_string();
    Reply::see_other(&format!("/ui/open/{}/?new=1", quoted(&cap)))
}

/// Goes to a cap that somebody typed, or to that of a link of ours.
pub(super) fn go(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let text = asked.args.filled("cap").unwrap_or_default().trim();
    let cap = in_link(text);
    match Cap::parse(&cap).into_known() {
        Ok(_) => Reply::see_other(&format!("/ui/open/{}/", quoted(&cap))),
        Err(_) => Ok(wrong(asked)),
    }
}

/// The cap of a link to a page of this interface or of the web API; else the text itself.
fn in_link(text: &str) -> String {
    let path = ["/ui/open/", "/uri/", "/cap/"].into_iter().find_map(|at| text.split_once(at));
    let cap = path.map_or(text, |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    percent_encoding::percent_decode_str(cap).decode_utf8_lossy().into_owned()
}

fn wrong(asked: &Asked<'_>) -> Reply {
    let main = html! {
        h1 { "This is no capability" }
        p {
            "A capability begins with " code { "URI:" } " and is one long word. Check that it was \
             copied whole, then " a href="/ui/" { "try again" } "."
        }
    };
    let page = Page { title: "Not a capability", part: Part::Files, script: None };
    page.reply(asked, &main).status(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_caps_are_understood() {
        for text in [
            "URI:DIR2:a:b",
            "http://127.0.0.1:3456/uri/URI%3ADIR2%3Aa%3Ab/x/y",
            "http://h/ui/open/URI%3ADIR2%3Aa%3Ab/?new=1",
            "/cap/URI:DIR2:a:b",
        ] {
            assert_eq!(in_link(text), "URI:DIR2:a:b", "{text}");
        }
    }
}
