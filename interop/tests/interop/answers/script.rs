//! Requests written down as lines.

use std::collections::BTreeMap;

use anyhow::Result;
use interop::{Answer, Web};

/// What separates the parts of a form.
const BOUNDARY: &str = "part-of-a-form";

/// One request.
pub(super) struct Line {
    /// As it is written.
    pub(super) text: String,
    /// The name that the answer's text gets.
    pub(super) keeps: Option<String>,
    /// Whether it is asked until the operation is finished.
    pub(super) waits: bool,
    /// Its method.
    pub(super) method: String,
    /// Its path, with names to fill in.
    pub(super) path: String,
    header: Option<(String, String)>,
    body: String,
    /// What the two programs answer, where they differ.
    pub(super) wanted: Option<Wanted>,
}

/// Answers that differ.
pub(super) struct Wanted {
    /// Status of Tahoe-LAFS's.
    pub(super) theirs: u16,
    /// Status of ours.
    pub(super) ours: u16,
    /// Words in ours.
    pub(super) words: String,
}

/// The requests of a list.
pub(super) fn parse(text: &str) -> Vec<Line> {
    let is_request = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    text.lines().filter(is_request).map(line).collect()
}

fn line(text: &str) -> Line {
    let (request, wanted) = match text.split_once(" => ") {
        Some((request, wanted)) => (request, Some(self::wanted(wanted))),
        None => (text, None),
    };
    let (request, body) = request.split_once(" <<").unwrap_or((request, ""));
    let (request, header) = request.split_once(" | ").unwrap_or((request, ""));
    let (keeps, request) = match request.split_once(" = ") {
        Some((name, request)) => (Some(name.to_owned()), request),
        None => (None, request),
    };
    let (waits, request) = match request.strip_prefix("await ") {
        Some(request) => (true, request),
        None => (false, request),
    };
    let (method, path) = request.split_once(' ').unwrap();
    let header = header.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Line {
        text: text.to_owned(),
        keeps,
        waits,
        method: method.to_owned(),
        path: path.to_owned(),
        header,
        body: body.strip_prefix(' ').unwrap_or(body).to_owned(),
        wanted,
    }
}

fn wanted(text: &str) -> Wanted {
    let mut parts = text.splitn(3, ' ');
    let mut status = || parts.next().unwrap().parse().unwrap();
    let (theirs, ours) = (status(), status());
    Wanted { theirs, ours, words: parts.next().unwrap_or_default().to_owned() }
}

impl Line {
    /// Sends it, with names filled in.
    pub(super) fn ask(&self, web: &Web, names: &BTreeMap<String, String>) -> Result<Answer> {
        let mut headers: Vec<(&str, &str)> = Vec::new();
        if let Some((name, value)) = &self.header {
            headers.push((name, value));
        }
        let form_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let mut body = fill(&self.body, names);
        if let Some(fields) = body.strip_prefix("form: ") {
            body = form(fields);
            headers.push(("Content-Type", &form_type));
        }
        web.exchange((&self.method, &fill(&self.path, names)), &headers, body.as_bytes())
    }
}

/// Puts in what `$NAME` stands for; longer names first, as one may begin with another.
fn fill(text: &str, names: &BTreeMap<String, String>) -> String {
    let put =
        |text: String, (name, value): (&String, &String)| text.replace(&format!("${name}"), value);
    names.iter().rev().fold(text.to_owned(), put)
}

fn form(fields: &str) -> String {
    let mut body = String::new();
    for field in fields.split("; ") {
        let (name, value) = field.split_once('=').unwrap();
        let name = match name.split_once('@') {
            Some((name, file)) => format!("name=\"{name}\"; filename=\"{file}\""),
            None => format!("name=\"{name}\""),
        };
        body +=
            &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n");
    }
    body + &format!("--{BOUNDARY}--\r\n")
}
