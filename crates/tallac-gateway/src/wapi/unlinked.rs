//! What is made without a place in a directory: `/uri` (section 8.2).

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tallac_core::cap::{Cap, DirectoryCap};

use super::args::Format;
use super::asked::Asked;
use super::error::WebError;
use super::make::{self, Fresh};
use super::reply::{HTML, Reply, TEXT};
use super::route::RootName;
use super::{html, query};

/// What may stand in a path as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// In `when_done=`, where the cap of the new file goes.
const CAP_PLACE: &str = "%(uri)s";

/// Answers a request for `/uri`.
pub(super) async fn answer(asked: &mut Asked<'_>, root: RootName) -> Result<Reply, WebError> {
    let operation = asked.args.operation().to_owned();
    match (asked.method().clone(), operation.as_str()) {
        (Method::GET | Method::HEAD, _) => look_up(asked, root),
        (Method::PUT, "") => {
            asked.args.format()?;
            let content = asked.content().await?;
            Ok(Reply::text(TEXT, make::file(asked, content).await?.to_string()))
        }
        (Method::POST, "" | "upload") => post(asked).await,
        (Method::PUT, "mkdir") => {
            let made = make::directory(asked, Fresh::asked_for(asked)?).await?;
            Ok(Reply::text(TEXT, made.to_string()))
        }
        (Method::POST, "mkdir") => {
            if !asked.is_multipart() && !asked.has_no_body().await? {
                return Err(WebError::ChildrenNotTaken);
            }
            let fresh = Fresh::asked_for(asked)?.with_key(asked)?;
            made(asked, &make::directory(asked, fresh).await?)
        }
        (Method::POST, "mkdir-with-children") => {
            let fresh = Fresh::asked_for(asked)?.with_key(asked)?;
            let cap = make::directory_with_children(asked, fresh).await?;
            made(asked, &cap)
        }
        (Method::POST, "mkdir-immutable") => {
            let cap = make::immutable_directory(asked).await?;
            made(asked, &cap)
        }
        (Method::PUT | Method::POST, _) => Err(WebError::BadRootOperation),
        _ => Err(WebError::MethodNotAllowed("GET, HEAD, PUT, POST")),
    }
}

/// `GET /uri?uri=CAP`: sends the client to the page of the cap, with all other arguments.
fn look_up(asked: &Asked<'_>, root: RootName) -> Result<Reply, WebError> {
    let cap = asked.args.value("uri").ok_or(WebError::NoCapGiven)?.trim();
    Cap::parse(cap).into_known().map_err(WebError::BadCap)?;
    let mut location = format!("{}/{}", root.path(), quoted(cap));
    let others = query::split(asked.head.uri.query().unwrap_or_default())
        .filter(|(name, _)| query::decode(name).is_ok_and(|name| name != "uri"));
    for (at, (name, value)) in others.enumerate() {
        location.push(if at == 0 { '?' } else { '&' });
        location += name;
        location.push('=');
        location += value;
    }
    Reply::found(&location)
}

/// A file from a form.
async fn post(asked: &mut Asked<'_>) -> Result<Reply, WebError> {
    let is_mutable = matches!(asked.args.format()?, Some(Format::Mutable(_)));
    let file = asked.form_file()?;
    let cap = make::file(asked, file.content).await?.to_string();
    match asked.args.when_done() {
        _ if is_mutable => Ok(Reply::text(TEXT, cap)),
        Some(when_done) => Reply::when_done(&when_done.replace(CAP_PLACE, &quoted(&cap))),
        None => Ok(Reply::text(HTML, html::uploaded(&cap))),
    }
}

/// Tells the cap of a new directory, or sends the client there.
fn made(asked: &Asked<'_>, cap: &DirectoryCap) -> Result<Reply, WebError> {
    let cap = cap.to_string();
    if asked.args.is_redirected()? {
        return Reply::see_other(&format!("/uri/{}", quoted(&cap)));
    }
    Ok(Reply::text(TEXT, cap))
}

/// A cap as it stands in a path.
pub(super) fn quoted(cap: &str) -> String {
    utf8_percent_encode(cap, UNRESERVED).to_string()
}
