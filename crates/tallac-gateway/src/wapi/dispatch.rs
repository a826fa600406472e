//! Which answer a request gets: by method, by what its URL names, and by the kind of cap.

use std::sync::Arc;

use http::Method;
use http::request::Parts;
use tallac_core::cap::{Cap, CapKind, FileCap};
use tallac_grid::upload::ImmutableCap;

use super::asked::Asked;
use super::download::Get;
use super::error::WebError;
use super::query::quotable;
use super::reply::{HTML, JSON, Reply, TEXT};
use super::request_body::RequestBody;
use super::route::Route;
use super::{State, json, unlinked, welcome};

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
    let route = Route::parse(head.uri.path())?;
    let mut asked = Asked::new(state, head, body).await?;
    match route {
        Route::Welcome => asked.welcome(),
        Route::Root(root) => unlinked::answer(&mut asked, root).await,
        Route::Node { cap, children } => asked.node(&cap, children).await,
        Route::Named { cap, name } => asked.named(&cap, name.as_deref()).await,
    }
}

impl Asked<'_> {
    /// `/`
    fn welcome(&self) -> Result<Reply, WebError> {
        self.only_reads()?;
        match self.args.operation() {
            "" => Ok(Reply::text(HTML, welcome::page(self.state))),
            "json" => {
                let introducers = &self.state.config.introducers;
                Ok(Reply::text(JSON, json::welcome(&self.state.grid, introducers)?))
            }
            operation => Err(bad_operation("GET /", operation)),
        }
    }

    /// `/uri/CAP/…`
    async fn node(&self, text: &str, children: Vec<String>) -> Result<Reply, WebError> {
        let cap = Cap::parse(text);
        if let Cap::Unknown(cap) = &cap
            && cap.error().is_none()
            && self.head.method == Method::GET
            && self.args.operation() == "json"
            && children.is_empty()
        {
            return Ok(Reply::text(TEXT, json::unknown(cap)?));
        }
        let cap = immutable_file(cap)?;
        if let Some(child) = children.into_iter().next() {
            return Err(WebError::NoChildren(child));
        }
        match (&self.head.method, self.args.operation()) {
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
        let is_head = *self.method() == Method::HEAD;
        let (args, headers) = (&self.args, self.headers());
        Get { cap, name, is_head, args, headers }.answer(self.state).await
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
