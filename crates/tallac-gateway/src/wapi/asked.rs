//! A request once its head is understood: what all answers are made from.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::State;
use super::args::Args;
use super::error::WebError;
use super::form::{Form, FormFile};
use super::multipart;
use super::query::Query;
use super::request_body::RequestBody;
use super::spool::{Pieces, Plaintext, Spool};

/// Bytes of a mutable file or of a directory's table, at most: they are held in memory.
pub(super) const MUTABLE_LEN_MAX: u64 = 1 << 30;

/// Bytes of a list of children.
const JSON_LEN_MAX: u64 = 64 << 20;

/// Bytes of a body that is a cap.
const CAP_LEN_MAX: u64 = 64 << 10;

/// Operations whose body is a list of children, whatever its type says.
const WITH_CHILDREN: [&str; 4] =
    ["mkdir-with-children", "mkdir-immutable", "set_children", "set-children"];

/// A request.
pub(super) struct Asked<'a> {
    /// What all requests share.
    pub(super) state: &'a Arc<State>,
    /// Its head.
    pub(super) head: &'a Parts,
    /// Its arguments.
    pub(super) args: Args,
    /// What was not read of it.
    body: RequestBody,
    file: Option<FormFile>,
    /// The list of children in the body, once it was read.
    children: Bytes,
}

/// Its URL may be a secret.
impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asked({}, {:?})", self.head.method, self.args)
    }
}

impl<'a> Asked<'a> {
    /// Understands a request, and reads its form if it has one.
    pub(super) async fn new(
        state: &'a Arc<State>,
        head: &'a Parts,
        mut body: RequestBody,
    ) -> Result<Self, WebError> {
        let query = Query::parse(head.uri.query())?;
        let operation = query.value("t").unwrap_or_default().trim();
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let has_form = head.method == Method::POST && !WITH_CHILDREN.contains(&operation);
        let form = match content_type.filter(|_| has_form) {
            Some(content_type) => Form::receive(content_type, &mut body, &spool(state)).await?,
            None => Form::default(),
        };
        let args = Args::new(query, form.fields);
        Ok(Self { state, head, args, body, file: form.file, children: Bytes::new() })
    }

    /// Its method.
    pub(super) const fn method(&self) -> &Method {
        &self.head.method
    }

    /// Its headers.
    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Whether it only wants to know.
    pub(super) fn is_read(&self) -> bool {
        [Method::GET, Method::HEAD].contains(self.method())
    }

    /// The body as a new file.
    pub(super) async fn content(&mut self) -> Result<Plaintext, WebError> {
        Ok(spool(self.state).receive(&mut self.body).await?)
    }

    /// The file of the form.
    pub(super) fn form_file(&mut self) -> Result<FormFile, WebError> {
        self.file.take().ok_or(WebError::MissingArgument("file"))
    }

    /// What the client calls the file of the form.
    pub(super) fn filename(&self) -> Option<&str> {
        self.file.as_ref()?.filename.as_deref()
    }

    /// The body as the new content of a mutable file.
    pub(super) async fn mutable_content(&mut self) -> Result<Bytes, WebError> {
        Ok(self.body.gather(MUTABLE_LEN_MAX).await?)
    }

    /// The body as a list of children. It can be asked for again.
    pub(super) async fn children(&mut self) -> Result<Bytes, WebError> {
        let read = self.body.gather(JSON_LEN_MAX).await?;
        if !read.is_empty() {
            self.children = read;
        }
        Ok(self.children.clone())
    }

    /// The body as a cap.
    pub(super) async fn cap(&mut self) -> Result<String, WebError> {
        let body = self.body.gather(CAP_LEN_MAX).await?;
        let text = std::str::from_utf8(&body).map_err(|_| WebError::NotUtf8Field)?;
        Ok(text.trim().to_owned())
    }

    /// Whether the body was a form that may hold files.
    pub(super) fn is_multipart(&self) -> bool {
        let content_type = self.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        content_type.is_some_and(|content_type| multipart::boundary(content_type).is_some())
    }

    /// Whether there was nothing in the body.
    pub(super) async fn has_no_body(&mut self) -> Result<bool, WebError> {
        Ok(!self.args.has_fields() && self.body.next().await?.is_none())
    }
}

fn spool(state: &State) -> Spool {
    Spool { tempdir: state.config.tempdir.clone(), uploader: state.grid.uploader() }
}
