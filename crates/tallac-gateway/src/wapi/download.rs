//! Files and what is known of them: `GET` and `HEAD` by a cap (section 8.3).

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, HeaderName, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tallac_core::cap::{CapError, FileCap};
use tallac_grid::mutable::MutableFile;
use tallac_grid::upload::ImmutableCap;

use super::asked::Asked;
use super::body::Body;
use super::content_type::guess;
use super::error::WebError;
use super::file_node::bad_operation;
use super::place::Target;
use super::query::quotable;
use super::range::Selection;
use super::readable::Readable;
use super::reply::{HTML, Reply, TEXT};
use super::{html, json, safety};

/// The name of a file that was given none.
const UNNAMED: &str = "unknown";

/// A request for a file, or for something of a kind that is not known.
#[derive(Debug)]
pub(super) struct Get<'a> {
    asked: &'a Asked<'a>,
    /// Which file, and how it was found.
    target: &'a Target,
    /// Its name in the URL, if it has one.
    name: Option<&'a str>,
}

impl<'a> Get<'a> {
    /// Of what was found, under a name.
    pub(super) const fn new(
        asked: &'a Asked<'_>,
        target: &'a Target,
        name: Option<&'a str>,
    ) -> Self {
        Self { asked, target, name }
    }

    /// Content, or whatever else `t=` asks for.
    pub(super) async fn answer(&self) -> Result<Reply, WebError> {
        let operation = self.asked.args.operation();
        if self.is_head() && !operation.is_empty() {
            return Err(bad_operation("HEAD file:", operation));
        }
        let node = &self.target.node;
        if node.is_unknown() {
            return self.unknown(operation);
        }
        let etag = self.etag(operation);
        if is_known(self.request_header(IF_NONE_MATCH), etag.as_deref()) {
            return Ok(Reply::empty(StatusCode::NOT_MODIFIED).etag(etag.as_deref()));
        }
        let reply = match operation {
            "" => self.content(etag.as_deref()).await?,
            "json" => {
                let size = self.readable()?.size().await?;
                let json = json::file(node, Some(size), self.target.metadata());
                Reply::text(TEXT, json::pretty(&json))
            }
            "uri" => Reply::text(TEXT, node.best_cap().unwrap_or_default()),
            "readonly-uri" => Reply::text(TEXT, node.read_cap().unwrap_or_default()),
            "info" => Reply::text(HTML, html::info(node, Some(self.readable()?.size().await?))),
            _ => return Err(bad_operation("GET file:", operation)),
        };
        Ok(reply.etag(etag.as_deref()))
    }

    fn is_head(&self) -> bool {
        *self.asked.method() == Method::HEAD
    }

    /// What can be told of something that only a later version can open.
    fn unknown(&self, operation: &str) -> Result<Reply, WebError> {
        let Target { node, .. } = self.target;
        match operation {
            "json" => {
                let is_in_immutable = self.target.is_in_immutable_directory();
                let json = json::unknown(node, self.target.metadata(), is_in_immutable);
                Ok(Reply::text(TEXT, json::pretty(&json)))
            }
            "info" => Ok(Reply::text(HTML, html::info(node, None))),
            "" if node.best_cap().is_none() => Err(WebError::BadCap(CapError::UnknownKind)),
            _ => Err(WebError::UnknownNode(quotable(operation))),
        }
    }

    fn readable(&self) -> Result<Readable, WebError> {
        Readable::of(&self.asked.state.grid, &self.target.node)
    }

    /// Names what is answered, if it can never be something else. A literal file is not worth a
    /// name.
    fn etag(&self, operation: &str) -> Option<String> {
        let is_fixed = ["", "json", "uri", "readonly-uri"].contains(&operation);
        match self.target.node.file() {
            Some(FileCap::ChkRead(cap)) if is_fixed => {
                Some(format!("{}-{operation}", cap.storage_index()))
            }
            _ => None,
        }
    }

    fn request_header(&self, name: HeaderName) -> Option<&str> {
        self.asked.headers().get(name)?.to_str().ok()
    }

    async fn content(&self, etag: Option<&str>) -> Result<Reply, WebError> {
        safety::check_content(self.asked.headers())?;
        match self.readable()? {
            Readable::Immutable(cap) => {
                let range = self.selected(cap.size(), etag)?;
                let body = self.body(&cap, range.bytes()).await?;
                self.reply(&range, body)
            }
            Readable::Mutable(file) => self.mutable_content(&file).await,
        }
    }

    /// Of one version of a file that may change. How large it is comes with its content: so the
    /// part is asked for first, and again if it turns out to be another.
    async fn mutable_content(&self, file: &MutableFile) -> Result<Reply, WebError> {
        if self.is_head() {
            let size = file.version().await?.size;
            return self.reply(&self.selected(size, None)?, Body::full(Bytes::new()));
        }
        let mut asked = match self.selection(u64::MAX, None) {
            Selection::Part(range) => range,
            Selection::Whole | Selection::BeyondEnd => 0..u64::MAX,
        };
        loop {
            let (version, content) = file.read_range(asked.clone()).await?;
            let selected = self.selected(version.size, None)?;
            let Range { start, end } = selected.bytes();
            if asked.start <= start && end <= asked.end {
                let part = start - asked.start..end - asked.start;
                let part = usize::try_from(part.start).ok().zip(usize::try_from(part.end).ok());
                let part = part.filter(|(_, end)| *end <= content.len());
                let (start, end) = part.ok_or(WebError::Defect)?;
                return self.reply(&selected, Body::full(content.slice(start..end)));
            }
            asked = start..end;
        }
    }

    /// The part of a file of this size that is asked for.
    fn selected(&self, size: u64, etag: Option<&str>) -> Result<Selected, WebError> {
        match self.selection(size, etag) {
            Selection::Whole => Ok(Selected { part: None, size }),
            Selection::Part(range) => Ok(Selected { part: Some(range), size }),
            Selection::BeyondEnd => Err(WebError::BeyondEnd { size }),
        }
    }

    /// The content with its headers.
    fn reply(&self, selected: &Selected, body: Body) -> Result<Reply, WebError> {
        let args = &self.asked.args;
        let name = args.value("filename").or(self.name).unwrap_or(UNNAMED);
        let guess = guess(name);
        let is_saved = args.is_on("save")?;
        let Range { start, end } = selected.bytes();
        let status =
            if selected.part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let mut reply = Reply::announcing(end - start, status, guess.content_type, body)
            .of_user(guess.content_type)
            .header(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(encoding) = guess.encoding {
            reply = reply.header(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if is_saved {
            reply = reply.text_header(CONTENT_DISPOSITION, &disposition(name));
        }
        if selected.part.is_some() {
            let range = format!("bytes {start}-{}/{}", end - 1, selected.size);
            reply = reply.text_header(CONTENT_RANGE, &range);
        }
        Ok(reply)
    }

    /// Which bytes are asked for: a range counts only if the client's `If-Range` is this file.
    fn selection(&self, size: u64, etag: Option<&str>) -> Selection {
        let is_other = self.asked.headers().contains_key(IF_RANGE)
            && self.request_header(IF_RANGE).map(unquoted) != etag;
        match self.request_header(RANGE) {
            Some(range) if !is_other => Selection::parse(range, size),
            _ => Selection::Whole,
        }
    }

    /// The bytes, once the first of them are here: until then there can be another answer.
    async fn body(&self, cap: &ImmutableCap, range: Range<u64>) -> Result<Body, WebError> {
        if self.is_head() {
            return Ok(Body::full(Bytes::new()));
        }
        let len = range.end - range.start;
        let mut stream = self.asked.state.grid.downloader().read(cap, range).await?;
        let first = if len == 0 { None } else { stream.try_next().await? };
        Ok(Body::stream(first, stream, len))
    }
}

/// What is sent of a file.
struct Selected {
    /// The part, unless it is the whole.
    part: Option<Range<u64>>,
    /// Bytes of the file.
    size: u64,
}

impl Selected {
    fn bytes(&self) -> Range<u64> {
        self.part.clone().unwrap_or(0..self.size)
    }
}

/// Whether a client that sent this `If-None-Match` has what is to be answered.
pub(super) fn is_known(known: Option<&str>, etag: Option<&str>) -> bool {
    let (Some(etag), Some(known)) = (etag, known) else { return false };
    known.split([',', ' ']).any(|tag| tag == "*" || unquoted(tag) == etag)
}

/// Tahoe-LAFS writes its tags without quotes; some clients add them.
fn unquoted(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
}

/// Has the client save the file under this name. Control characters would end the header, so they
/// are replaced; a name beyond ASCII is written in both ways that browsers know.
pub(super) fn disposition(name: &str) -> String {
    let mut header = String::from("attachment; filename=\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => header.extend(['\\', c]),
            c if c.is_control() => header.push('_'),
            c => header.push(c),
        }
    }
    header.push('"');
    if !name.is_ascii() {
        header += "; filename*=UTF-8''";
        header.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_header() {
        assert_eq!(disposition("a b.png"), "attachment; filename=\"a b.png\"");
        assert_eq!(disposition("\"\\\r\nX: y"), "attachment; filename=\"\\\"\\\\__X: y\"");
        assert_eq!(disposition("é"), "attachment; filename=\"é\"; filename*=UTF-8''%C3%A9");
    }

    #[test]
    fn tags_with_and_without_quotes() {
        for tag in ["abc-", "\"abc-\"", "W/\"abc-\"", " abc- "] {
            assert_eq!(unquoted(tag), "abc-");
        }
        assert_eq!(unquoted("\""), "\"");
    }
}
