//! Files and what is known of them: `GET` and `HEAD` by a cap (section 8.3).

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, HeaderName, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tallac_grid::upload::ImmutableCap;

use super::State;
use super::args::Args;
use super::body::Body;
use super::content_type::guess;
use super::error::WebError;
use super::json;
use super::query::quotable;
use super::range::Selection;
use super::reply::{Reply, TEXT};

/// The name of a file that was given none.
const UNNAMED: &str = "unknown";

/// A request for a file.
#[derive(Debug)]
pub(super) struct Get<'a> {
    /// Which file.
    pub(super) cap: &'a ImmutableCap,
    /// Its name in the URL, if it has one.
    pub(super) name: Option<&'a str>,
    /// Whether only the headers are wanted.
    pub(super) is_head: bool,
    /// The arguments.
    pub(super) args: &'a Args,
    /// The headers of the request.
    pub(super) headers: &'a HeaderMap,
}

impl Get<'_> {
    /// Content, or whatever else `t=` asks for.
    pub(super) async fn answer(&self, state: &State) -> Result<Reply, WebError> {
        let operation = self.args.operation();
        if self.is_head && !operation.is_empty() {
            return Err(bad_operation("HEAD file", operation));
        }
        let etag = self.etag(operation);
        if self.has_already(etag.as_deref()) {
            return Ok(Reply::empty(StatusCode::NOT_MODIFIED).etag(etag.as_deref()));
        }
        let reply = match operation {
            "" => self.content(state, etag.as_deref()).await?,
            "json" => Reply::text(TEXT, json::file(self.cap)?),
            "uri" | "readonly-uri" => Reply::text(TEXT, self.cap.to_string()),
            "info" => return Err(WebError::NotYet("pages about a file (t=info); try t=json.")),
            _ => return Err(bad_operation("GET file", operation)),
        };
        Ok(reply.etag(etag.as_deref()))
    }

    /// Names what is answered. It never changes, but a literal file is not worth a name.
    fn etag(&self, operation: &str) -> Option<String> {
        match self.cap {
            ImmutableCap::Lit(_) => None,
            ImmutableCap::Chk(cap) => Some(format!("{}-{operation}", cap.storage_index())),
        }
    }

    fn request_header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the client says that it has this.
    fn has_already(&self, etag: Option<&str>) -> bool {
        let (Some(etag), Some(known)) = (etag, self.request_header(IF_NONE_MATCH)) else {
            return false;
        };
        known.split([',', ' ']).any(|tag| tag == "*" || unquoted(tag) == etag)
    }

    async fn content(&self, state: &State, etag: Option<&str>) -> Result<Reply, WebError> {
        let size = self.cap.size();
        let (status, range) = match self.selection(size, etag) {
            Selection::Whole => (StatusCode::OK, 0..size),
            Selection::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Selection::BeyondEnd => return Err(WebError::BeyondEnd { size }),
        };
        let name = self.args.value("filename").or(self.name).unwrap_or(UNNAMED);
        let guess = guess(name);
        let is_saved = self.args.is_on("save")?;
        let body = self.body(state, range.clone()).await?;
        let mut reply =
            Reply::announcing(range.end - range.start, status, guess.content_type, body)
                .header(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(encoding) = guess.encoding {
            reply = reply.header(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if is_saved {
            reply = reply.text_header(CONTENT_DISPOSITION, &disposition(name));
        }
        if status == StatusCode::PARTIAL_CONTENT {
            let (first, last) = (range.start, range.end - 1);
            reply = reply.text_header(CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
        }
        Ok(reply)
    }

    /// Which bytes are asked for: a range counts only if the client's `If-Range` is this file.
    fn selection(&self, size: u64, etag: Option<&str>) -> Selection {
        let is_other = self.headers.contains_key(IF_RANGE)
            && self.request_header(IF_RANGE).map(unquoted) != etag;
        match self.request_header(RANGE) {
            Some(range) if !is_other => Selection::parse(range, size),
            _ => Selection::Whole,
        }
    }

    /// The bytes, once the first of them are here: until then there can be another answer.
    async fn body(&self, state: &State, range: Range<u64>) -> Result<Body, WebError> {
        if self.is_head {
            return Ok(Body::full(Bytes::new()));
        }
        let len = range.end - range.start;
        let mut stream = state.grid.downloader().read(self.cap, range).await?;
        let first = if len == 0 { None } else { stream.try_next().await? };
        Ok(Body::stream(first, stream, len))
    }
}

fn bad_operation(context: &'static str, operation: &str) -> WebError {
    WebError::BadOperation { context, operation: quotable(operation) }
}

/// Tahoe-LAFS writes its tags without quotes; some clients add them.
fn unquoted(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
}

/// Has the client save the file under this name. Control characters would end the header, so they
/// are replaced; a name beyond ASCII is written in both ways that browsers know.
fn disposition(name: &str) -> String {
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
