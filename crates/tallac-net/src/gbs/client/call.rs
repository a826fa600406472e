//! A request as it is before it is known which connection it goes over.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, Request, Uri};

use super::body::{RequestBody, ShareUpload};
use crate::gbs::path::Path;
use crate::gbs::{CBOR, auth};

/// What a request says, to be sent once or, if its connection was stale, twice.
pub(super) struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    content: Content,
}

enum Content {
    Nothing,
    Message(Bytes),
    Upload(ShareUpload),
}

impl Call {
    pub(super) fn new(method: Method, path: Path) -> Self {
        let uri = Uri::try_from(path.to_string()).expect("our paths need no escaping");
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, HeaderValue::from_static(CBOR));
        Self { method, uri, headers, content: Content::Nothing }
    }

    pub(super) fn with_secrets(mut self, values: impl IntoIterator<Item = HeaderValue>) -> Self {
        for value in values {
            self.headers.append(auth::SECRETS, value);
        }
        self
    }

    /// Adds a header, whose value must be made of digits and plain words.
    pub(super) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        let value = HeaderValue::try_from(value).expect("plain words can stand in a header");
        self.headers.insert(name, value);
        self
    }

    pub(super) fn set_message(&mut self, message: Bytes) {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CBOR));
        self.content = Content::Message(message);
    }

    /// Sets a message that may be long, in pieces that follow each other.
    pub(super) fn set_pieces(&mut self, pieces: Vec<Bytes>) {
        self.set_message(Bytes::new());
        self.content = Content::Upload(ShareUpload::of_pieces(pieces));
    }

    pub(super) fn set_upload(&mut self, upload: ShareUpload) {
        self.content = Content::Upload(upload);
    }

    /// The share data, or the long message, that goes with it.
    pub(super) const fn upload(&self) -> Option<&ShareUpload> {
        match &self.content {
            Content::Upload(upload) => Some(upload),
            Content::Nothing | Content::Message(_) => None,
        }
    }

    /// Whether it can be sent once more from its beginning.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.upload().is_none_or(ShareUpload::can_be_repeated)
    }

    /// The request to send, from its beginning.
    pub(super) fn request(&self) -> Request<RequestBody> {
        let body = match &self.content {
            Content::Nothing => RequestBody::message(Bytes::new()),
            Content::Message(message) => RequestBody::message(message.clone()),
            Content::Upload(upload) => upload.body(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
