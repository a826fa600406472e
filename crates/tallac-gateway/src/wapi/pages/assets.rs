//! `/icon.png` and `/tahoe.css`, which pages of other programs may link to. What is under `/css`
//! and `/img` in Tahoe-LAFS belongs to its own pages; there is none of that here.

use bytes::Bytes;

use crate::wapi::reply::Reply;

/// A square of one colour.
const ICON: &[u8] = include_bytes!("icon.png");

/// How pages look that programs may read too.
const STYLE: &str = include_str!("tahoe.css");

/// Answers a request for one of them.
pub(super) fn answer(name: &str) -> Reply {
    match name {
        "icon.png" => Reply::text("image/png", Bytes::from_static(ICON)),
        _ => Reply::text("text/css; charset=utf-8", STYLE),
    }
}
