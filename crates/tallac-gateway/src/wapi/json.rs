//! What programs are told of files, directories and the node, `t=json` (sections 8.2 to 8.4). The
//! layout is Tahoe-LAFS's to the letter: indented by one, ASCII only, and a newline at the end.

use std::time::UNIX_EPOCH;

use tallac_core::cap::{Cap, DirectoryCap, FileCap, MutableFormat};
use tallac_core::dirnode::{Child, Directory, Json, Metadata, Node};
use tallac_grid::grid::Grid;
use tallac_grid::servers::{GridServer, Health};

use super::config::Introducers;

/// Members as they are collected: those that are nothing are left out.
#[derive(Debug, Default)]
pub(super) struct Members(Vec<(String, Json)>);

impl Members {
    /// With one more.
    pub(super) fn with(mut self, name: &str, value: Json) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    /// With a text more, if there is one.
    pub(super) fn with_text(self, name: &str, text: Option<String>) -> Self {
        match text {
            Some(text) => self.with(name, Json::String(text)),
            None => self,
        }
    }

    /// The object.
    pub(super) fn end(self) -> Json {
        Json::Object(self.0)
    }
}

/// A number.
pub(super) fn number(number: impl Into<u64>) -> Json {
    Json::Number(number.into().to_string())
}

/// A text.
pub(super) fn text(text: impl Into<String>) -> Json {
    Json::String(text.into())
}

fn of_kind(kind: &str, members: Members) -> Json {
    Json::Array(vec![text(kind), members.end()])
}

fn verify_cap(node: &Node) -> Option<String> {
    node.to_verifier().map(|cap| cap.to_string())
}

/// What is known of a file. A literal one is called CHK, too.
pub(super) fn file(node: &Node, size: Option<u64>, metadata: Option<&Metadata>) -> Json {
    let mut members = shape(node, size)
        .with_text("ro_uri", node.read_cap())
        .with_text("rw_uri", node.write_cap())
        .with_text("verify_uri", verify_cap(node));
    if let Some(metadata) = metadata {
        members = members.with("metadata", of_link(metadata));
    }
    of_kind("filenode", members)
}

/// Of what shape a file is.
fn shape(node: &Node, size: Option<u64>) -> Members {
    let format = match node.file() {
        Some(FileCap::SskWrite(cap)) => format_name(cap.format()),
        Some(FileCap::SskRead(cap)) => format_name(cap.format()),
        _ => "CHK",
    };
    let members = Members::default()
        .with("mutable", Json::Bool(node.is_mutable()))
        .with("format", text(format));
    match size {
        Some(size) => members.with("size", number(size)),
        None => members,
    }
}

/// What a mutable format is called.
pub(super) const fn format_name(format: MutableFormat) -> &'static str {
    match format {
        MutableFormat::Sdmf => "SDMF",
        MutableFormat::Mdmf => "MDMF",
    }
}

/// The same for the metadata of a link.
fn of_link(metadata: &Metadata) -> Json {
    Json::Object(metadata.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect())
}

/// What is known of something whose caps are of a version to come: next to nothing.
pub(super) fn unknown(
    node: &Node,
    metadata: Option<&Metadata>,
    is_in_immutable_directory: bool,
) -> Json {
    let (write_cap, read_cap) = (node.write_cap(), node.read_cap());
    let is_writeable = write_cap.is_some();
    let is_immutable = read_cap.is_some() && node.is_alleged_immutable();
    let mut members =
        Members::default().with_text("ro_uri", read_cap).with_text("rw_uri", write_cap);
    if is_writeable {
        members = members.with("mutable", Json::Bool(true));
    } else if is_in_immutable_directory || is_immutable {
        members = members.with("mutable", Json::Bool(false));
    }
    if let Some(metadata) = metadata {
        members = members.with("metadata", of_link(metadata));
    }
    of_kind("unknown", members)
}

/// A directory and what is in it.
pub(super) fn directory(cap: &DirectoryCap, table: &Directory) -> Json {
    let children = table.iter().map(|(name, known)| (name.as_str().to_owned(), child(&known)));
    let node = Node::from(cap.clone());
    let members = Members::default()
        .with("children", Json::Object(children.collect()))
        .with_text("ro_uri", node.read_cap())
        .with_text("rw_uri", node.write_cap())
        .with_text("verify_uri", verify_cap(&node))
        .with("mutable", Json::Bool(node.is_mutable()));
    of_kind("dirnode", members)
}

fn child(child: &Child) -> Json {
    let node = &child.node;
    let (kind, members) = match node {
        Node::Known(Cap::File(_)) => ("filenode", shape(node, node.size())),
        Node::Known(_) => {
            ("dirnode", Members::default().with("mutable", Json::Bool(node.is_mutable())))
        }
        Node::Unknown(_) => ("unknown", Members::default()),
    };
    let members = members
        .with("metadata", of_link(&child.metadata))
        .with_text("rw_uri", node.write_cap())
        .with_text("ro_uri", node.read_cap())
        .with_text("verify_uri", verify_cap(node));
    of_kind(kind, members)
}

/// Introducers and servers, as `GET /?t=json` tells of them.
pub(super) fn welcome(grid: &Grid, introducers: &Introducers) -> Json {
    let statuses = introducers.statuses().into_iter().map(|status| text(status.text)).collect();
    let introducers = Members::default().with("statuses", Json::Array(statuses)).end();
    let servers = grid.servers().all().iter().map(|known| server(known)).collect();
    Members::default().with("introducers", introducers).with("servers", Json::Array(servers)).end()
}

/// How a server is reached, in a word or with the reason.
pub(super) fn connection_status(health: &Health) -> String {
    match health {
        Health::Unknown => "unstarted".to_owned(),
        Health::Connected { .. } => "connected".to_owned(),
        Health::Failing { reason } => format!("failure: {reason}"),
    }
}

fn server(server: &GridServer) -> Json {
    let (info, health) = (server.info(), server.health());
    let (version, since) = match &health {
        Health::Connected { version, since } => (Some(version), Some(*since)),
        _ => (None, None),
    };
    let space = version.map(|version| number(version.available_space));
    let program = version.map(|version| text(&*version.application_version));
    let received = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    Members::default()
        .with("nodeid", text(info.id.as_str()))
        .with("connection_status", text(connection_status(&health)))
        .with("available_space", space.unwrap_or(Json::Null))
        .with("nickname", text(&*info.nickname))
        .with("version", program.unwrap_or(Json::Null))
        .with(
            "last_received_data",
            received.map_or(Json::Null, |age| Json::float(age.as_secs_f64())),
        )
        .with("upload_permitted", Json::Bool(server.may_take_shares()))
        .end()
}

/// The text of a value, indented by one, with a newline at the end.
pub(super) fn pretty(value: &Json) -> String {
    indented(value) + "\n"
}

/// The text of a value, indented by one.
pub(super) fn indented(value: &Json) -> String {
    let mut out = String::new();
    write(&mut out, value, 1);
    out
}

fn write(out: &mut String, value: &Json, depth: usize) {
    match value {
        Json::Array(values) if !values.is_empty() => {
            for (at, value) in values.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                new_line(out, depth);
                write(out, value, depth + 1);
            }
            new_line(out, depth - 1);
            out.push(']');
        }
        Json::Object(members) if !members.is_empty() => {
            for (at, (name, value)) in members.iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                new_line(out, depth);
                write_text(out, name);
                *out += ": ";
                write(out, value, depth + 1);
            }
            new_line(out, depth - 1);
            out.push('}');
        }
        Json::String(value) => write_text(out, value),
        value => *out += &value.to_string(),
    }
}

/// Most texts stand in JSON as they are: caps do, and names of members.
fn write_text(out: &mut String, value: &str) {
    let is_plain = |byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if value.bytes().all(is_plain) {
        out.push('"');
        *out += value;
        out.push('"');
    } else {
        *out += &text(value).to_string();
    }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pythons() {
        let value = Json::parse(
            r#"["dirnode", {"a": {}, "b": [],
            "é😀\"": [1, 1.5, true, null], "c": {"d": "e\n"}}]"#,
        );
        let expected = "[\n \"dirnode\",\n {\n  \"a\": {},\n  \"b\": [],\n  \
            \"\\u00e9\\ud83d\\ude00\\\"\": [\n   1,\n   1.5,\n   true,\n   null\n  ],\n  \
            \"c\": {\n   \"d\": \"e\\n\"\n  }\n }\n]\n";
        assert_eq!(pretty(&value.unwrap()), expected);
    }
}
