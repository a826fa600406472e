//! What keeps web pages apart in a browser: those of other sites, the interface, and users' files
//! (why, in `docs/decisions/0012-web-interface.md`). Programs send none of the headers that are
//! looked at here, and heed none of those that are set.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN, X_FRAME_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::reply::Reply;

/// Who asks, as browsers tell servers that they trust the way to.
const FETCH_SITE: &str = "sec-fetch-site";

/// What is asked for: a page, a picture, a script.
const FETCH_DEST: &str = "sec-fetch-dest";

/// What our pages may do: run our scripts, and talk to us.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; media-src 'self'; connect-src 'self'; frame-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What a user's file may do when it is shown as a page: be looked at. It has an origin of its own,
/// runs no script, and asks nobody but this node for anything.
const CONTENT: &str = "sandbox allow-downloads; default-src 'none'; \
    style-src 'self' 'unsafe-inline' data:; img-src 'self' data:; media-src 'self' data:; \
    font-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// For what the browser shows with a viewer of its own, which works in no sandbox. The viewer keeps
/// the document's scripts from the page.
const VIEWED: &str = "script-src 'none'; frame-ancestors 'self'; form-action 'none'";

/// Type of documents that browsers have such a viewer for.
const PDF: &str = "application/pdf";

/// What users' content is never taken for.
const RUNNABLE: [&str; 6] =
    ["script", "serviceworker", "sharedworker", "worker", "audioworklet", "paintworklet"];

/// Endings of hosts' names that no stranger can have point to this machine.
const LOCAL_ENDINGS: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// Why something is not done that a browser was made to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A page of another site wants something changed.
    #[error(
        "A page of another site asked your browser to change something here, so it was not done. \
         If you wanted it, open this node's own page and do it there."
    )]
    CrossSite,
    /// A page under a name that anybody could have let point here wants something changed.
    #[error(
        "This page was opened under a name that this node does not know as its own, so nothing is \
         changed through it. Open it by the node's address, or list the name under [web] hosts in \
         tallac.toml."
    )]
    UnknownHost,
    /// A file of a user was to be run.
    #[error("Files are shown here, but never run as scripts.")]
    ContentAsScript,
}

impl Reply {
    /// A page of ours, or what belongs to one.
    pub(super) fn of_interface(self) -> Self {
        self.header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE))
            .header(
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            )
            .header(
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            )
    }

    /// A user's file of this type.
    pub(super) fn of_user(self, content_type: &str) -> Self {
        // What has a viewer is shown in a page of ours.
        let (policy, frames) =
            if content_type == PDF { (VIEWED, "SAMEORIGIN") } else { (CONTENT, "DENY") };
        self.header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
            .header(X_FRAME_OPTIONS, HeaderValue::from_static(frames))
            .header(
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            )
    }
}

/// Refuses to change anything because a page of somebody else says so.
///
/// A browser says where a request comes from: in `Sec-Fetch-Site`, if it trusts the way to this
/// node, else in `Origin`. What says neither is a program.
pub(super) fn check(head: &Parts, hosts: &[String]) -> Result<(), Refusal> {
    if [Method::GET, Method::HEAD].contains(&head.method) {
        return Ok(());
    }
    match text(&head.headers, FETCH_SITE) {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err(Refusal::CrossSite),
        None => {}
    }
    let Some(origin) = head.headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match origin {
        Some((_, authority)) if !authority.eq_ignore_ascii_case(host) => Err(Refusal::CrossSite),
        // A name may have been made to point here by whoever serves the page (DNS rebinding).
        Some(("http", authority)) if !is_ours(authority, hosts) => Err(Refusal::UnknownHost),
        Some(_) => Ok(()),
        None => Err(Refusal::CrossSite),
    }
}

/// Refuses a user's content to whoever wants to run it.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, FETCH_DEST) {
        Some(dest) if RUNNABLE.contains(&dest) => Err(Refusal::ContentAsScript),
        _ => Ok(()),
    }
}

/// Whether somebody looks at this with a browser, rather than a program asking for it.
pub(super) fn is_navigation(headers: &HeaderMap) -> bool {
    text(headers, "sec-fetch-mode") == Some("navigate")
        || headers.contains_key("upgrade-insecure-requests")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether this host and port can only be this node: an address, a name that only this network
/// knows, or one that the node's owner gave.
fn is_ours(authority: &str, hosts: &[String]) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<Ipv6Addr>().is_ok()
        || host.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || LOCAL_ENDINGS.iter().any(|ending| host.ends_with(ending))
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(&host))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check_request(method: &str, headers: &[(&str, &str)], allowed: bool) {
        let mut request = Request::builder().method(method).uri("/uri");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let hosts = ["files.example.org".to_owned()];
        assert_eq!(check(&head, &hosts).is_ok(), allowed, "{method} {headers:?}");
    }

    #[test]
    fn programs_do_what_they_like() {
        check_request("PUT", &[], true);
        check_request("POST", &[("host", "anything.example")], true);
        check_request("DELETE", &[("host", "127.0.0.1:3456")], true);
    }

    #[test]
    fn other_sites_only_look() {
        for site in ["cross-site", "same-site"] {
            check_request("GET", &[("sec-fetch-site", site)], true);
            check_request("POST", &[("sec-fetch-site", site)], false);
        }
        for site in ["same-origin", "none"] {
            check_request("PUT", &[("sec-fetch-site", site), ("origin", "null")], true);
        }
        let local = ("host", "127.0.0.1:3456");
        check_request("POST", &[local, ("origin", "http://127.0.0.1:3456")], true);
        check_request("POST", &[local, ("origin", "http://127.0.0.1:3457")], false);
        check_request("POST", &[local, ("origin", "https://evil.example")], false);
        check_request("POST", &[local, ("origin", "null")], false);
        check_request("GET", &[local, ("origin", "null")], true);
    }

    #[test]
    fn names_that_strangers_can_have_are_refused() {
        for (host, allowed) in [
            ("evil.example:3456", false),
            ("127.0.0.1.evil.example", false),
            ("files.example.org", true),
            ("FILES.example.org:80", true),
            ("localhost:3456", true),
            ("nas", true),
            ("nas.local:3456", true),
            ("192.168.1.7:3456", true),
            ("[::1]:3456", true),
        ] {
            let origin = format!("http://{host}");
            check_request("POST", &[("host", host), ("origin", &origin)], allowed);
            // Nobody who only owns a name has a certificate for it that a proxy of ours shows.
            let origin = format!("https://{host}");
            check_request("POST", &[("host", host), ("origin", &origin)], true);
        }
    }
}
