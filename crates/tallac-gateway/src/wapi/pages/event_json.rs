//! `/status/down-0/event_json`: what a download did, for programs that draw it.

use std::collections::HashMap;
use std::sync::Arc;

use tallac_core::dirnode::Json;
use tallac_core::hash::sha256d;
use tallac_grid::history::Events;
use tallac_grid::servers::GridServer;

use super::operation::short;
use crate::wapi::json::{Members, number, text};

/// All of it.
pub(super) fn of(events: &Events) -> Json {
    let (block, block_rows) = blocks(events);
    let (server_info, names) = servers(events);
    let count = names.len();
    let (min, max) = bounds(events);
    let bounds = Members::default().with("min", time(min)).with("max", time(max)).end();
    Members::default()
        .with("misc", Json::Array(Vec::new()))
        .with("read", reads(events))
        .with("segment", segments(events))
        .with("dyhb", queries(events))
        .with("block", block)
        .with("block_rownums", block_rows)
        .with("server_info", server_info)
        .with("num_serverids", number(count as u64))
        .with("serverids", Json::Object(names))
        .with("bounds", bounds)
        .end()
}

fn time(time: Option<f64>) -> Json {
    time.map_or(Json::Null, Json::float)
}

/// Rows of a drawing: in each there is one event after the other.
#[derive(Default)]
struct Rows(Vec<Option<f64>>);

impl Rows {
    /// The first row that is free when an event starts; it is taken until the event ends.
    fn place(&mut self, started: f64, finished: Option<f64>) -> Json {
        let free = |end: &Option<f64>| end.is_some_and(|end| started > end);
        let row = self.0.iter().position(free).unwrap_or(self.0.len());
        match self.0.get_mut(row) {
            Some(end) => *end = finished,
            None => self.0.push(finished),
        }
        number(row as u64)
    }
}

fn reads(events: &Events) -> Json {
    let mut rows = Rows::default();
    let read = |read: &tallac_grid::history::Read| {
        Members::default()
            .with("start", number(read.range.start))
            .with("length", number(read.range.end - read.range.start))
            .with("start_time", Json::float(read.started))
            .with("finish_time", time(read.finished))
            .with("bytes_returned", number(read.bytes))
            .with("decrypt_time", number(0_u64))
            .with("paused_time", number(0_u64))
            .with("row", rows.place(read.started, read.finished))
            .end()
    };
    Json::Array(events.reads.iter().map(read).collect())
}

/// Each run of segments is told as one event, under the number of its first.
fn segments(events: &Events) -> Json {
    let mut rows = Rows::default();
    let segment = |run: &tallac_grid::history::Segments| {
        let start = run.bytes.as_ref().map_or(Json::Null, |bytes| number(bytes.start));
        let len = run.bytes.as_ref().map_or(Json::Null, |bytes| number(bytes.end - bytes.start));
        Members::default()
            .with("segment_number", number(run.numbers.start))
            .with("start_time", Json::float(run.started))
            .with("active_time", Json::float(run.started))
            .with("finish_time", time(run.finished))
            .with("success", run.success.map_or(Json::Null, Json::Bool))
            .with("decode_time", Json::float(run.decoding))
            .with("segment_start", start)
            .with("segment_length", len)
            .with("row", rows.place(run.started, run.finished))
            .end()
    };
    Json::Array(events.segments.iter().map(segment).collect())
}

fn queries(events: &Events) -> Json {
    let mut rows = Rows::default();
    let query = |query: &tallac_grid::history::ShareQuery| {
        let shares = |shares: &Vec<_>| {
            let numbers = shares.iter().map(|share: &tallac_core::ids::ShareNumber| share.get());
            Json::Array(numbers.map(number).collect())
        };
        let success = query.finished.map_or(Json::Null, |_| Json::Bool(query.shares.is_some()));
        Members::default()
            .with("start_time", Json::float(query.started))
            .with("success", success)
            .with("response_shnums", query.shares.as_ref().map_or(Json::Null, shares))
            .with("finish_time", time(query.finished))
            .with("serverid", text(query.server.info().id.as_str()))
            .with("row", rows.place(query.started, query.finished))
            .end()
    };
    Json::Array(events.queries.iter().map(query).collect())
}

/// Requests in groups, one for each server, and how many rows each group has.
fn blocks(events: &Events) -> (Json, Json) {
    let mut groups: HashMap<&str, usize> = HashMap::new();
    let mut rows: Vec<Rows> = Vec::new();
    let mut list = Vec::new();
    for block in &events.blocks {
        let id = block.server.info().id.as_str();
        let group = *groups.entry(id).or_insert_with(|| {
            rows.push(Rows::default());
            rows.len() - 1
        });
        let row = rows[group].place(block.started, block.finished);
        let success = block.finished.map_or(Json::Null, |_| Json::Bool(block.received.is_some()));
        let event = Members::default()
            .with("shnum", number(block.share.get()))
            .with("start", number(block.range.start))
            .with("length", number(block.range.end - block.range.start))
            .with("start_time", Json::float(block.started))
            .with("finish_time", time(block.finished))
            .with("success", success)
            .with("response_length", block.received.map_or(Json::Null, number))
            .with("serverid", text(id))
            .with("row", Json::Array(vec![number(group as u64), row]));
        list.push(event.end());
    }
    let counts = rows.iter().map(|rows| number(rows.0.len() as u64)).collect();
    (Json::Array(list), Json::Array(counts))
}

/// The servers that were asked for shares: by id, and their short names by number.
fn servers(events: &Events) -> (Json, Vec<(String, Json)>) {
    let (mut info, mut names) = (Vec::<(String, Json)>::new(), Vec::new());
    for query in &events.queries {
        let id = query.server.info().id.as_str();
        if info.iter().any(|(known, _)| known == id) {
            continue;
        }
        let (at, short) = (names.len(), short(&query.server));
        names.push((at.to_string(), text(&*short)));
        let known = Members::default()
            .with("num", number(at as u64))
            .with("color", text(colour(&query.server)))
            .with("short", text(short));
        info.push((id.to_owned(), known.end()));
    }
    (Json::Object(info), names)
}

/// A light colour that a server always has.
fn colour(server: &Arc<GridServer>) -> String {
    let hash = sha256d(&[server.info().id.as_str().as_bytes()]);
    let light = |byte: u8| byte / 2 + 0x80;
    format!("#{:02x}{:02x}{:02x}", light(hash[0]), light(hash[1]), light(hash[2]))
}

/// When the first event began, and when the last ended.
fn bounds(events: &Events) -> (Option<f64>, Option<f64>) {
    let first = events.reads.first().map(|read| read.started);
    let ends = events.reads.iter().map(|read| read.finished);
    let ends = ends.chain(events.segments.iter().map(|run| run.finished));
    let ends = ends.chain(events.queries.iter().map(|query| query.finished));
    let ends = ends.chain(events.blocks.iter().map(|block| block.finished));
    (first, ends.flatten().reduce(f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_used_again() {
        let mut rows = Rows::default();
        let mut place = |start: f64, end| rows.place(start, end).to_string();
        assert_eq!(place(1.0, Some(2.0)), "0");
        assert_eq!(place(1.5, None), "1");
        assert_eq!(place(1.7, Some(3.0)), "2");
        assert_eq!(place(2.5, Some(4.0)), "0");
        assert_eq!(place(9.0, Some(9.5)), "0");
        assert_eq!(place(9.1, Some(9.5)), "2");
    }
}
