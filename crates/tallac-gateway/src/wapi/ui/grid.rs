//! The grid: its servers, and how many of them may fail before files are lost.

use maud::{Markup, html};
use tallac_grid::servers::{GridServer, Health};

use super::layout::{Page, Part, icon};
use super::words::{size_markup, time_markup};
use crate::wapi::asked::Asked;
use crate::wapi::reply::Reply;

/// How well the grid can keep files now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Headroom {
    /// Servers that this node knows of.
    known: usize,
    /// Servers that may be given shares now.
    usable: usize,
    /// Shares that bring a file back.
    needed: usize,
    /// Servers that a new file must at least be on.
    happy: usize,
    /// Shares that are made of a file.
    total: usize,
}

impl Headroom {
    /// Of this node's grid.
    pub(super) fn of(asked: &Asked<'_>) -> Self {
        let grid = &asked.state.grid;
        let (config, servers) = (grid.config(), grid.servers().all());
        let usable = servers.iter().filter(|s| s.is_connected() && s.may_take_shares()).count();
        Self {
            known: servers.len(),
            usable,
            needed: config.encoding.needed().into(),
            happy: config.happy,
            total: config.encoding.total().into(),
        }
    }

    /// Whether new files can be put in.
    pub(super) const fn is_enough(self) -> bool {
        self.usable >= self.happy
    }

    /// In a sentence.
    pub(super) fn in_short(self) -> String {
        let Self { known, usable, happy, .. } = self;
        if self.is_enough() {
            return format!("All is well: {usable} of {known} storage servers can be reached.");
        }
        let missing = happy - usable;
        format!(
            "New files cannot be kept yet: {usable} of {known} storage servers can be reached, and \
             {missing} more are needed. What is there may still be readable."
        )
    }

    /// What that means for files.
    fn in_words(self) -> String {
        let Self { usable, needed, total, .. } = self;
        let on = usable.min(total);
        if on < needed {
            return format!(
                "A file needs pieces from {needed} servers, and {on} can be reached: nothing can \
                 be read until more are back."
            );
        }
        format!(
            "Each new file is cut into {total} pieces, on {on} servers. Any {needed} of these \
             {total} pieces bring it back, so you can lose {} of the {on} servers and still have \
             all files.",
            lost(on, needed, total)
        )
    }
}

/// Servers that can be lost when shares are spread evenly over so many.
fn lost(on: usize, needed: usize, total: usize) -> usize {
    let (each, more) = (total / on, total % on);
    // Those with one share more are lost first.
    let left = |gone: usize| total - gone * each - gone.min(more);
    (0..=on).rev().find(|gone| left(*gone) >= needed).unwrap_or(0)
}

/// The page.
pub(super) fn page(asked: &Asked<'_>) -> Reply {
    let headroom = Headroom::of(asked);
    let mut servers = asked.state.grid.servers().all();
    servers.sort_by(|a, b| a.info().nickname.cmp(&b.info().nickname));
    let introducers = asked.state.config.introducers.statuses();
    let main = html! {
        h1 { "The grid" }
        div #live {
            p.state data-good=(headroom.is_enough()) {
                (icon(if headroom.is_enough() { "check" } else { "warning" }))
                span { (headroom.in_short()) }
            }
            p { (headroom.in_words()) }
            h2 { "Storage servers" }
            @if servers.is_empty() {
                p { "This node knows of no storage server. An introducer tells it of some, or its \
                     owner lists them in " code { "private/servers.yaml" } "." }
            } @else {
                (table(&servers))
            }
            @if !introducers.is_empty() {
                h2 { "Introducers" }
                ul.plain {
                    @for status in &introducers {
                        li { (badge(status.is_connected)) " " (status.text) }
                    }
                }
            }
        }
        section #operations hidden aria-label="Operations" {
            h2 { "What this node does now" }
            p #rates {}
            div #active {}
            details { summary { "Lately" } div #lately {} }
        }
        p.quiet {
            "For the curious: " a href="/status" { "operations" } ", "
            a href="/statistics" { "statistics" } " and the "
            a href="/?plain" { "plain page" } " of this node."
        }
    };
    let script = Some("grid.js");
    Page { title: "The grid", part: Part::Grid, script }.reply(asked, &main)
}

fn table(servers: &[std::sync::Arc<GridServer>]) -> Markup {
    html! {
        div.scroll role="region" aria-label="Storage servers" tabindex="0" {
            table.list {
                thead {
                    tr {
                        th scope="col" { "Server" }
                        th scope="col" { "State" }
                        th.number scope="col" { "Space left" }
                        th.number scope="col" { "Answers in" }
                        th scope="col" { "Since" }
                        th scope="col" { "Version" }
                    }
                }
                tbody { @for server in servers { (row(server)) } }
            }
        }
    }
}

fn row(server: &GridServer) -> Markup {
    let (health, info) = (server.health(), server.info());
    let (space, version, since) = match &health {
        Health::Connected { version, since } => {
            let since = since.duration_since(std::time::UNIX_EPOCH).ok();
            let since = since.map(|since| since.as_secs_f64());
            (Some(version.available_space), version.application_version.as_str(), since)
        }
        _ => (None, "", None),
    };
    let nickname = if info.nickname.is_empty() { "(without a name)" } else { &info.nickname };
    html! {
        tr {
            th scope="row" title=(info.id.as_str()) { (nickname) }
            td {
                (badge(server.is_connected())) " "
                @match &health {
                    Health::Connected { .. } if server.may_take_shares() => "connected",
                    Health::Connected { .. } => {
                        "read only: no grid manager lets it take new files"
                    }
                    Health::Unknown => "not heard of yet",
                    Health::Failing { reason } => (reason),
                }
            }
            td.number { (size_markup(space)) }
            td.number {
                @match server.round_trip() {
                    Some(time) => (format!("{:.0} ms", (time.as_secs_f64() * 1e3).max(1.0))),
                    None => "–",
                }
            }
            td { (time_markup(since)) }
            td { (version) }
        }
    }
}

fn badge(good: bool) -> Markup {
    html! { span.dot data-good=(good) aria-hidden="true" {} }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_lost() {
        for (on, needed, total, expected) in
            [(10, 3, 10, 7), (3, 3, 10, 2), (5, 3, 10, 3), (1, 1, 1, 0), (4, 3, 10, 2)]
        {
            assert_eq!(lost(on, needed, total), expected, "{needed} of {total} on {on}");
        }
    }
}
