//! Files: by their cap, or by a path in a directory (section 8.3).

use http::header::CONTENT_RANGE;
use http::{Method, StatusCode};
use tallac_core::cap::FileCap;
use tallac_core::dirnode::{Node, Overwrite};

use super::asked::{Asked, MUTABLE_LEN_MAX};
use super::download::Get;
use super::error::WebError;
use super::make;
use super::place::{Spot, Target};
use super::query::quotable;
use super::reply::{Reply, TEXT};
use super::spool::Plaintext;
use super::{check, child_map};

/// Answers a request for a file, or for something of a kind that is not known.
pub(super) async fn answer(asked: &mut Asked<'_>, target: &Target) -> Result<Reply, WebError> {
    let operation = asked.args.operation().to_owned();
    match (asked.method().clone(), operation.as_str()) {
        (Method::GET | Method::HEAD, _) => Get::new(asked, target, target.name()).answer().await,
        (Method::PUT, "") => put(asked, target).await,
        (Method::PUT, "uri") => link_cap(asked, target.spot()?).await,
        (Method::PUT, _) => Err(bad_operation("PUT to a file:", &operation)),
        (Method::POST, "upload") => {
            let cap = upload(asked, target).await?;
            done(asked, cap)
        }
        (Method::POST, "check") => match target.node.file() {
            Some(cap) => check::answer(asked, cap).await,
            // What only later versions know how to check takes no POST at all.
            None => Err(WebError::MethodNotAllowed("GET, HEAD")),
        },
        (Method::POST, _) => Err(bad_operation("POST to file:", &operation)),
        _ => Ok(Reply::text(TEXT, target.spot()?.remove(asked).await?)),
    }
}

/// Answers a request for a name that nothing has yet.
pub(super) async fn answer_vacant(asked: &mut Asked<'_>, spot: &Spot) -> Result<Reply, WebError> {
    if asked.headers().contains_key(CONTENT_RANGE) {
        return Err(WebError::ContentRange);
    }
    let operation = asked.args.operation().to_owned();
    match (asked.method().clone(), operation.as_str()) {
        (Method::PUT, "") => {
            asked.args.format()?;
            spot.check_writeable()?;
            let (overwrite, content) = (asked.args.replace()?, asked.content().await?);
            let cap = store(asked, spot, content, overwrite).await?;
            Ok(Reply::text(TEXT, cap).status(StatusCode::CREATED))
        }
        (Method::PUT, _) => Err(bad_operation("PUT to a file:", &operation)),
        _ => {
            let cap = upload_new(asked, spot).await?;
            done(asked, cap)
        }
    }
}

/// Answers a request to link or unlink a name, whatever is there.
pub(super) async fn answer_blind(asked: &mut Asked<'_>, spot: &Spot) -> Result<Reply, WebError> {
    if *asked.method() == Method::DELETE {
        return Ok(Reply::text(TEXT, spot.remove(asked).await?));
    }
    link_cap(asked, spot).await
}

/// The cap, or wherever the client wants to be sent.
pub(super) fn done(asked: &Asked<'_>, text: impl Into<String>) -> Result<Reply, WebError> {
    match asked.args.when_done() {
        Some(location) => Reply::when_done(location),
        None => Ok(Reply::text(TEXT, text.into())),
    }
}

pub(super) fn bad_operation(context: &'static str, operation: &str) -> WebError {
    WebError::BadOperation { context, operation: quotable(operation) }
}

/// New content: into the file itself if it is mutable, else a new file in its place.
async fn put(asked: &mut Asked<'_>, target: &Target) -> Result<Reply, WebError> {
    let (overwrite, offset) = (asked.args.replace()?, asked.args.offset()?);
    if overwrite == Overwrite::No {
        return Err(WebError::ExistingChild);
    }
    if target.node.is_mutable() {
        let cap = writeable(&target.node)?;
        let content = asked.mutable_content().await?;
        let file = asked.state.grid.mutable_files().open(cap)?;
        match offset {
            None => file.overwrite(content).await?,
            Some(offset) => file.update(offset, content).await?,
        };
        return Ok(Reply::text(TEXT, cap.to_string()));
    }
    if offset.is_some() {
        return Err(WebError::OffsetOfImmutable);
    }
    asked.args.format()?;
    let spot = target.spot().map_err(|_| WebError::Immutable)?;
    spot.check_writeable()?;
    let content = asked.content().await?;
    Ok(Reply::text(TEXT, store(asked, spot, content, overwrite).await?))
}

/// The write cap of a mutable file.
fn writeable(node: &Node) -> Result<&FileCap, WebError> {
    match node.file() {
        Some(cap) if cap.is_writeable() => Ok(cap),
        _ => Err(WebError::ReadonlyFile),
    }
}

/// Makes a file of the kind that is asked for and links it. Returns its cap.
async fn store(
    asked: &Asked<'_>,
    spot: &Spot,
    content: Plaintext,
    overwrite: Overwrite,
) -> Result<String, WebError> {
    let cap = make::file(asked, content).await?;
    spot.put(asked, cap.clone().into(), overwrite).await?;
    Ok(cap.to_string())
}

/// The file of the form: into the file itself if it is mutable, else in its place.
pub(super) async fn upload(asked: &mut Asked<'_>, target: &Target) -> Result<String, WebError> {
    let overwrite = asked.args.replace()?;
    if target.node.is_mutable() {
        let cap = writeable(&target.node)?;
        let content = asked.form_file()?.content.into_bytes(MUTABLE_LEN_MAX).await?;
        asked.state.grid.mutable_files().open(cap)?.overwrite(content).await?;
        return Ok(cap.to_string());
    }
    if overwrite == Overwrite::No {
        return Err(WebError::ExistingChild);
    }
    let spot = target.spot().map_err(|_| WebError::Immutable)?;
    spot.check_writeable()?;
    let content = asked.form_file()?.content;
    store(asked, spot, content, overwrite).await
}

/// The file of the form under a new name.
pub(super) async fn upload_new(asked: &mut Asked<'_>, spot: &Spot) -> Result<String, WebError> {
    spot.check_writeable()?;
    let overwrite = asked.args.replace()?;
    let content = asked.form_file()?.content;
    store(asked, spot, content, overwrite).await
}

/// Links the cap in the body.
pub(super) async fn link_cap(asked: &mut Asked<'_>, spot: &Spot) -> Result<Reply, WebError> {
    let overwrite = asked.args.replace()?;
    let cap = asked.cap().await?;
    let node = child_map::node(spot.name.as_str(), Some(&cap), None)?;
    let text = node.best_cap().unwrap_or_default();
    spot.put(asked, node, overwrite).await?;
    Ok(Reply::text(TEXT, text))
}
