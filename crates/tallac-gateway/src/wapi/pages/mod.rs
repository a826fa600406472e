//! Pages about the node: what it does and has done, what it counts, its storage server, its log
//! (section 8.2). Each in the form that `t=` asks for: a page, or JSON.

mod assets;
mod event_json;
mod incident;
mod logs;
mod metrics;
mod operation;
mod operations;
mod parts;
mod static_files;
mod statistics;

use std::sync::Arc;

use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tallac_core::dirnode::Json;

use super::State;
use super::asked::Asked;
use super::error::WebError;
use super::html::{self, escape};
use super::json;
use super::node_view::Named;
use super::query::quotable;
use super::reply::Reply;
use super::route::Page;

pub(super) use logs::LogReaders;
pub(super) use metrics::{WebMetrics, kind, kind_name};

/// What all that is under `/private` asks for.
const SCHEME: &str = "tahoe-lafs ";

/// Refuses what is asked in a way that the page does not take, before the body is read.
pub(super) fn check(state: &State, head: &Parts, page: &Page) -> Result<(), WebError> {
    let is_read = [Method::GET, Method::HEAD].contains(&head.method);
    match page {
        Page::Private(_) => authorize(state, head),
        Page::Incident if head.method != Method::POST => Err(WebError::ReportWithoutPost),
        Page::Incident => Ok(()),
        Page::Static(_) | Page::Asset(_) | Page::Metrics if !is_read => {
            Err(WebError::MethodNotAllowed("GET, HEAD"))
        }
        _ if !is_read && head.method != Method::POST => {
            Err(WebError::MethodNotAllowed("GET, HEAD, POST"))
        }
        _ => Ok(()),
    }
}

/// Whether the client has the node's token.
fn authorize(state: &State, head: &Parts) -> Result<(), WebError> {
    let header = head.headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let proposed = header.and_then(|header| {
        let (scheme, token) = header.split_at_checked(SCHEME.len())?;
        scheme.eq_ignore_ascii_case(SCHEME.as_bytes()).then_some(token.trim_ascii())
    });
    match (&state.config.api_token, proposed) {
        (Some(token), Some(proposed)) if token.is(proposed) => Ok(()),
        _ => Err(WebError::Unauthorized),
    }
}

/// Answers with a page.
pub(super) async fn answer(asked: &Asked<'_>, page: Page) -> Result<Reply, WebError> {
    match page {
        Page::Operations => operations::answer(asked),
        Page::Operation { name, events } => operation::answer(asked, &name, events),
        Page::Statistics => statistics::answer(asked).await,
        Page::Metrics => metrics::answer(asked).await,
        Page::Storage => parts::storage(asked).await,
        Page::Helper => parts::helper(asked).await,
        Page::Incident => incident::answer(asked).await,
        Page::Private(path) => match path.trim_end_matches('/') {
            "logs/v1" => logs::answer(asked),
            _ => Err(WebError::NoSuchPage),
        },
        Page::Static(names) => static_files::answer(asked, names).await,
        Page::Asset(name) => Ok(assets::answer(name)),
    }
}

/// The form that is asked for, in capitals; empty for the page itself. As in Tahoe-LAFS, case makes
/// no difference.
fn form(asked: &Asked<'_>) -> Result<Form, WebError> {
    match asked.args.operation().to_ascii_lowercase().as_str() {
        "" | "html" => Ok(Form::Page),
        "json" => Ok(Form::Json),
        "openmetrics" => Ok(Form::OpenMetrics),
        _ => Err(unknown_form(asked)),
    }
}

/// The forms that pages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Json,
    OpenMetrics,
}

fn unknown_form(asked: &Asked<'_>) -> WebError {
    WebError::UnknownForm(quotable(asked.args.operation()))
}

/// The beginning of a page with this heading.
fn begin(heading: &str) -> String {
    let heading = escape(heading);
    format!("{}<h1>{heading}</h1>\n", html::begin(&format!("{heading} - Tallac")))
}

/// The end of a page.
fn end(page: String) -> String {
    page + "<p>Return to the <a href=\"/\">Welcome Page</a></p>\n" + html::END
}

fn object(members: Named) -> Json {
    Json::Object(members)
}

/// A value as it stands in a page.
fn shown(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => "?".to_owned(),
        Some(Json::String(text)) => escape(text),
        Some(value) => escape(&value.to_string()),
    }
}

pub(super) fn find<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

/// A member of an object.
pub(super) fn member<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    match value {
        Json::Object(members) => find(members, name),
        _ => None,
    }
}

pub(super) fn as_u64(value: Option<&Json>) -> u64 {
    match value {
        Some(Json::Number(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

/// A number of bytes in Tahoe-LAFS's words.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size(bytes: u64) -> String {
    let r = bytes as f64;
    match bytes {
        0..=1_000 => format!("{bytes}B"),
        1_001..=1_000_000 => format!("{:.1}kB", r / 1e3),
        1_000_001..=1_000_000_000 => format!("{:.2}MB", r / 1e6),
        _ => format!("{:.2}GB", r / 1e9),
    }
}

/// A time of the clock as people read it.
fn time(time: std::time::SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => String::new(),
    }
}

/// A span of time as people read it.
fn span(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2}s"),
        s if s >= 0.01 => format!("{:.0}ms", s * 1e3),
        s if s >= 0.001 => format!("{:.1}ms", s * 1e3),
        s => format!("{:.0}us", s * 1e6),
    }
}

/// JSON as Tahoe-LAFS lays it out.
fn pretty(value: &Json) -> String {
    json::pretty(value)
}

/// What is asked of another part of the node.
fn node(asked: &Asked<'_>) -> Arc<dyn super::NodeView> {
    Arc::clone(&asked.state.config.node)
}
