//! Forms with files in them, `multipart/form-data` (RFC 7578), read as they arrive and held in
//! memory only by the piece.
//!
//! Of our own, since the usual library bounds the body but not the headers of a part, which anyone
//! who reaches the port may send.

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;

use super::spool::{Pieces, SpoolError};

/// Bytes of the headers of one part, at most.
const HEADERS_LEN_MAX: usize = 16 * 1024;

/// Bytes of a boundary, at most. RFC 2046 allows 70.
const BOUNDARY_LEN_MAX: usize = 200;

/// What the headers of a part say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// Of the field.
    pub(super) name: String,
    /// Of the file, if it is one and has a name.
    pub(super) filename: Option<String>,
}

/// A form, from which parts and the pieces of each are taken in turn.
#[derive(Debug)]
pub(super) struct Multipart<P> {
    pieces: P,
    /// Arrived and not yet used.
    buffer: BytesMut,
    /// What ends a part, but for what follows on its line.
    delimiter: Vec<u8>,
    /// Whether the end of the present part was met.
    is_part_over: bool,
}

/// The boundary that a `Content-Type` names, if it is that of a form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (1..=BOUNDARY_LEN_MAX).contains(&boundary.len()).then_some(boundary)
}

impl<P: Pieces> Multipart<P> {
    /// The form in these bytes.
    pub(super) fn new(pieces: P, boundary: &str) -> Self {
        // What is before the first boundary is a part that nobody asks for. The line break makes
        // the first boundary look like the others.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Self { pieces, buffer, delimiter, is_part_over: false }
    }

    /// Goes on to the next part, past what is left of the present one; nothing at the end.
    pub(super) async fn next_part(&mut self) -> Result<Option<PartHead>, SpoolError> {
        while self.next().await?.is_some() {}
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            while self.pieces.next().await?.is_some() {}
            return Ok(None);
        }
        let rest = self.through(b"\r\n").await?;
        if !rest.iter().all(|byte| b" \t\r\n".contains(byte)) {
            return Err(SpoolError::BadForm("something follows a boundary on its line"));
        }
        self.is_part_over = false;
        let mut head = PartHead::default();
        let mut len = 0;
        loop {
            let line = self.through(b"\r\n").await?;
            len += line.len();
            if line.len() == 2 {
                return Ok(Some(head));
            }
            if len > HEADERS_LEN_MAX {
                return Err(SpoolError::BadForm("the headers of a part are too long"));
            }
            read_header(&line, &mut head);
        }
    }

    /// Takes everything up to the end of this pattern, which has to come soon.
    async fn through(&mut self, pattern: &[u8]) -> Result<BytesMut, SpoolError> {
        loop {
            if let Some(at) = find(&self.buffer, pattern) {
                return Ok(self.buffer.split_to(at + pattern.len()));
            }
            if self.buffer.len() > HEADERS_LEN_MAX {
                return Err(SpoolError::BadForm("the headers of a part are too long"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), SpoolError> {
        match self.pieces.next().await? {
            Some(piece) => self.buffer.extend_from_slice(&piece),
            None => return Err(SpoolError::BadForm("it ends in the middle")),
        }
        Ok(())
    }
}

/// The bytes of the present part.
impl<P: Pieces> Pieces for Multipart<P> {
    async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        while !self.is_part_over {
            let certain = match find(&self.buffer, &self.delimiter) {
                Some(0) => {
                    let _ = self.buffer.split_to(self.delimiter.len());
                    self.is_part_over = true;
                    return Ok(None);
                }
                Some(at) => at,
                None => self.buffer.len().saturating_sub(self.delimiter.len() - 1),
            };
            if certain > 0 {
                return Ok(Some(self.buffer.split_to(certain).freeze()));
            }
            self.fill().await?;
        }
        Ok(None)
    }
}

/// Where a pattern begins that starts with a carriage return, as all of ours do.
fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|&byte| byte == b'\r')?;
        if bytes[from..].starts_with(pattern) {
            return Some(from);
        }
        from += 1;
    }
}

fn read_header(line: &[u8], head: &mut PartHead) {
    let line = String::from_utf8_lossy(line);
    let Some((name, value)) = line.split_once(':') else { return };
    if !name.trim().eq_ignore_ascii_case("content-disposition") {
        return;
    }
    let Some((_, parameters)) = value.split_once(';') else { return };
    head.name = parameter(parameters, "name").unwrap_or_default();
    let extended = parameter(parameters, "filename*").and_then(|value| {
        let text = value.strip_prefix("UTF-8''").or_else(|| value.strip_prefix("utf-8''"))?;
        Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
    });
    head.filename = extended.or_else(|| parameter(parameters, "filename"));
}

/// The value of one of `a=b; c="d"`.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';', '\r', '\n']);
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted),
            None => {
                let end = after.find([';', '\r', '\n']).unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// The text up to the closing quote, and what follows. A backslash quotes a quote or a backslash
/// only, since browsers send others as they are.
fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => return (value, &text[at + 1..]),
            ('\\', Some(&(_, next @ ('"' | '\\')))) => {
                value.push(next);
                chars.next();
            }
            _ => value.push(c),
        }
    }
    (value, "")
}

/// For fuzz targets: reads a form to its end, in pieces of this length.
pub(crate) async fn parse(form: &[u8], piece_len: usize) {
    let mut form = Multipart::new(InMemory(form.chunks(piece_len.max(1))), "XX");
    while let Ok(Some(_)) = form.next_part().await {
        while let Ok(Some(piece)) = form.next().await {
            assert!(!piece.is_empty(), "a piece with nothing in it");
        }
    }
}

struct InMemory<'a>(std::slice::Chunks<'a, u8>);

impl Pieces for InMemory<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        Ok(self.0.next().map(Bytes::copy_from_slice))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that arrive in pieces of a given length.
    struct Cut(Vec<Bytes>);

    impl Cut {
        fn new(bytes: &[u8], len: usize) -> Self {
            Self(bytes.chunks(len).rev().map(Bytes::copy_from_slice).collect())
        }
    }

    impl Pieces for Cut {
        async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
            Ok(self.0.pop())
        }
    }

    type Part = (String, Option<String>, Vec<u8>);

    async fn parts(form: &[u8], len: usize) -> Result<Vec<Part>, SpoolError> {
        let mut form = Multipart::new(Cut::new(form, len), "XX");
        let mut parts = Vec::new();
        while let Some(head) = form.next_part().await? {
            let mut content = Vec::new();
            while let Some(piece) = form.next().await? {
                content.extend_from_slice(&piece);
            }
            parts.push((head.name, head.filename, content));
        }
        Ok(parts)
    }

    const FORM: &[u8] = b"preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\n\
        upload\r\n--XX  \r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION: form-data; \
        name=file; filename=\"a \\\"b\\\\ \xc3\xa9;x.txt\"\r\n\r\n\r\n--X\r\nhello\r\n\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"e\"; filename*=UTF-8''%c3%a9\r\n\r\n\r\n\
        --XX--\r\nend";

    #[tokio::test]
    async fn parts_are_the_same_however_they_are_cut() {
        let expected = vec![
            ("t".to_owned(), None, b"upload".to_vec()),
            (
                "file".to_owned(),
                Some("a \"b\\ é;x.txt".to_owned()),
                b"\r\n--X\r\nhello\r\n".to_vec(),
            ),
            ("e".to_owned(), Some("é".to_owned()), Vec::new()),
        ];
        for len in 1..FORM.len() {
            assert_eq!(parts(FORM, len).await.unwrap(), expected, "pieces of {len}");
        }
    }

    #[tokio::test]
    async fn forms_that_are_none_are_refused() {
        for end in [0, 10, 40, FORM.len() - 8] {
            let error = parts(&FORM[..end], 7).await.unwrap_err();
            assert!(matches!(error, SpoolError::BadForm(_)), "{end}: {error}");
        }
        let long = [b"--XX\r\nX: ".to_vec(), vec![b'y'; 40_000]].concat();
        assert!(matches!(parts(&long, 100).await, Err(SpoolError::BadForm(_))));
        let many = [b"--XX".to_vec(), b"\r\nX: y".repeat(4000)].concat();
        assert!(matches!(parts(&many, 9000).await, Err(SpoolError::BadForm(_))));
        assert!(matches!(parts(b"--XXY\r\n\r\n\r\n--XX--", 9).await, Err(SpoolError::BadForm(_))));
    }

    #[test]
    fn boundaries() {
        let is = |text| boundary(text).unwrap_or_default();
        assert_eq!(is("multipart/form-data; boundary=abc"), "abc");
        assert_eq!(is("Multipart/Form-Data; charset=utf-8; Boundary=\"a b;c\" ; x=y"), "a b;c");
        assert_eq!(is("multipart/form-data"), "");
        assert_eq!(is("multipart/form-data; boundary="), "");
        assert_eq!(is("multipart/mixed; boundary=abc"), "");
        assert_eq!(is(&format!("multipart/form-data; boundary={}", "x".repeat(201))), "");
    }

    proptest! {
        #[test]
        fn no_form_is_too_odd(bytes in "(\r\n|--|XX|[a-z:;=\" ]|Content-Disposition: ){0,60}",
                              len in 1..20_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(parts(bytes.as_bytes(), len));
        }

        #[test]
        fn parameters_never_panic(text in "\\PC{0,60}") {
            let _ = parameter(&text, "name");
        }
    }
}
