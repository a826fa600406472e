//! Forms in the body of a `POST` (section 8.1): fields, and the file that is uploaded with them.

use bytes::Bytes;

use super::error::WebError;
use super::multipart::{self, Multipart};
use super::query::Query;
use super::request_body::gather;
use super::spool::{Pieces, Plaintext, Spool, SpoolError};

/// Bytes of all fields of a form together, but for its file.
const FIELDS_LEN_MAX: u64 = 1 << 20;

/// Parts of a form.
const PARTS_MAX: usize = 1000;

/// The field that is the file.
const FILE: &str = "file";

/// The type of a form without files.
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// A form that has arrived.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// All but the file.
    pub(super) fields: Query,
    /// The file.
    pub(super) file: Option<FormFile>,
}

/// A file that came with a form.
#[derive(Debug)]
pub(super) struct FormFile {
    /// What the client calls it.
    pub(super) filename: Option<String>,
    /// What is in it.
    pub(super) content: Plaintext,
}

impl Form {
    /// The form in a body of this type. A body that is no form is left alone.
    pub(super) async fn receive(
        content_type: &str,
        body: &mut impl Pieces,
        spool: &Spool,
    ) -> Result<Self, WebError> {
        if let Some(boundary) = multipart::boundary(content_type) {
            return Self::parts(Multipart::new(Forward(body), &boundary), spool).await;
        }
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case(URLENCODED) {
            return Ok(Self::default());
        }
        let raw = gather(body, FIELDS_LEN_MAX).await?;
        let raw = std::str::from_utf8(&raw).map_err(|_| WebError::NotUtf8Field)?;
        Ok(Self { fields: Query::parse(Some(raw))?, file: None })
    }

    async fn parts<P: Pieces>(mut form: Multipart<P>, spool: &Spool) -> Result<Self, WebError> {
        let (mut fields, mut file) = (Vec::new(), None);
        let (mut left, mut count) = (FIELDS_LEN_MAX, 0);
        while let Some(head) = form.next_part().await? {
            count += 1;
            if count > PARTS_MAX {
                return Err(SpoolError::BadForm("it has too many fields").into());
            }
            if head.name == FILE && file.is_none() {
                let content = spool.receive(&mut form).await?;
                file = Some(FormFile { filename: head.filename, content });
                continue;
            }
            let value = gather(&mut form, left).await?;
            left -= value.len() as u64;
            let value = String::from_utf8(value.into()).map_err(|_| WebError::NotUtf8Field)?;
            fields.push((head.name, value));
        }
        Ok(Self { fields: Query::from_pairs(fields), file })
    }
}

/// Pieces by way of a reference.
struct Forward<'a, P>(&'a mut P);

impl<P: Pieces> Pieces for Forward<'_, P> {
    fn announced(&self) -> u64 {
        self.0.announced()
    }

    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, SpoolError>> + Send {
        self.0.next()
    }
}
