//! One line for each request, without the caps that its URL holds (section 8.1).
//!
//! Only what is known to be harmless is written. Lines are at level `DEBUG` with the target
//! `tallac_gateway::access`, so that nothing is logged unless it is asked for.

use std::fmt::Write as _;
use std::time::Instant;

use http::{Method, StatusCode, Uri};

use super::query::{self, is_word};

/// The target of the lines.
const TARGET: &str = "tallac_gateway::access";

/// What stands for that which is not written.
const CENSORED: &str = "[CENSORED]";

/// Roots whose names may be written; what follows is censored.
const ROOTS: [&str; 14] = [
    "uri",
    "cap",
    "file",
    "named",
    "operations",
    "status",
    "statistics",
    "metrics",
    "storage",
    "helper_status",
    "report_incident",
    "private",
    "static",
    "ui",
];

/// Arguments whose values may be written if they look like words.
const HARMLESS: [&str; 6] = ["t", "format", "mutable", "save", "replace", "output"];

/// One request, on its way. It is written when this is dropped.
#[derive(Debug)]
pub(super) struct AccessLine {
    method: Method,
    url: String,
    /// Nothing as long as there was no answer.
    status: Option<StatusCode>,
    bytes: u64,
    started: Instant,
}

impl AccessLine {
    /// Of this request; nothing if nobody wants to know.
    pub(super) fn new(method: &Method, uri: &Uri) -> Option<Self> {
        tracing::enabled!(target: TARGET, tracing::Level::DEBUG).then(|| Self {
            method: method.clone(),
            url: censored(uri.path(), uri.query()),
            status: None,
            bytes: 0,
            started: Instant::now(),
        })
    }

    /// The status that was answered.
    pub(super) const fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// So many bytes went out.
    pub(super) const fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

impl Drop for AccessLine {
    fn drop(&mut self) {
        let Self { method, url, status, bytes, started } = self;
        let (status, ms) = (status.map(|status| status.as_u16()), started.elapsed().as_millis());
        tracing::debug!(target: TARGET, %method, url, status, bytes, ms, "request");
    }
}

/// A URL without anything that may be a secret.
fn censored(path: &str, query: Option<&str>) -> String {
    let mut url = String::from("/");
    let (first, rest) = path
        .trim_start_matches('/')
        .split_once('/')
        .map_or_else(|| (path.trim_start_matches('/'), ""), |(first, rest)| (first, rest));
    url += if first.is_empty() || ROOTS.contains(&first) { first } else { CENSORED };
    if !rest.is_empty() {
        let _ = write!(url, "/{CENSORED}");
    }
    let mut separator = '?';
    for (name, value) in query::split(query.unwrap_or_default()) {
        url.push(separator);
        separator = '&';
        match HARMLESS.into_iter().find(|known| *known == name) {
            Some(name) if is_word(value) => {
                let _ = write!(url, "{name}={value}");
            }
            Some(name) => {
                let _ = write!(url, "{name}={CENSORED}");
            }
            None if name == "uri" => url += "uri=[CENSORED]",
            None => url += CENSORED,
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_not_written() {
        let cases = [
            ("/", None, "/"),
            ("/uri", None, "/uri"),
            ("/uri", Some("uri=URI:CHK:abc&t=json"), "/uri?uri=[CENSORED]&t=json"),
            ("/uri/URI:CHK:abc/x", Some("t=json"), "/uri/[CENSORED]?t=json"),
            ("/named/URI%3ACHK/x.png", Some("save=true"), "/named/[CENSORED]?save=true"),
            ("/URI:CHK:abc", None, "/[CENSORED]"),
            ("//uri/URI:CHK:abc", None, "/uri/[CENSORED]"),
            ("/uri", Some("t=URI:CHK:abc"), "/uri?t=[CENSORED]"),
            ("/uri", Some("ur%69=URI:CHK:abc"), "/uri?[CENSORED]"),
            ("/uri", Some("URI:CHK:abc"), "/uri?[CENSORED]"),
        ];
        for (path, query, expected) in cases {
            assert_eq!(censored(path, query), expected);
        }
    }

    proptest! {
        #[test]
        fn wherever_it_stands(root in "(/uri|/cap|/file|/named|/x|)", more in "(/|//)",
                              name in "[a-z]{0,5}") {
            let cap = "URI:CHK:keykeykey";
            let query = format!("{name}={cap}&{cap}={name}&t={cap}");
            let url = censored(&format!("{root}{more}{cap}/{cap}"), Some(&query));
            prop_assert!(!url.contains("keykey"), "{url}");
        }
    }
}
