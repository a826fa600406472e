//! A file: what it looks like, and how it is.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use maud::{Markup, PreEscaped, html};
use tallac_core::dirnode::Node;

use super::folder::{content_path, crumbs};
use super::layout::{Page, Part, icon};
use super::words::{kind, rights, size_markup, time_markup};
use super::{Inside, markdown};
use crate::wapi::asked::Asked;
use crate::wapi::content_type::guess;
use crate::wapi::error::WebError;
use crate::wapi::place::Target;
use crate::wapi::readable::Readable;
use crate::wapi::reply::Reply;
use crate::wapi::unlinked::quoted;

/// Bytes of a text that is shown, at most.
const TEXT_LEN_MAX: u64 = 512 << 10;

/// What a file without a name is called.
const UNNAMED: &str = "File";

/// How a file can be looked at.
enum Look {
    Picture,
    Sound,
    Video,
    Pdf,
    /// A page that somebody wrote.
    Page,
    Text(String),
    Markdown(String),
    /// Not at all, and why.
    Not(&'static str),
}

/// Answers with the page.
pub(super) async fn page(
    asked: &Asked<'_>,
    inside: &Inside,
    target: &Target,
) -> Result<Reply, WebError> {
    let node = &target.node;
    let name = target.name().unwrap_or(UNNAMED);
    let look = look(asked, node, name).await?;
    let main = markup(inside, target, name, &look);
    let page = Page { title: name, part: Part::Files, script: Some("file.js") };
    Ok(page.reply(asked, &main))
}

fn markup(inside: &Inside, target: &Target, name: &str, look: &Look) -> Markup {
    let node = &target.node;
    let content = content_path(node, name);
    let kind = kind(node, guess(name).content_type);
    let modified = target.metadata().and_then(tallac_core::dirnode::Metadata::link_modified);
    let parent = target.link.as_ref().map(|link| &link.spot.directory);
    let may_replace = node.is_writeable() || parent.is_some_and(|cap| cap.is_writeable());
    html! {
        (crumbs(inside))
        div #file data-cap=[node.best_cap()] data-name=(name)
            data-directory=[parent.map(ToString::to_string)]
            data-writeable=(node.is_writeable()) data-mutable=(node.is_mutable())
        {
            div.head {
                h1 { (icon(kind.icon)) (name) }
                p.rights data-writeable=(node.is_writeable()) { (rights(node)) }
            }
            p.quiet.line {
                span { (kind.word) } " " span { (size_markup(node.size())) } " "
                @if modified.is_some() { span { "changed " (time_markup(modified)) } }
            }
            div.toolbar {
                @if let Some(content) = &content {
                    a.button.primary href={ (content) "?save=true" } {
                        (icon("download")) "Download"
                    }
                    a.button href=(content) target="_blank" rel="noopener noreferrer" {
                        "Open in a tab"
                    }
                }
                @if may_replace && matches!(look, Look::Text(_) | Look::Markdown(_)) {
                    button.needs-script #edit type="button" { "Edit" }
                }
                button.needs-script #share type="button" { (icon("share")) "Share" }
            }
            div #view { (shown(look, content.as_deref(), name)) }
            (health(node))
        }
    }
}

fn shown(look: &Look, content: Option<&str>, name: &str) -> Markup {
    let content = content.unwrap_or_default();
    html! {
        @match look {
            Look::Picture => img.preview src=(content) alt=(name);,
            Look::Sound => audio.preview src=(content) controls preload="metadata" {},
            Look::Video => video.preview src=(content) controls preload="metadata" playsinline {},
            Look::Pdf => iframe.preview src=(content) title=(name) {},
            Look::Page => p.notice.card {
                "This is a web page that somebody wrote. Opened in a tab, it is shown as it looks, \
                 but its scripts do not run and it cannot ask other sites for anything."
            },
            Look::Text(text) => pre.preview #text tabindex="0" { (text) },
            Look::Markdown(text) => {
                article.preview.prose { (PreEscaped(markdown::to_html(text))) }
                pre #text hidden { (text) }
            },
            Look::Not(why) => p.quiet { (why) },
        }
    }
}

fn health(node: &Node) -> Markup {
    let cap = node.to_verifier().map(|cap| cap.to_string()).or_else(|| node.best_cap());
    let action = format!("/uri/{}?t=check", quoted(&cap.unwrap_or_default()));
    html! {
        section #health .card aria-labelledby="health-title" {
            h2 #health-title { (icon("health")) "Is it safe?" }
            @if node.storage_index().is_none() {
                p { "This file is so small that its capability holds all of it: it cannot be lost \
                     as long as you have that." }
            } @else {
                p { "Ask all servers which pieces of this file they have." }
                form.inline action=(action) method="post" {
                    button #check-now type="submit" { "Check now" }
                }
                div #health-result aria-live="polite" {}
            }
        }
    }
}

/// How it can be looked at. What is text is told by the text, not by the name alone.
async fn look(asked: &Asked<'_>, node: &Node, name: &str) -> Result<Look, WebError> {
    if node.is_unknown() {
        return Ok(Look::Not("This is of a kind that only a later version can open."));
    }
    let guess = guess(name);
    let kind = guess.content_type.split_once('/');
    match kind {
        _ if guess.encoding.is_some() => return Ok(Look::Not("This is packed: download it.")),
        Some(("image", _)) => return Ok(Look::Picture),
        Some(("audio", _)) => return Ok(Look::Sound),
        Some(("video", _)) => return Ok(Look::Video),
        Some((_, "pdf")) => return Ok(Look::Pdf),
        Some(("text", "html") | (_, "xhtml+xml")) => return Ok(Look::Page),
        Some(("text", _) | (_, "json" | "xml" | "javascript" | "toml" | "x-sh" | "yaml")) => {}
        _ => return Ok(Look::Not("Files of this kind cannot be shown here: download it.")),
    }
    if node.size().is_some_and(|size| size > TEXT_LEN_MAX) {
        return Ok(Look::Not("This text is too long to be shown here: download it."));
    }
    let Some(bytes) = read(asked, node).await? else {
        return Ok(Look::Not("This text is too long to be shown here: download it."));
    };
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            let is_markdown = guess.content_type == "text/markdown";
            Ok(if is_markdown { Look::Markdown(text) } else { Look::Text(text) })
        }
        _ => Ok(Look::Not("This is not text, and cannot be shown here: download it.")),
    }
}

/// All of a small file; nothing of one that turns out to be large.
async fn read(asked: &Asked<'_>, node: &Node) -> Result<Option<Vec<u8>>, WebError> {
    let grid = &asked.state.grid;
    let (size, stream) = Readable::of(grid, node)?.beginning(grid, TEXT_LEN_MAX).await?;
    if size > TEXT_LEN_MAX {
        return Ok(None);
    }
    let pieces: Vec<Bytes> = stream.try_collect().await?;
    Ok(Some(pieces.concat()))
}
