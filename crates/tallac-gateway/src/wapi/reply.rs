//! Answers with the headers that all of them have (section 8.1).

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, ALLOW, CONTENT_RANGE, CONTENT_TYPE};
use http::header::{CONTENT_LENGTH, ETAG, HeaderName, LOCATION, REFERRER_POLICY, UPGRADE};
use http::header::{WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderValue, Response, StatusCode};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::body::Body;
use super::error::WebError;

/// Type of what is read by people, and of errors.
pub(super) const TEXT_UTF8: &str = "text/plain;charset=utf-8";

/// Type of caps and of metadata, as Tahoe-LAFS has it.
pub(super) const TEXT: &str = "text/plain";

/// Type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// Type of what programs are told of the node.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// What cannot stand in a header as it is. A percent sign can: it is one of the client's quoting.
const UNPRINTABLE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    response: Response<Body>,
}

impl Reply {
    /// With this body, whose length is announced.
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: Body) -> Self {
        Self::announcing(body.len(), status, content_type, body)
    }

    /// With another length announced than the body has: the answer to a `HEAD`.
    pub(super) fn announcing(
        len: u64,
        status: StatusCode,
        content_type: &'static str,
        body: Body,
    ) -> Self {
        let mut reply = Self::empty(status);
        *reply.response.body_mut() = body;
        reply
            .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
            .header(CONTENT_LENGTH, len.into())
    }

    /// Of a length that nobody knows yet.
    pub(super) fn streamed(content_type: &'static str, body: Body) -> Self {
        let mut reply = Self::empty(StatusCode::OK);
        *reply.response.body_mut() = body;
        reply.header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// Without a body, and without a word about one.
    pub(super) fn empty(status: StatusCode) -> Self {
        let mut response = Response::new(Body::full(Bytes::new()));
        *response.status_mut() = status;
        Self { response }
            .header(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))
            .header(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
            .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
    }

    /// A text of ours or a cap.
    pub(super) fn text(content_type: &'static str, text: impl Into<Bytes>) -> Self {
        let reply = Self::new(StatusCode::OK, content_type, Body::full(text));
        if content_type == HTML { reply.of_interface() } else { reply }
    }

    /// Look there.
    pub(super) fn found(location: &str) -> Result<Self, WebError> {
        let value = HeaderValue::from_str(location).map_err(|_| WebError::Defect)?;
        let body = Body::full("What was asked for is at another address.\n");
        Ok(Self::new(StatusCode::FOUND, TEXT_UTF8, body).header(LOCATION, value))
    }

    /// Made; look there.
    pub(super) fn see_other(location: &str) -> Result<Self, WebError> {
        let mut reply = Self::found(location)?;
        *reply.response.status_mut() = StatusCode::SEE_OTHER;
        Ok(reply)
    }

    /// Its status.
    pub(super) fn status_code(&self) -> StatusCode {
        self.response.status()
    }

    /// With another status.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        *self.response.status_mut() = status;
        self
    }

    /// Done; look where the client wanted to go on.
    pub(super) fn when_done(location: &str) -> Result<Self, WebError> {
        let location = utf8_percent_encode(location, UNPRINTABLE).to_string();
        let value = HeaderValue::from_str(&location).map_err(|_| WebError::Defect)?;
        let body = Body::full("Done.\n");
        Ok(Self::new(StatusCode::FOUND, TEXT_UTF8, body).header(LOCATION, value))
    }

    /// What went wrong.
    pub(super) fn error(error: &WebError) -> Self {
        let reply = Self::new(error.status(), TEXT_UTF8, Body::full(error.to_string()));
        match error {
            WebError::MethodNotAllowed(allowed) => {
                reply.header(ALLOW, HeaderValue::from_static(allowed))
            }
            WebError::Unauthorized => reply.header(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("tahoe-lafs realm=\"tahoe-lafs\""),
            ),
            WebError::NoWebSocket => {
                reply.header(UPGRADE, HeaderValue::from_static("websocket")).header(
                    HeaderName::from_static("sec-websocket-version"),
                    HeaderValue::from_static("13"),
                )
            }
            WebError::BeyondEnd { size } => reply
                .header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
                .text_header(CONTENT_RANGE, &format!("bytes */{size}")),
            _ => reply,
        }
    }

    /// With a header more.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    /// With a header more, unless the text cannot stand in one.
    pub(super) fn text_header(self, name: HeaderName, text: &str) -> Self {
        match HeaderValue::from_bytes(text.as_bytes()) {
            Ok(value) => self.header(name, value),
            Err(_) => self,
        }
    }

    /// With the name of this version of the content.
    pub(super) fn etag(self, etag: Option<&str>) -> Self {
        match etag {
            Some(etag) => self.text_header(ETAG, etag),
            None => self,
        }
    }

    /// As it goes out.
    pub(super) fn into_response(self) -> Response<Body> {
        self.response
    }
}
