//! What all pages of the interface have around what is in them.

use http::HeaderValue;
use http::header::CACHE_CONTROL;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use crate::wapi::asked::Asked;
use crate::wapi::reply::{HTML, Reply};

/// A page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// What it is called, without any cap.
    pub(super) title: &'a str,
    /// Which part of the interface it is.
    pub(super) part: Part,
    /// The script of it, if it has one.
    pub(super) script: Option<&'static str>,
}

/// The parts of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Folders and files.
    Files,
    /// The grid.
    Grid,
    /// This node's own storage.
    Storage,
    /// The words.
    Words,
}

const PARTS: [(Part, &str, &str); 4] = [
    (Part::Files, "/ui/", "Files"),
    (Part::Grid, "/ui/grid", "Grid"),
    (Part::Storage, "/ui/storage", "Storage"),
    (Part::Words, "/ui/words", "Words"),
];

/// Pictures by name, each of one path, drawn with lines.
const ICONS: &[(&str, &str)] = &[
    ("folder", "M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z"),
    ("file", "M7 3h7l5 5v11a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM14 3v5h5"),
    ("picture", "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9.5v.01"),
    (
        "sound",
        "M9 18V6l10-2v12M9 18a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM19 16a3 3 0 1 1-6 0 3 3 0 0 1 6 0z",
    ),
    ("video", "M4 6h11v12H4zM15 10l5-3v10l-5-3"),
    ("text", "M7 3h7l5 5v11a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM9 12h6M9 16h6"),
    (
        "unknown",
        "M9.5 9a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 16.5v.01\
         M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    ),
    ("more", "M6 12v.01M12 12v.01M18 12v.01"),
    ("upload", "M12 16V5M7 10l5-5 5 5M5 19h14"),
    ("download", "M12 5v11M7 11l5 5 5-5M5 20h14"),
    ("plus", "M12 5v14M5 12h14"),
    (
        "share",
        "M8 12l8-5M8 12l8 5M6 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4z\
         M18 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
    ),
    ("health", "M3 12h4l2-6 4 12 3-9 1.5 3H21"),
    ("close", "M6 6l12 12M18 6L6 18"),
    ("trash", "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13"),
    ("check", "M5 12l5 5 9-10"),
    ("warning", "M12 4l9 16H3zM12 10v4M12 17v.01"),
];

/// A picture beside words: who cannot see it misses nothing.
pub(super) fn icon(name: &str) -> Markup {
    html! {
        svg.icon aria-hidden="true" viewBox="0 0 24 24" { use href={ "#i-" (name) } {} }
    }
}

fn icons() -> Markup {
    html! {
        svg hidden xmlns="http://www.w3.org/2000/svg" {
            @for (name, path) in ICONS {
                symbol id={ "i-" (name) } viewBox="0 0 24 24" { path d=(path) {} }
            }
        }
    }
}

impl Page<'_> {
    /// With this in it.
    pub(super) fn reply(&self, asked: &Asked<'_>, main: &Markup) -> Reply {
        let nickname = &asked.state.config.nickname;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " – Tallac" }
                    link rel="stylesheet" href=(assets::path("app.css"));
                    link rel="icon" type="image/svg+xml" href=(assets::path("icon.svg"));
                    @if let Some(script) = self.script {
                        script type="module" src=(assets::path(script)) {}
                    }
                }
                body {
                    (icons())
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        a.brand href="/ui/" {
                            img src=(assets::path("icon.svg")) alt="" width="28" height="28";
                            span { (nickname) }
                        }
                        nav aria-label="Main" {
                            @for (part, path, name) in PARTS {
                                a href=(path) aria-current=[(part == self.part).then_some("page")] {
                                    (name)
                                }
                            }
                        }
                    }
                    main #main tabindex="-1" { (main) }
                    div #announce .visually-hidden role="status" aria-live="polite" {}
                    div #toasts {}
                }
            }
        };
        // It holds what may change, and names of files that the disk need not keep.
        let no_store = HeaderValue::from_static("no-store");
        Reply::text(HTML, page.into_string()).header(CACHE_CONTROL, no_store)
    }
}
