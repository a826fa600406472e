//! What programs are told of files and of the node, `t=json` (sections 8.2 and 8.3). The layout is
//! Tahoe-LAFS's to the letter: indented by one, and a newline at the end.

use std::time::UNIX_EPOCH;

use serde::Serialize;
use tallac_core::cap::UnknownCap;
use tallac_grid::grid::Grid;
use tallac_grid::servers::{GridServer, Health};
use tallac_grid::upload::ImmutableCap;

use super::config::Introducers;
use super::error::WebError;

/// Of a file or whatever a cap names.
#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    mutable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ro_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verify_uri: Option<String>,
}

/// What is known of an immutable file. A literal one is called CHK, too.
pub(super) fn file(cap: &ImmutableCap) -> Result<Vec<u8>, WebError> {
    let verify_uri = match cap {
        ImmutableCap::Lit(_) => None,
        ImmutableCap::Chk(cap) => Some(cap.to_verifier().to_string()),
    };
    let metadata = Metadata {
        mutable: Some(false),
        format: Some("CHK"),
        size: Some(cap.size()),
        ro_uri: Some(cap.to_string()),
        verify_uri,
    };
    print(&("filenode", metadata))
}

/// What is known of something whose cap is of a version to come: next to nothing.
pub(super) fn unknown(cap: &UnknownCap) -> Result<Vec<u8>, WebError> {
    let metadata = Metadata {
        mutable: cap.is_alleged_immutable().then_some(false),
        format: None,
        size: None,
        ro_uri: cap.is_alleged_readonly().then(|| cap.to_string()),
        verify_uri: None,
    };
    print(&("unknown", metadata))
}

/// The state of a node.
#[derive(Serialize)]
struct Welcome {
    introducers: IntroducerList,
    servers: Vec<Server>,
}

#[derive(Serialize)]
struct IntroducerList {
    statuses: Vec<String>,
}

#[derive(Serialize)]
struct Server {
    nodeid: String,
    connection_status: String,
    available_space: Option<u64>,
    nickname: String,
    version: Option<String>,
    last_received_data: Option<f64>,
}

/// Introducers and servers, as `GET /?t=json` tells of them.
pub(super) fn welcome(grid: &Grid, introducers: &Introducers) -> Result<Vec<u8>, WebError> {
    let statuses = introducers.statuses().into_iter().map(|status| status.text).collect();
    let servers = grid.servers().all().iter().map(|known| server(known)).collect();
    print(&Welcome { introducers: IntroducerList { statuses }, servers })
}

/// How a server is reached, in a word or with the reason.
pub(super) fn connection_status(health: &Health) -> String {
    match health {
        Health::Unknown => "unstarted".to_owned(),
        Health::Connected { .. } => "connected".to_owned(),
        Health::Failing { reason } => format!("failure: {reason}"),
    }
}

fn server(server: &GridServer) -> Server {
    let (info, health) = (server.info(), server.health());
    let (version, since) = match &health {
        Health::Connected { version, since } => (Some(version), Some(*since)),
        _ => (None, None),
    };
    Server {
        nodeid: info.id.as_str().to_owned(),
        connection_status: connection_status(&health),
        available_space: version.map(|version| version.available_space),
        nickname: info.nickname.clone(),
        version: version.map(|version| version.application_version.clone()),
        last_received_data: since
            .and_then(|since| since.duration_since(UNIX_EPOCH).ok())
            .map(|age| age.as_secs_f64()),
    }
}

fn print(value: &impl Serialize) -> Result<Vec<u8>, WebError> {
    let mut out = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, layout);
    value.serialize(&mut serializer).map_err(|_| WebError::Defect)?;
    out.push(b'\n');
    Ok(out)
}
