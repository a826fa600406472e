//! What a deep check found, for people (section 8.5).

use std::fmt::Write as _;

use tallac_grid::check::BadShare;

use super::deep::{DeepCheck, Progress};
use super::kept::{Kept, Object};
use super::page::{Names, push_return};
use crate::wapi::asked::Asked;
use crate::wapi::html::{self, escape};
use crate::wapi::unlinked::quoted;
use crate::wapi::walks::joined;

/// Where the page leads.
#[derive(Debug)]
pub(super) struct Links {
    handle: String,
    return_to: Option<String>,
}

impl Links {
    /// Those of the page of this handle.
    pub(super) fn new(asked: &Asked<'_>, handle: &str) -> Self {
        let return_to = asked.args.filled("return_to").map(str::to_owned);
        Self { handle: quoted(handle).to_string(), return_to }
    }

    fn object(&self, storage_index: &str) -> String {
        let handle = &self.handle;
        format!("<a href=\"/operations/{handle}/{storage_index}\"><code>{storage_index}</code></a>")
    }
}

/// The page.
pub(super) fn page(check: &DeepCheck, progress: &Progress, names: &Names, links: &Links) -> String {
    let mut page = html::begin("Deep Check Results - Tallac");
    let kind = if check.repairs { "Deep-Check-And-Repair" } else { "Deep-Check" };
    let root = escape(&check.root);
    let _ = writeln!(page, "<h1>{kind} Results for root SI={root}</h1>");
    if !progress.is_finished {
        let handle = &links.handle;
        let _ = writeln!(
            page,
            "<h2>Operation still running: <a href=\"/operations/{handle}?output=html\">Reload</a>\
             </h2>\n<form action=\"/operations/{handle}?t=cancel\" method=\"post\" \
             enctype=\"multipart/form-data\"><input type=\"submit\" value=\"Cancel\"></form>"
        );
    }
    push_counters(&mut page, check, progress);
    let kept = &progress.kept;
    push_problems(&mut page, check, kept);
    push_corrupt(&mut page, check, kept, (names, links));
    push_return(&mut page, links.return_to.as_deref());
    push_objects(&mut page, check, kept, links);
    page + html::END
}

fn push_counters(page: &mut String, check: &DeepCheck, progress: &Progress) {
    let counts = &progress.counts;
    let (pre, post) = (&counts.pre, &counts.post);
    let mut rows = vec![("Objects Checked", pre.checked)];
    if check.repairs {
        rows.extend([
            ("Objects Healthy (before repair)", pre.healthy),
            ("Objects Unhealthy (before repair)", pre.unhealthy),
            ("Objects Unrecoverable (before repair)", pre.unrecoverable),
            ("Corrupt Shares (before repair)", pre.corrupt_shares),
            ("Repairs Attempted", counts.attempted),
            ("Repairs Successful", counts.successful),
            ("Repairs Unsuccessful", counts.unsuccessful),
            ("Objects Healthy (after repair)", post.healthy),
            ("Objects Unhealthy (after repair)", post.unhealthy),
            ("Corrupt Shares (after repair)", post.corrupt_shares),
        ]);
    } else {
        rows.extend([
            ("Objects Healthy", pre.healthy),
            ("Objects Unhealthy", pre.unhealthy),
            ("Objects Unrecoverable", pre.unrecoverable),
            ("Corrupt Shares", pre.corrupt_shares),
        ]);
    }
    *page += "<p>Counters:</p>\n<ul>\n";
    for (name, value) in rows {
        let _ = writeln!(page, "<li>{name}: <span>{value}</span></li>");
    }
    *page += "</ul>\n";
}

fn push_problems(page: &mut String, check: &DeepCheck, kept: &Kept) {
    push_list(page, "Files/Directories That Had Problems:", kept.unhealthy());
    if check.repairs {
        let left = kept.unhealthy().filter(|object| !object.after().healthy);
        push_list(page, "Files/Directories That Still Have Problems:", left);
    }
    if kept.unhealthy_left_out > 0 {
        let count = kept.unhealthy_left_out;
        let _ = writeln!(page, "<p>And {count} more, for which there was no room.</p>");
    }
}

fn push_list<'a>(page: &mut String, title: &str, objects: impl Iterator<Item = &'a Object>) {
    let _ = writeln!(page, "<h2>{title}</h2>\n<ul>");
    for object in objects {
        let before = object.before();
        let _ = writeln!(
            page,
            "<li>{}: {} [SI: {}]</li>",
            path(object),
            escape(&before.summary),
            before.storage_index
        );
    }
    *page += "</ul>\n";
}

fn push_corrupt(page: &mut String, check: &DeepCheck, kept: &Kept, around: (&Names, &Links)) {
    push_shares(page, "Corrupt Shares", &kept.corrupt, around);
    if check.repairs {
        push_shares(page, "Remaining Corrupt Shares", &kept.remaining, around);
    }
    if kept.corrupt_left_out > 0 {
        let count = kept.corrupt_left_out;
        let _ = writeln!(page, "<p>And {count} more, for which there was no room.</p>");
    }
}

fn push_shares(page: &mut String, title: &str, shares: &[BadShare], around: (&Names, &Links)) {
    if shares.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<h2>{title}</h2>\n<p>If repair fails, these shares need to be inspected and removed by \
         hand.</p>\n<table>\n\
         <tr><th>Server</th><th>Storage Index</th><th>Share Number</th></tr>"
    );
    let (names, links) = around;
    for bad in shares {
        let _ = writeln!(
            page,
            "<tr>{}<td>{}</td><td>{}</td></tr>",
            names.cell(&bad.server),
            links.object(&bad.storage_index.to_string()),
            bad.share
        );
    }
    *page += "</table>\n";
}

fn push_objects(page: &mut String, check: &DeepCheck, kept: &Kept, links: &Links) {
    *page += "<h2>All Results</h2>\n<table>\n<tr><th>Relative Path</th>";
    *page += if check.repairs {
        "<th>Healthy Pre-Repair</th><th>Recoverable Pre-Repair</th><th>Healthy Post-Repair</th>"
    } else {
        "<th>Healthy</th><th>Recoverable</th>"
    };
    *page += "<th>Storage Index</th><th>Summary</th></tr>\n";
    for object in &kept.objects {
        let before = object.before();
        let _ = write!(page, "<tr><td>{}</td>", path(object));
        let _ = write!(page, "<td>{}</td>", truth(before.healthy));
        let _ = write!(page, "<td>{}</td>", truth(before.recoverable));
        if check.repairs {
            let _ = write!(page, "<td>{}</td>", truth(object.after().healthy));
        }
        let link = links.object(&before.storage_index.to_string());
        let summary = escape(&before.summary);
        let _ = writeln!(page, "<td>{link}</td><td>{summary}</td></tr>");
    }
    if kept.objects.is_empty() {
        *page += "<tr><td>Nothing to report yet.</td></tr>\n";
    }
    *page += "</table>\n";
    if kept.healthy_left_out > 0 {
        let count = kept.healthy_left_out;
        let _ = writeln!(page, "<p>And {count} more that are healthy.</p>");
    }
}

/// Python's words, for those who read pages by program.
const fn truth(is_so: bool) -> &'static str {
    if is_so { "True" } else { "False" }
}

fn path(object: &Object) -> String {
    if object.path.is_empty() { "&lt;root&gt;".to_owned() } else { escape(&joined(&object.path)) }
}
