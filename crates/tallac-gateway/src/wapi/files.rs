//! Which answer a request gets: by method, by what its URL names, and by the kind of cap.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tallac_core::cap::{Cap, CapKind, FileCap};
use tallac_grid::upload::ImmutableCap;

use super::download::Get;
use super::error::WebError;
use super::query::{self, Query, quotable};
use super::reply::{Reply, TEXT};
use super::route::{RootName, Route};
use super::{State, json, upload, welcome};

/// What may stand in a path as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The type of the welcome page.
const HTML: &str = "text/html; charset=utf-8";

/// The type of what programs are told of the node.
const JSON: &str = "application/json; charset=utf-8";

/// The head of a request, and what all requests share.
struct Asked<'a> {
    state: &'a State,
    head: &'a Parts,
    query: Query,
}

/// Answers one request. The body is read only where it is needed.
pub(super) async fn answer<B>(state: &State, head: &Parts, body: &mut B) -> Result<Reply, WebError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let known = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
    if !known.contains(&head.method) {
        return Err(WebError::UnknownMethod);
    }
    let route = Route::parse(head.uri.path())?;
    let asked = Asked { state, head, query: Query::parse(head.uri.query())? };
    match route {
        Route::Welcome => asked.welcome(),
        Route::Root(_) if head.method == Method::PUT => {
            upload::put(state, &asked.query, body).await
        }
        Route::Root(root) => asked.root(root),
        Route::Node { cap, children } => asked.node(&cap, children).await,
        Route::Named { cap, name } => asked.named(&cap, name.as_deref()).await,
    }
}

impl Asked<'_> {
    /// `/`
    fn welcome(&self) -> Result<Reply, WebError> {
        self.only_reads()?;
        match self.query.operation() {
            "" => Ok(Reply::text(HTML, welcome::page(self.state))),
            "json" => {
                let introducers = &self.state.config.introducers;
                Ok(Reply::text(JSON, json::welcome(&self.state.grid, introducers)?))
            }
            operation => Err(bad_operation("GET /", operation)),
        }
    }

    /// `/uri`, but for `PUT`.
    fn root(&self, root: RootName) -> Result<Reply, WebError> {
        match self.head.method {
            Method::GET | Method::HEAD => self.look_up(root),
            Method::POST => Err(match self.query.operation() {
                "" | "upload" => WebError::NotYet("uploads from forms; use PUT /uri."),
                "mkdir" | "mkdir-with-children" | "mkdir-immutable" => {
                    WebError::NotYet("making directories.")
                }
                _ => WebError::BadRootOperation,
            }),
            _ => Err(WebError::MethodNotAllowed("GET, HEAD, PUT, POST")),
        }
    }

    /// `GET /uri?uri=CAP`: sends the client to the page of the cap, with all other arguments.
    fn look_up(&self, root: RootName) -> Result<Reply, WebError> {
        let cap = self.query.value("uri").ok_or(WebError::NoCapGiven)?.trim();
        Cap::parse(cap).into_known().map_err(WebError::BadCap)?;
        let mut location = format!("{}/{}", root.path(), utf8_percent_encode(cap, UNRESERVED));
        let others = query::split(self.head.uri.query().unwrap_or_default())
            .filter(|(name, _)| query::decode(name).is_ok_and(|name| name != "uri"));
        for (at, (name, value)) in others.enumerate() {
            location.push(if at == 0 { '?' } else { '&' });
            location += name;
            location.push('=');
            location += value;
        }
        Reply::found(&location)
    }

    /// `/uri/CAP/…`
    async fn node(&self, text: &str, children: Vec<String>) -> Result<Reply, WebError> {
        let cap = Cap::parse(text);
        if let Cap::Unknown(cap) = &cap
            && cap.error().is_none()
            && self.head.method == Method::GET
            && self.query.operation() == "json"
            && children.is_empty()
        {
            return Ok(Reply::text(TEXT, json::unknown(cap)?));
        }
        let cap = immutable_file(cap)?;
        if let Some(child) = children.into_iter().next() {
            return Err(WebError::NoChildren(child));
        }
        match (&self.head.method, self.query.operation()) {
            (&Method::GET | &Method::HEAD, _) => self.get(&cap, None).await,
            (&Method::POST, "check") => Err(WebError::NotYet("checking files (t=check).")),
            (&Method::POST, operation) if operation != "upload" => {
                Err(bad_operation("POST to file", operation))
            }
            _ => Err(WebError::Immutable),
        }
    }

    /// `/named/CAP/NAME`
    async fn named(&self, cap: &str, name: Option<&str>) -> Result<Reply, WebError> {
        self.only_reads()?;
        self.get(&immutable_file(Cap::parse(cap))?, name).await
    }

    async fn get(&self, cap: &ImmutableCap, name: Option<&str>) -> Result<Reply, WebError> {
        let Self { state, head, query } = self;
        let is_head = head.method == Method::HEAD;
        Get { cap, name, is_head, query, headers: &head.headers }.answer(state).await
    }

    fn only_reads(&self) -> Result<(), WebError> {
        match self.head.method {
            Method::GET | Method::HEAD => Ok(()),
            _ => Err(WebError::MethodNotAllowed("GET, HEAD")),
        }
    }
}

fn bad_operation(context: &'static str, operation: &str) -> WebError {
    WebError::BadOperation { context, operation: quotable(operation) }
}

/// The file that a cap names, if it is one of the kinds that can be read here.
fn immutable_file(cap: Cap) -> Result<ImmutableCap, WebError> {
    let kind = cap.kind();
    match cap {
        Cap::File(FileCap::Lit(cap)) => Ok(ImmutableCap::Lit(cap)),
        Cap::File(FileCap::ChkRead(cap)) => {
            cap.encoding().map_err(WebError::BadNumbers)?;
            Ok(ImmutableCap::Chk(cap))
        }
        Cap::Unknown(cap) => Err(WebError::BadCap(cap.why())),
        Cap::File(_) | Cap::Directory(_) => Err(match kind {
            Some(kind) if kind.file.is_verifier() => WebError::VerifyCap(kind),
            Some(CapKind { is_directory: true, .. }) => WebError::NotYet("directories."),
            _ => WebError::NotYet("mutable files."),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHK: &str = "URI:CHK:lg4chvdp7ulgcrg2mh7okvovmi:\
        m6psgzbbkm6uskj65uedndsr33uycntsfef4q6a73lrkdbvz7vnq";

    /// What is answered for a cap, as a status; 200 where there is a file.
    fn status(text: &str) -> u16 {
        immutable_file(Cap::parse(text)).map_or_else(|error| error.status().as_u16(), |_| 200)
    }

    #[test]
    fn kinds_of_cap() {
        assert_eq!(status("URI:LIT:"), 200);
        assert_eq!(status("imm.URI:LIT:nbswy3dp"), 200);
        assert_eq!(status(&format!("{CHK}:2:3:1000")), 200);
        assert_eq!(status(&format!("{CHK}:3:2:1000")), 400);
        assert_eq!(status(&format!("{CHK}:0:0:0")), 400);
        assert_eq!(status(&format!("{CHK}:2:3:1000x")), 400);
        assert_eq!(status(""), 400);
        assert_eq!(status("garbage"), 400);
        let fields =
            "lg4chvdp7ulgcrg2mh7okvovmi:m6psgzbbkm6uskj65uedndsr33uycntsfef4q6a73lrkdbvz7vnq";
        assert_eq!(status(&format!("URI:SSK:{fields}")), 501);
        assert_eq!(status(&format!("URI:MDMF-RO:{fields}")), 501);
        assert_eq!(status(&format!("URI:DIR2:{fields}")), 501);
        assert_eq!(status(&format!("URI:DIR2-Verifier:{fields}")), 400);
        assert_eq!(status(&format!("URI:CHK-Verifier:{fields}:2:3:1000")), 400);
        assert_eq!(status("URI:DIR2-LIT:"), 501);
    }

    proptest! {
        #[test]
        fn no_error_repeats_a_cap(
            prefix in "(URI:CHK:|URI:SSK:|URI:DIR2:|URI:LIT:|)",
            secret in "[A-Z0-9]{12,60}",
            end in "(:|:3:10:x|:0:0:0|)",
        ) {
            if let Err(error) = immutable_file(Cap::parse(&format!("{prefix}{secret}{end}"))) {
                prop_assert!(!error.to_string().contains(&secret));
            }
        }
    }
}
