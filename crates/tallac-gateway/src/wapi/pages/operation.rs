//! `/status/up-0` and the like: one operation.

use std::fmt::Write as _;
use std::sync::Arc;

use tallac_grid::history::{Events, Kind, Operation, State};
use tallac_grid::servers::GridServer;

use super::operations::{percent, storage_index, upload_progress, yes_or_no};
use super::{begin, end, escape, event_json, pretty, size, span, time};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::reply::{HTML, Reply, TEXT};

/// Characters of a server's name that are shown.
const SHORT_LEN: usize = 8;

/// Answers a request for the page of an operation, or for what a download did.
pub(super) fn answer(asked: &Asked<'_>, name: &str, events: bool) -> Result<Reply, WebError> {
    let no_name = || WebError::NoStatusName(name.to_owned());
    let (kind, number) = name.split_once('-').ok_or_else(no_name)?;
    if number.contains('-') {
        return Err(no_name());
    }
    let number = number.parse().map_err(|_| WebError::NoStatusNumber(name.to_owned()))?;
    let kind = Kind::ALL.into_iter().find(|known| known.prefix() == kind);
    let operation = kind.and_then(|kind| asked.state.grid.history().operation(kind, number));
    let operation = operation.ok_or(WebError::NoSuchPage)?;
    if !events {
        return Ok(Reply::text(HTML, page(&operation)));
    }
    if operation.kind() != Kind::Download {
        return Err(WebError::NoSuchPage);
    }
    Ok(Reply::text(TEXT, pretty(&event_json::of(&operation.events()))))
}

/// A server's name, cut short.
pub(super) fn short(server: &GridServer) -> String {
    let id = server.info().id.as_str();
    id.strip_prefix("v0-").unwrap_or(id).chars().take(SHORT_LEN).collect()
}

fn page(operation: &Arc<Operation>) -> String {
    let state = operation.state();
    let mut page = begin(match operation.kind() {
        Kind::Upload => "File Upload Status",
        Kind::Download => "File Download Status",
        Kind::MapUpdate => "Mutable File Servermap Update Status",
        Kind::Publish => "Mutable File Publish Status",
        Kind::Retrieve => "Mutable File Retrieve Status",
    });
    page += "<ul>\n";
    let mut item = |name: &str, value: &str| {
        let _ = writeln!(page, "<li>{name}: {}</li>", escape(value));
    };
    item("Started", &time(operation.started()));
    if operation.kind() == Kind::MapUpdate {
        item("Finished", &state.finished.map_or_else(|| "not yet".to_owned(), time));
    }
    item("Storage Index", &storage_index(operation));
    item("Helper?", yes_or_no(state.uses_helper));
    let size = state.size.map_or_else(|| "(unknown)".to_owned(), |size| size.to_string());
    match operation.kind() {
        Kind::Upload | Kind::Download => item("Total Size", &size),
        Kind::Publish | Kind::Retrieve => item("Current Size", &size),
        Kind::MapUpdate => item("Mode", state.mode.unwrap_or("?")),
    }
    if operation.kind() == Kind::Upload {
        let [hash, ciphertext, push] = upload_progress(&state).map(percent);
        item("Progress (Hash)", &hash);
        item("Progress (Ciphertext)", &ciphertext);
        item("Progress (Encode+Push)", &push);
    } else {
        item("Progress", &percent(operation.fraction()));
    }
    item("Status", &state.status);
    if let Some(encoding) = state.encoding {
        item("Encoding", &format!("{} of {}", encoding.needed(), encoding.total()));
    }
    page += "</ul>\n";
    results(&mut page, &state);
    if operation.kind() == Kind::Download {
        events(&mut page, &operation.events());
    }
    end(page)
}

/// Where shares are, what went wrong, how long it took.
fn results(page: &mut String, state: &State) {
    if !state.shares.is_empty() {
        let (all, old) = (state.shares.len(), state.preexisting);
        let _ = writeln!(
            page,
            "<h2>Shares</h2>\n<ul>\n<li>Shares Pushed: {}</li>\n\
             <li>Shares Already Present: {old}</li>\n<li>Sharemap:\n<ul>",
            all.saturating_sub(old)
        );
        for (share, servers) in &state.shares {
            let servers: Vec<_> = servers.iter().map(|server| escape(server.as_str())).collect();
            let _ = writeln!(page, "<li>{share} -&gt; placed on [{}]</li>", servers.join(", "));
        }
        *page += "</ul></li>\n</ul>\n";
    }
    if !state.problems.is_empty() {
        *page += "<h2>Server Problems</h2>\n<ul>\n";
        for (server, problem) in &state.problems {
            let (server, problem) = (escape(server.as_str()), escape(problem));
            let _ = writeln!(page, "<li>[{server}]: {problem}</li>");
        }
        *page += "</ul>\n";
    }
    if state.took.is_none() && state.round_trips.is_empty() {
        return;
    }
    *page += "<h2>Timings</h2>\n<ul>\n";
    if let Some(took) = state.took {
        let _ = writeln!(page, "<li>Total: {}</li>", span(took.as_secs_f64()));
    }
    for (server, took) in &state.round_trips {
        let took = span(took.as_secs_f64());
        let _ = writeln!(page, "<li>[{}]: {took}</li>", escape(server.as_str()));
    }
    *page += "</ul>\n";
}

/// What a download did, as tables. Times are those since its first read.
fn events(page: &mut String, events: &Events) {
    let first = events.reads.first().map_or(0.0, |read| read.started);
    let at = |time: Option<f64>| time.map_or_else(String::new, |t| format!("+{:.6}s", t - first));
    let took = |from: f64, to: Option<f64>| to.map_or_else(String::new, |to| span(to - from));
    let speed = |bytes: u64, from: f64, to: Option<f64>| match to {
        Some(to) if to > from => rate(bytes, to - from),
        _ => String::new(),
    };
    let rows = events.queries.iter().map(|query| {
        let shares = query.shares.iter().flatten().map(ToString::to_string);
        let shares: Vec<_> = shares.collect();
        let shares = if shares.is_empty() { "-".to_owned() } else { shares.join(",") };
        let (start, end) = (at(Some(query.started)), at(query.finished));
        [short(&query.server), start, end, shares, took(query.started, query.finished)]
    });
    table(page, "DYHB Requests:", ["serverid", "sent", "received", "shnums", "RTT"], rows);
    let rows = events.reads.iter().map(|read| {
        let range = format!("[{}:+{}]", read.range.start, read.range.end - read.range.start);
        let (start, end) = (at(Some(read.started)), at(read.finished));
        let speed = speed(read.bytes, read.started, read.finished);
        [range, start, end, read.bytes.to_string(), took(read.started, read.finished), speed]
    });
    let names = ["range", "start", "finish", "got", "time", "speed"];
    table(page, "Read Events:", names, rows);
    let rows = events.segments.iter().map(|run| {
        let numbers = format!("seg{}-{}", run.numbers.start, run.numbers.end.saturating_sub(1));
        let range = match (&run.bytes, run.success) {
            (Some(bytes), _) => format!("[{}:+{}]", bytes.start, bytes.end - bytes.start),
            (None, Some(_)) => "error".to_owned(),
            (None, None) => "-".to_owned(),
        };
        let (start, end) = (at(Some(run.started)), at(run.finished));
        [numbers, start, end, range, span(run.decoding), took(run.started, run.finished)]
    });
    let names = ["segments", "start", "finish", "range", "decodetime", "segtime"];
    table(page, "Segment Events:", names, rows);
    let rows = events.blocks.iter().map(|block| {
        let range = format!("[{}:+{}]", block.range.start, block.range.end - block.range.start);
        let (start, end) = (at(Some(block.started)), at(block.finished));
        let received = block.received.map_or_else(String::new, |bytes| bytes.to_string());
        let took = took(block.started, block.finished);
        [short(&block.server), block.share.to_string(), range, start, end, received, took]
    });
    let names = ["serverid", "shnum", "range", "txtime", "rxtime", "received", "RTT"];
    table(page, "Requests:", names, rows);
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few digits of a positive number are shown"
)]
fn rate(bytes: u64, seconds: f64) -> String {
    format!("{}ps", size((bytes as f64 / seconds) as u64))
}

fn table<const N: usize>(
    page: &mut String,
    heading: &str,
    names: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let _ = write!(page, "<h2>{heading}</h2>\n<table>\n<tr>");
    for name in names {
        let _ = write!(page, "<th>{name}</th>");
    }
    *page += "</tr>\n";
    for row in rows {
        *page += "<tr>";
        for cell in row {
            let _ = write!(page, "<td>{}</td>", escape(&cell));
        }
        *page += "</tr>\n";
    }
    *page += "</table>\n";
}
