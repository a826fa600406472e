//! Style and scripts. Their addresses change with what is in them, so that browsers may keep them
//! for ever.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All of them, by name.
const ASSETS: &[(&str, &str, &str)] = &[
    ("app.css", CSS, include_str!("assets/app.css")),
    ("common.js", SCRIPT, include_str!("assets/common.js")),
    ("file.js", SCRIPT, include_str!("assets/file.js")),
    ("folder.js", SCRIPT, include_str!("assets/folder.js")),
    ("grid.js", SCRIPT, include_str!("assets/grid.js")),
    ("health.js", SCRIPT, include_str!("assets/health.js")),
    ("home.js", SCRIPT, include_str!("assets/home.js")),
    ("share.js", SCRIPT, include_str!("assets/share.js")),
    ("uploads.js", SCRIPT, include_str!("assets/uploads.js")),
    ("table.js", SCRIPT, include_str!("assets/table.js")),
    ("actions.js", SCRIPT, include_str!("assets/actions.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// A number that is another whenever one of them changed.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    ASSETS.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

/// Where one of them is.
pub(super) fn path(name: &str) -> String {
    format!("/ui/assets/{}/{name}", *VERSION)
}

/// Answers a request for one.
pub(super) fn answer(name: &str) -> Result<Reply, WebError> {
    let found = ASSETS.iter().find(|(known, _, _)| *known == name);
    let (_, content_type, content) = found.ok_or(WebError::NoSuchPage)?;
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok(Reply::text(content_type, *content).of_interface().header(CACHE_CONTROL, forever))
}
