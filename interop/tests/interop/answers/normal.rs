//! Answers without what differs from node to node: keys, times, ports, lengths of these.

use std::fmt::Write as _;

use interop::Answer;
use serde_json::Value;

use super::script::Line;

/// Headers that programs look at.
const HEADERS: [&str; 10] = [
    "content-range",
    "content-disposition",
    "content-encoding",
    "accept-ranges",
    "etag",
    "location",
    "www-authenticate",
    "x-frame-options",
    "referrer-policy",
    "content-type",
];

/// Members whose value depends on keys, on times, or on the order of answers.
const VARYING: [&str; 7] = [
    "largest-directory",
    "size-directories",
    "linkcrtime",
    "linkmotime",
    "last_received_data",
    "available_space",
    "version",
];

/// Pages whose JSON tells how a node is: its names are the same, its numbers are not.
const REPORTS: [&str; 4] = ["/status?t=json", "/statistics?t=json", "/storage?t=json", "/?t=json"];

/// Members that only ours has, or only operations of some kinds.
const OURS: [&str; 2] = ["upload_permitted", "mode"];

/// What is compared of an answer.
pub(super) fn answer(line: &Line, answer: &Answer) -> String {
    let text = message(&answer.text);
    let is_page = text.trim_start().starts_with('<');
    let mut normal = answer.status.to_string();
    for name in HEADERS {
        let Some(value) = answer.header(name) else { continue };
        // Ours is the same for HEAD as for GET, Tahoe-LAFS's leaves the tag out.
        if line.method == "HEAD" && name == "etag" {
            continue;
        }
        // Tahoe-LAFS says of whatever is not said to be otherwise that it is a page, and answers
        // errors on the way with one.
        let is_page_type = value.starts_with("text/html") || value.starts_with("text/plain");
        if name == "content-type" && is_page_type && (!is_page || answer.status >= 300) {
            continue;
        }
        let value = value.split(';').next().filter(|_| is_page_type).unwrap_or(value);
        let value = if name == "location" { target(value) } else { value };
        let _ = write!(normal, " {name}: {}", plain(&value.replace("%3A", ":")));
    }
    if line.method == "HEAD" {
        // What is chunked has no length.
        let is_file = answer.header("accept-ranges").is_some();
        return normal + answer.header("content-length").filter(|_| is_file).unwrap_or_default();
    }
    if (300..400).contains(&answer.status) {
        return normal;
    }
    normal += "\n    ";
    match is_page {
        _ if answer.status == 404 && !is_child(&text) => normal,
        true => normal + "(a page)",
        false if line.path.ends_with("t=openmetrics") => normal + &metrics(&text),
        false if REPORTS.contains(&&*line.path) => normal + &names(&json(&text)),
        false => normal + &body(&text),
    }
}

/// Where a redirect leads to on the same node; Tahoe-LAFS names the node, and none at the root.
fn target(location: &str) -> &str {
    let path = match location.strip_prefix("http://127.0.0.1:") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => location,
    };
    path.strip_prefix('/').unwrap_or(path)
}

/// Whether a sentence is about a child, not about a page of the node.
fn is_child(text: &str) -> bool {
    text.starts_with("No such child")
}

/// The names of metrics.
fn metrics(text: &str) -> String {
    text.lines().filter_map(|line| line.split(' ').next()).collect::<Vec<_>>().join(" ")
}

/// The sentence of Tahoe-LAFS's pages about errors, else the text as it is.
fn message(text: &str) -> String {
    let sentence = || {
        let (title, rest) = text.split_once("<h1>")?.1.split_once("</h1>")?;
        let (_, rest) = rest.split_once("<p>")?;
        let detail = rest.split_once("</p>")?.0.trim();
        let sentence = match (title, detail) {
            ("Error", detail) => detail,
            (title, "no details") => title,
            _ => return None,
        };
        let sentence = sentence.replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">");
        Some(sentence.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let sentence = sentence().unwrap_or_else(|| text.to_owned());
    // What was wrong is named by one, what would be right by the other.
    let same =
        ["invalid boolean argument:", "invalid replace= argument:", "unknown/expired handle"];
    let begin = same.iter().find(|begin| sentence.starts_with(*begin));
    begin.map_or(sentence.clone(), |begin| (*begin).to_owned())
}

fn body(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.is_empty());
    let values: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
    let values = match values {
        Ok(values) if text.trim_start().starts_with('{') => values,
        _ => match serde_json::from_str(text) {
            Ok(value @ (Value::Array(_) | Value::Object(_))) => vec![value],
            _ => return plain(text),
        },
    };
    let mut normal = String::new();
    for mut value in values {
        settle(&mut value);
        let _ = write!(normal, "{value} ");
    }
    normal
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Takes out of JSON what varies, and sorts lists: their order is not promised.
fn settle(value: &mut Value) {
    match value {
        Value::String(text) => *text = plain(text),
        Value::Array(values) => {
            values.iter_mut().for_each(settle);
            values.sort_by_key(Value::to_string);
        }
        Value::Object(members) => {
            if let Some(Value::Object(places)) = members.get_mut("sharemap") {
                let settled = std::mem::take(places).into_iter();
                places.extend(settled.map(|(share, servers)| (number_of(&share), servers)));
            }
            let is_mutable = members.get("mutable") == Some(&Value::Bool(true));
            for (name, member) in members.iter_mut() {
                if VARYING.contains(&name.as_str()) || (is_mutable && name == "size") {
                    *member = Value::Null;
                }
                settle(member);
            }
        }
        _ => {}
    }
}

/// The number of a share of a mutable file, whose name also tells the version.
fn number_of(share: &str) -> String {
    share.rsplit_once("-sh").map_or(share, |(_, number)| number).to_owned()
}

/// The names of all members, of the first of each list.
fn names(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.first().map(names).unwrap_or_default()),
        Value::Object(members) => {
            let theirs = members.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
            let mut each: Vec<String> =
                theirs.map(|(name, value)| format!("{name}{}", names(value))).collect();
            each.sort();
            format!("{{{}}}", each.join(", "))
        }
        _ => String::new(),
    }
}

/// Text with hashes and ports replaced.
fn plain(text: &str) -> String {
    let mut normal = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(len);
        let is_hash = word.chars().all(|c| matches!(c, 'a'..='z' | '2'..='7'));
        match word.len() {
            26 | 52 if is_hash => normal += "HASH",
            _ if normal.ends_with("127.0.0.1:") => normal += "PORT",
            _ => normal += word,
        }
        let mut others = after.chars();
        normal.extend(others.next());
        rest = others.as_str();
    }
    normal
}
