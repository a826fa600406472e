//! What this node keeps for others: space, shares, and what expires.

use maud::{Markup, html};
use tallac_core::dirnode::Json;

use super::layout::{Page, Part};
use super::words::size_markup;
use crate::wapi::asked::Asked;
use crate::wapi::node_view::StorageView;
use crate::wapi::pages::{as_u64, find, member};
use crate::wapi::reply::Reply;

/// The page.
pub(super) async fn page(asked: &Asked<'_>) -> Reply {
    let view = asked.state.config.node.storage().await;
    let main = html! {
        h1 { "Storage" }
        @match &view {
            Some(view) => (of(view)),
            None => {
                p.lead { "This node keeps nothing for others: it has no storage server." }
                p {
                    "Your own files are on the servers of " a href="/ui/grid" { "the grid" } ". To \
                     have this node keep files for others, set " code { "enabled = true" } " under "
                    code { "[storage]" } " in its " code { "tahoe.cfg" } " and restart it."
                }
            }
        }
    };
    Page { title: "Storage", part: Part::Storage, script: Some("grid.js") }.reply(asked, &main)
}

fn of(view: &StorageView) -> Markup {
    let stat = |name: &str| {
        find(&view.stats, &format!("storage_server.{name}")).map(|value| as_u64(Some(value)))
    };
    let (total, used, left) = (stat("disk_total"), stat("disk_used"), stat("disk_avail"));
    let accepts = stat("accepting_immutable_shares") == Some(1);
    let buckets = match member(&view.bucket_counter, "last-complete-bucket-count") {
        None | Some(Json::Null) => None,
        count => Some(as_u64(count)),
    };
    html! {
        p.lead {
            @if accepts { "This node takes new shares." }
            @else { "This node takes no new shares now: it is full, or set to read only." }
        }
        @if let (Some(total), Some(used)) = (total, used) {
            meter min="0" max=(total) value=(used) aria-label="Disk space used" {}
        }
        dl.facts {
            dt { "Disk" } dd { (size_markup(total)) }
            dt { "Used, by everything on it" } dd { (size_markup(used)) }
            dt { "Left for shares" } dd { (size_markup(left)) }
            dt { "Kept free" } dd { (size_markup(stat("reserved_space"))) }
            dt { "Files and folders with shares here" }
            dd { @match buckets { Some(count) => (count), None => "not counted yet" } }
        }
        h2 { "What expires" }
        @if view.expiration.is_empty() {
            p { "Nothing expires: shares stay until somebody deletes them." }
        } @else {
            ul { @for sentence in &view.expiration { li { (sentence) } } }
        }
        p.quiet { "All numbers are on the " a href="/storage" { "plain page" } "." }
    }
}
