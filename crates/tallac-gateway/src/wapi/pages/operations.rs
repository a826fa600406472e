//! `/status`: operations under way, and some that are over.

use std::fmt::Write as _;
use std::sync::Arc;

use tallac_core::dirnode::Json;
use tallac_grid::history::{Kind, Operation, State};

use super::{Form, begin, end, escape, form, node, pretty, size, time, unknown_form};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::json::{Members, number, text};
use crate::wapi::node_view::MaintenanceView;
use crate::wapi::reply::{HTML, Reply};

/// Type of the JSON of this page, which is another than that of the others.
const JSON: &str = "application/json";

/// What Tahoe-LAFS says where there is no size.
const NO_SIZE: &str = "-NA-";

/// An operation and how it is now.
type Known = (Arc<Operation>, State);

/// Answers a request for the page.
pub(super) fn answer(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let (active, recent) = known(asked);
    let maintenance = node(asked).maintenance();
    match form(asked)? {
        Form::Page => Ok(Reply::text(HTML, page(&active, &recent, maintenance.as_ref()))),
        Form::Json => {
            let list = |known: &[Known]| Json::Array(known.iter().map(summary).collect());
            let mut members =
                Members::default().with("active", list(&active)).with("recent", list(&recent));
            if let Some(maintenance) = maintenance {
                members = members.with("maintenance", maintenance.json);
            }
            Ok(Reply::text(JSON, pretty(&members.end())))
        }
        Form::OpenMetrics => Err(unknown_form(asked)),
    }
}

/// All operations, the latest first: those that go on, and the others.
fn known(asked: &Asked<'_>) -> (Vec<Known>, Vec<Known>) {
    let history = asked.state.grid.history();
    let of = |kind: Kind| history.operations(kind).into_iter();
    let mut known: Vec<Known> = Kind::ALL
        .into_iter()
        .flat_map(of)
        .map(|operation| {
            let state = operation.state();
            (operation, state)
        })
        .collect();
    known.sort_by_key(|(operation, _)| std::cmp::Reverse(operation.started()));
    known.into_iter().partition(|(_, state)| state.is_active)
}

/// An operation as programs see it.
fn summary((operation, state): &Known) -> Json {
    let storage_index = operation.storage_index();
    let size = match (operation.kind(), state.size) {
        (Kind::MapUpdate, _) => text(NO_SIZE),
        (_, Some(size)) => number(size),
        (_, None) => Json::Null,
    };
    let members = Members::default()
        .with("storage-index-string", storage_index.map_or(Json::Null, |si| text(si.to_string())))
        .with("total-size", size)
        .with("status", text(&*state.status))
        .with("type", text(operation.kind().name()));
    let members = match operation.kind() {
        Kind::Upload => {
            let [hash, ciphertext, push] = upload_progress(state);
            members
                .with("progress-hash", Json::float(hash))
                .with("progress-ciphertext", Json::float(ciphertext))
                .with("progress-encode-push", Json::float(push))
        }
        Kind::Download => members.with("progress", Json::float(operation.fraction())),
        Kind::MapUpdate => members.with("mode", text(state.mode.unwrap_or("?"))),
        Kind::Publish | Kind::Retrieve => members,
    };
    members.end()
}

/// How far an upload is with its three steps. What a helper does with the ciphertext, it does not
/// say.
pub(super) fn upload_progress(state: &State) -> [f64; 3] {
    let hash = if state.has_key || !state.is_active { 1.0 } else { 0.0 };
    let pushed = state.fraction();
    let is_over = !state.is_active && state.status == "Finished";
    [hash, pushed, if state.uses_helper && !is_over { 0.0 } else { pushed }]
}

/// The page.
fn page(active: &[Known], recent: &[Known], maintenance: Option<&MaintenanceView>) -> String {
    let mut page = begin("Recent and Active Operations");
    page += "<h2>Active Operations:</h2>\n";
    table(&mut page, active, false, "No active operations!");
    page += "<h2>Recent Operations:</h2>\n";
    table(&mut page, recent, true, "No recent operations!");
    if let Some(maintenance) = maintenance {
        page += "<h2>Maintenance:</h2>\n<ul>\n";
        for sentence in &maintenance.sentences {
            let _ = writeln!(page, "<li>{}</li>", escape(sentence));
        }
        page += "</ul>\n";
    }
    page += "<p>See this page <a href=\"?t=json\">in JSON</a></p>\n";
    end(page)
}

fn table(page: &mut String, known: &[Known], with_start: bool, none: &str) {
    if known.is_empty() {
        let _ = writeln!(page, "<p>{none}</p>");
        return;
    }
    let start = if with_start { "<th>Started</th>" } else { "" };
    let _ = writeln!(
        page,
        "<table>\n<tr>{start}<th>Type</th><th>Storage Index</th><th>Helper?</th>\
         <th>Total Size</th><th>Progress</th><th>Status</th></tr>"
    );
    for (operation, state) in known {
        *page += "<tr>";
        if with_start {
            let _ = write!(page, "<td>{}</td>", time(operation.started()));
        }
        let kind = match state.mode {
            Some(mode) => format!("{} {mode}", operation.kind().name()),
            None => operation.kind().name().to_owned(),
        };
        let _ = writeln!(
            page,
            "<td>{kind}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td><a href=\"/status/{}-{}\">{}</a></td></tr>",
            storage_index(operation),
            yes_or_no(state.uses_helper),
            total_size(operation, state),
            progress(operation, state),
            operation.kind().prefix(),
            operation.number(),
            escape(&state.status)
        );
    }
    *page += "</table>\n";
}

pub(super) fn storage_index(operation: &Operation) -> String {
    operation.storage_index().map_or_else(|| "(None)".to_owned(), |si| si.to_string())
}

pub(super) const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "Yes" } else { "No" }
}

fn total_size(operation: &Operation, state: &State) -> String {
    match (operation.kind(), state.size) {
        (Kind::MapUpdate, _) => NO_SIZE.to_owned(),
        (_, Some(bytes)) => size(bytes),
        (_, None) => "(unknown)".to_owned(),
    }
}

fn progress(operation: &Operation, state: &State) -> String {
    match operation.kind() {
        Kind::Upload => {
            let [hash, ciphertext, push] = upload_progress(state).map(percent);
            format!("hash: {hash}, ciphertext: {ciphertext}, encode: {push}")
        }
        _ => percent(operation.fraction()),
    }
}

pub(super) fn percent(part: f64) -> String {
    format!("{:.1}%", 100.0 * part)
}
