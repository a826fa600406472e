//! A folder: what is in it, and forms to put something in.

use std::sync::Arc;

use maud::{Markup, html};
use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::{Child, Directory, Node};

use super::Inside;
use super::layout::{Page, Part, icon};
use super::words::{kind, rights, size_markup, time_markup};
use crate::wapi::asked::Asked;
use crate::wapi::blacklist::Prohibited;
use crate::wapi::content_type::guess;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;
use crate::wapi::unlinked::quoted;
use crate::wapi::work;

/// Entries of one page. Scripts show all of them at once.
const ENTRIES_MAX: usize = 500;

/// What the page of a folder is made from.
struct Shown<'a> {
    inside: &'a Inside,
    cap: &'a DirectoryCap,
    table: &'a Directory,
    prohibited: &'a Prohibited,
    /// The first entry that is shown.
    from: usize,
    /// Whether it was just made.
    is_new: bool,
}

/// Answers with the page.
pub(super) async fn page(
    asked: &Asked<'_>,
    inside: &Inside,
    cap: &DirectoryCap,
) -> Result<Reply, WebError> {
    let table = Arc::new(asked.state.grid.directories().read(cap).await?);
    let prohibited = asked.state.blacklist.now()?;
    let from = asked.args.filled("from").and_then(|from| from.trim().parse().ok()).unwrap_or(0);
    let is_new = asked.args.is_on("new")?;
    let (size, inside, cap) = (table.size(), inside.clone(), cap.clone());
    let title = inside.children.last().map_or("Folder", String::as_str).to_owned();
    let print = move || {
        let (inside, cap, table, prohibited) = (&inside, &cap, &table, &prohibited);
        Ok(Shown { inside, cap, table, prohibited, from, is_new }.markup())
    };
    let main = work::with_bytes(size, print).await?;
    let page = Page { title: &title, part: Part::Files, script: Some("folder.js") };
    Ok(page.reply(asked, &main))
}

/// Where something is: the names on the way, each a link.
pub(super) fn crumbs(inside: &Inside) -> Markup {
    let count = inside.children.len();
    html! {
        nav.crumbs aria-label="Path" {
            ol {
                li { a href="/ui/" { "Files" } }
                @for at in 0..=count {
                    @let name = if at == 0 { "Folder" } else { &inside.children[at - 1] };
                    li {
                        @if at == count { span aria-current="page" { (name) } }
                        @else { a href=(inside.page_of(at)) { (name) } }
                    }
                }
            }
        }
    }
}

impl Shown<'_> {
    fn node(&self) -> Node {
        Node::from(self.cap.clone())
    }

    fn markup(&self) -> Markup {
        let (inside, cap) = (self.inside, self.cap);
        let here = inside.page_of(inside.children.len());
        let name = inside.children.last().map_or("Folder", String::as_str);
        html! {
            (crumbs(inside))
            div #folder data-cap=(cap) data-here=(here) data-name=(name)
                data-writeable=(cap.is_writeable())
            {
                div.head {
                    h1 { (name) }
                    p.rights data-writeable=(cap.is_writeable()) { (rights(&self.node())) }
                }
                @if self.is_new { (keep(cap, name)) }
                (self.toolbar(&here))
                (self.list(&here))
                @if cap.is_writeable() { p.hint.needs-script {
                    "Drag files or whole folders here from your desktop to put them in."
                } }
                section #transfers hidden aria-label="Uploads" {}
            }
        }
    }

    fn toolbar(&self, here: &str) -> Markup {
        let action = format!("/uri/{}", quoted(&self.cap.to_string()));
        let zip = here.replacen("/ui/open/", "/ui/zip/", 1);
        html! {
            div.toolbar {
                @if self.cap.is_writeable() {
                    form.plain-upload action=(action) method="post" enctype="multipart/form-data" {
                        input type="hidden" name="t" value="upload";
                        input type="hidden" name="when_done" value=(here);
                        label.file { span.visually-hidden { "File to upload" }
                            input type="file" name="file" required; }
                        button.primary type="submit" { (icon("upload")) "Upload" }
                    }
                    button.primary.needs-script #upload-files type="button" {
                        (icon("upload")) "Upload files"
                    }
                    button.needs-script #upload-folder type="button" { "Upload a folder" }
                    details.plain-make {
                        summary.button { (icon("plus")) "New folder" }
                        form action=(action) method="post" enctype="multipart/form-data" {
                            input type="hidden" name="t" value="mkdir";
                            input type="hidden" name="when_done" value=(here);
                            label for="new-name" { "Name" }
                            input #new-name type="text" name="name" required autocomplete="off";
                            button type="submit" { "Make it" }
                        }
                    }
                    button.needs-script #new-folder type="button" { (icon("plus")) "New folder" }
                }
                button.needs-script #share type="button" { (icon("share")) "Share" }
                a.button href=(zip) download { (icon("download")) "Download all" }
                button.needs-script #check type="button" { (icon("health")) "Check" }
            }
            div #selection .toolbar.selection hidden aria-label="Selected" role="group" {}
        }
    }

    fn list(&self, here: &str) -> Markup {
        let mut entries: Vec<(&str, Child)> =
            self.table.iter().map(|(name, child)| (name.as_str(), child)).collect();
        entries.sort_by_key(|(_, child)| !child.node.is_directory());
        let (all, from) = (entries.len(), self.from);
        let shown = entries.iter().skip(from).take(ENTRIES_MAX);
        let to = all.min(from.saturating_add(ENTRIES_MAX));
        html! {
            div.bar {
                p #count .quiet {
                    @match all {
                        0 => "Nothing is here yet.",
                        1 => "1 entry",
                        count => { (count) " entries" }
                    }
                }
                label.filter.needs-script {
                    span.visually-hidden { "Show only names with" }
                    input #filter type="search" placeholder="Filter by name" autocomplete="off";
                }
            }
            table #list .list.files hidden[all == 0] {
                thead {
                    tr {
                        th.pick.needs-script scope="col" {
                            input #pick-all type="checkbox" aria-label="Select all";
                        }
                        th scope="col" data-sort="name" { "Name" }
                        th.number scope="col" data-sort="size" { "Size" }
                        th.when scope="col" data-sort="modified" { "Changed" }
                        th.kind scope="col" data-sort="kind" { "Kind" }
                        th.do scope="col" { span.visually-hidden { "Actions" } }
                    }
                }
                tbody {
                    @for (name, child) in shown { (self.row(here, name, child)) }
                }
            }
            @if from > 0 || to < all {
                nav.pages aria-label="Entries" {
                    @if from > 0 {
                        a.button href={ (here) "?from=" (from.saturating_sub(ENTRIES_MAX)) } {
                            "Before"
                        }
                    }
                    @if to < all { a.button href={ (here) "?from=" (to) } { "After" } }
                    span.quiet { (from + 1) "–" (to) " of " (all) }
                }
            }
        }
    }

    fn row(&self, here: &str, name: &str, child: &Child) -> Markup {
        let node = &child.node;
        let kind = kind(node, guess(name).content_type);
        let page = format!("{here}{}", quoted(name));
        let prohibited = self.prohibited.reason(node);
        html! {
            tr {
                td.pick.needs-script {}
                td.name {
                    (icon(kind.icon))
                    @match (prohibited, node.best_cap()) {
                        (Some(reason), _) => { s { (name) } " " small { (reason) } }
                        (None, Some(_)) if !node.is_unknown() => a href=(page) { (name) },
                        _ => (name),
                    }
                }
                td.number { (size_markup(node.size())) }
                td.when { (time_markup(child.metadata.link_modified())) }
                td.kind { (kind.word) }
                td.do {
                    @if let (None, Some(at)) = (prohibited, content_path(node, name)) {
                        a.icon-button href={ (at) "?save=true" } {
                            (icon("download")) span.visually-hidden { "Download " (name) }
                        }
                    }
                }
            }
        }
    }
}

/// Where the content of a file is, by the weakest cap that shows it.
pub(super) fn content_path(node: &Node, name: &str) -> Option<String> {
    let cap = node.read_cap().filter(|_| node.is_file())?;
    Some(format!("/named/{}/@@named=/{}", quoted(&cap), quoted(name)))
}

/// How not to lose a folder that was just made.
fn keep(cap: &DirectoryCap, name: &str) -> Markup {
    html! {
        section #keep .card.notice {
            h2 { (icon("check")) "Your folder is there. Keep its key." }
            p {
                "The address of this page is the only way back to the folder. There is no account, \
                 and nobody can reset anything. Do at least one of these:"
            }
            ul.plain.steps {
                li { strong { "Bookmark" } " this page (Ctrl+D)." }
                li.needs-script {
                    button #remember type="button" { "Remember it in this browser" }
                    " – not on a machine that others use."
                }
                li { (sheet_form(&cap.to_string(), name)) " and keep it in a safe place." }
                li.needs-script {
                    button #show-qr type="button" { "Show a QR code" }
                    " to take it to a telephone."
                }
            }
        }
    }
}

/// A form that makes a page to print.
pub(super) fn sheet_form(cap: &str, name: &str) -> Markup {
    html! {
        form.inline action="/ui/sheet" method="post" enctype="multipart/form-data" {
            input type="hidden" name="cap" value=(cap);
            input type="hidden" name="name" value=(name);
            button type="submit" { "Print a recovery sheet" }
        }
    }
}
