//! What is made without a place in a directory: `/uri` (section 8.2).

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tallac_core::cap::Cap;

use super::args::Format;
use super::asked::Asked;
use super::error::WebError;
use super::reply::{HTML, Reply, TEXT};
use super::route::RootName;
use super::spool::Plaintext;
use super::{html, query, upload};

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
            let content = asked.content().await?;
            Ok(Reply::text(TEXT, create(asked, content).await?))
        }
        (Method::POST, "" | "upload") => post(asked).await,
        (Method::PUT | Method::POST, "mkdir" | "mkdir-with-children" | "mkdir-immutable") => {
            Err(WebError::NotYet("making directories."))
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
    let cap = create(asked, file.content).await?;
    match asked.args.when_done() {
        _ if is_mutable => Ok(Reply::text(TEXT, cap)),
        Some(when_done) => Reply::when_done(&when_done.replace(CAP_PLACE, &quoted(&cap))),
        None => Ok(Reply::text(HTML, html::uploaded(&cap))),
    }
}

/// A new file of the kind that is asked for. Returns its cap.
async fn create(asked: &Asked<'_>, content: Plaintext) -> Result<String, WebError> {
    match asked.args.format()? {
        None | Some(Format::Chk) => Ok(upload::immutable(asked.state, content).await?.to_string()),
        Some(Format::Mutable(_)) => {
            Err(WebError::NotYet("making mutable files; leave out format= and mutable=."))
        }
    }
}

/// A cap as it stands in a path.
pub(super) fn quoted(cap: &str) -> String {
    utf8_percent_encode(cap, UNRESERVED).to_string()
}
