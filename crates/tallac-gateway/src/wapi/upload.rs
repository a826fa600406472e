//! New files: `PUT /uri` (section 8.2).

use bytes::Bytes;
use tallac_grid::upload::UploadOptions;

use super::State;
use super::error::WebError;
use super::query::{Query, quotable};
use super::reply::{Reply, TEXT};
use super::spool::{Plaintext, Spool};

/// Stores the body of the request as a new immutable file, and answers with its cap.
pub(super) async fn put<B>(state: &State, query: &Query, body: &mut B) -> Result<Reply, WebError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    match query.operation() {
        "" => {}
        "mkdir" => return Err(WebError::NotYet("making directories (t=mkdir).")),
        _ => return Err(WebError::BadRootOperation),
    }
    check_format(query)?;
    let uploader = state.grid.uploader();
    let spool = Spool {
        tempdir: state.config.tempdir.clone(),
        silence: state.config.limits.upload_silence,
        uploader: &uploader,
    };
    let Plaintext { source, key } = spool.receive(body).await?;
    let options = UploadOptions { key, ..UploadOptions::default() };
    let results = uploader.upload(source, options).await?;
    Ok(Reply::text(TEXT, results.cap.to_string()))
}

/// Refuses what is not an immutable file.
fn check_format(query: &Query) -> Result<(), WebError> {
    let mutable = Err(WebError::NotYet("making mutable files; leave out format= and mutable=."));
    let Some(format) = query.value("format") else {
        return if query.is_on("mutable")? { mutable } else { Ok(()) };
    };
    match format.trim().to_ascii_lowercase().as_str() {
        "chk" => Ok(()),
        "sdmf" | "mdmf" => mutable,
        _ => Err(WebError::UnknownFormat(quotable(format))),
    }
}
