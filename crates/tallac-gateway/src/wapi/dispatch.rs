//! Which answer a request gets: by method, by what its URL names, and by the kind of cap.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use http::request::Parts;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::asked::Asked;
use super::download::Get;
use super::error::WebError;
use super::file_node::{self, bad_operation};
use super::operations::At;
use super::place::{self, Place, Target};
use super::reply::{HTML, JSON, Reply};
use super::request_body::RequestBody;
use super::route::Route;
use super::{State, directory_node, json, pages, safety, ui, unlinked, welcome};

/// Answers one request. The body is read only where it is needed.
pub(super) async fn answer(
    state: &Arc<State>,
    head: &Parts,
    body: RequestBody,
) -> Result<Reply, WebError> {
    let known = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
    if !known.contains(&head.method) {
        return Err(WebError::UnknownMethod);
    }
    safety::check(head, &state.config.hosts)?;
    let route = Route::parse(head.uri.path())?;
    let (started, kind) = (Instant::now(), pages::kind(&head.method, &route));
    // The path is left out: it may have caps in it.
    let span = tracing::info_span!(
        "web request",
        method = head.method.as_str(),
        kind = pages::kind_name(kind),
        status = Empty,
        otel.kind = "server",
        otel.status_code = Empty
    );
    let answer = answer_at(state, head, body, route).instrument(span.clone()).await;
    let status = answer.as_ref().map_or_else(WebError::status, Reply::status_code);
    span.record("status", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    state.metrics.note(kind, started.elapsed(), status);
    answer
}

async fn answer_at(
    state: &Arc<State>,
    head: &Parts,
    body: RequestBody,
    route: Route,
) -> Result<Reply, WebError> {
    if matches!(route, Route::Welcome | Route::Named { .. }) {
        only_reads(&head.method)?;
    }
    if let Route::Page(page) = &route {
        pages::check(state, head, page)?;
    }
    let mut asked = Asked::new(state, head, body).await?;
    match route {
        Route::Page(page) => pages::answer(&asked, page).await,
        Route::Ui(path) => ui::answer(&mut asked, path).await,
        Route::Welcome => asked.welcome(),
        Route::Root(root) => unlinked::answer(&mut asked, root).await,
        Route::Node { cap, children } => asked.node(&cap, children).await,
        Route::Operation(handle, object) => {
            let at = At { handle: &handle, detail: object.as_deref() };
            state.operations.answer(&asked, at).await
        }
        Route::Named { cap, name } => asked.named(&cap, name.as_deref()).await,
    }
}

/// Refuses whatever would change something, before its body is read.
fn only_reads(method: &Method) -> Result<(), WebError> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(WebError::MethodNotAllowed("GET, HEAD")),
    }
}

impl Asked<'_> {
    /// `/`
    fn welcome(&self) -> Result<Reply, WebError> {
        match self.args.operation() {
            "" if ui::is_wanted(self) => Reply::see_other("/ui/"),
            "" => Ok(Reply::text(HTML, welcome::page(self.state))),
            "json" => {
                let introducers = &self.state.config.introducers;
                Ok(Reply::text(JSON, json::pretty(&json::welcome(&self.state.grid, introducers))))
            }
            operation => Err(bad_operation("GET /:", operation)),
        }
    }

    /// `/uri/CAP/…`
    async fn node(&mut self, cap: &str, children: Vec<String>) -> Result<Reply, WebError> {
        match place::resolve(self, cap, children).await? {
            Place::Vacant(spot) => file_node::answer_vacant(self, &spot).await,
            Place::Blind(spot) => file_node::answer_blind(self, &spot).await,
            Place::Taken(target) => match target.node.directory() {
                Some(cap) => directory_node::answer(self, &target, cap).await,
                None => file_node::answer(self, &target).await,
            },
        }
    }

    /// `/named/CAP/NAME`
    async fn named(&self, cap: &str, name: Option<&str>) -> Result<Reply, WebError> {
        let target = Target { node: place::root(cap)?, link: None };
        self.state.blacklist.now()?.check(&target.node)?;
        if target.node.is_directory() {
            return Err(WebError::NotAFile);
        }
        Get::new(self, &target, name).answer().await
    }
}
