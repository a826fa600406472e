//! What a URL's path names (sections 8.1 to 8.3).

use percent_encoding::percent_decode_str;

use super::error::WebError;
use super::ui::UiPath;

/// What is asked for, before its cap is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`: the welcome page.
    Welcome,
    /// `/uri` or `/cap`: where new files go in, and a cap is looked up.
    Root(RootName),
    /// `/uri/CAP` and what follows: something by its cap, and a path inside it.
    Node {
        /// The cap's text.
        cap: String,
        /// Names of children, one inside the other; the last is empty where the path ends with a
        /// slash.
        children: Vec<String>,
    },
    /// `/operations/HANDLE`: an operation that was begun earlier, or `/operations/HANDLE/SI`: one
    /// of its objects.
    Operation(String, Option<String>),
    /// One of the pages about the node.
    Page(Page),
    /// `/ui` and what follows: the interface for people.
    Ui(UiPath),
    /// `/file/CAP/NAME` or `/named/CAP/NAME`: a file under a name of the client's choice.
    Named {
        /// The cap's text.
        cap: String,
        /// The last name, if there is any.
        name: Option<String>,
    },
}

/// A page about the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// `/status`: operations under way and lately.
    Operations,
    /// `/status/NAME`: one of them.
    Operation {
        /// Such as `down-3`.
        name: String,
        /// Whether what it did is wanted, `/event_json`.
        events: bool,
    },
    /// `/statistics`
    Statistics,
    /// `/metrics`
    Metrics,
    /// `/storage`
    Storage,
    /// `/helper_status`
    Helper,
    /// `/report_incident`
    Incident,
    /// `/private` and what follows.
    Private(String),
    /// `/static` and what follows, each name decoded.
    Static(Vec<String>),
    /// One of our own files.
    Asset(&'static str),
}

/// The two names of the same root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RootName {
    /// `/uri`
    Uri,
    /// `/cap`
    Cap,
}

impl RootName {
    /// The path of it.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Uri => "/uri",
            Self::Cap => "/cap",
        }
    }
}

impl Route {
    /// What this path names.
    ///
    /// # Errors
    /// When it names nothing here, or is not UTF-8.
    pub(super) fn parse(path: &str) -> Result<Self, WebError> {
        let path = path.strip_prefix('/').ok_or(WebError::NoSuchPage)?;
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        match (decode(first)?.as_str(), rest) {
            ("", None) => Ok(Self::Welcome),
            ("uri", None | Some("")) => Ok(Self::Root(RootName::Uri)),
            ("cap", None | Some("")) => Ok(Self::Root(RootName::Cap)),
            ("uri" | "cap", Some(rest)) => Self::node(rest),
            ("operations", Some(rest)) => {
                let (handle, object) = rest.split_once('/').unwrap_or((rest, ""));
                let object = Some(decode(object)?).filter(|object| !object.is_empty());
                Ok(Self::Operation(decode(handle)?, object))
            }
            ("ui", rest) => UiPath::parse(rest.unwrap_or_default()).map(Self::Ui),
            ("file" | "named", rest) => Self::named(rest.unwrap_or_default()),
            (first, rest) => Page::parse(first, rest).map(Self::Page),
        }
    }

    fn node(rest: &str) -> Result<Self, WebError> {
        let mut segments = rest.split('/').map(decode);
        let cap = segments.next().transpose()?.unwrap_or_default();
        if cap.is_empty() {
            return Err(WebError::EmptyComponent);
        }
        Ok(Self::Node { cap, children: segments.collect::<Result<_, _>>()? })
    }

    fn named(rest: &str) -> Result<Self, WebError> {
        let (cap, names) = rest.split_once('/').unwrap_or((rest, ""));
        let name = decode(names.rsplit('/').next().unwrap_or_default())?;
        Ok(Self::Named { cap: decode(cap)?, name: Some(name).filter(|name| !name.is_empty()) })
    }
}

impl Page {
    fn parse(first: &str, rest: Option<&str>) -> Result<Self, WebError> {
        // A slash at the end changes nothing.
        let rest = rest.filter(|rest| !rest.is_empty());
        match (first, rest) {
            ("status", None) => Ok(Self::Operations),
            ("status", Some(rest)) => {
                let (name, more) = rest.split_once('/').unwrap_or((rest, ""));
                let events = match more {
                    "" => false,
                    "event_json" => true,
                    _ => return Err(WebError::NoSuchPage),
                };
                Ok(Self::Operation { name: decode(name)?, events })
            }
            ("statistics", None) => Ok(Self::Statistics),
            ("metrics", None) => Ok(Self::Metrics),
            ("storage", None) => Ok(Self::Storage),
            ("helper_status", None) => Ok(Self::Helper),
            ("report_incident", None) => Ok(Self::Incident),
            ("private", rest) => Ok(Self::Private(decode(rest.unwrap_or_default())?)),
            ("static", rest) => {
                let names = rest.unwrap_or_default().split('/').map(decode);
                Ok(Self::Static(names.collect::<Result<_, _>>()?))
            }
            ("icon.png", None) => Ok(Self::Asset("icon.png")),
            ("tahoe.css", None) => Ok(Self::Asset("tahoe.css")),
            _ => Err(WebError::NoSuchPage),
        }
    }

    /// What it is called in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Private(_) => "private",
            Self::Static(_) | Self::Asset(_) => "static",
            _ => "page",
        }
    }
}

pub(super) fn decode(segment: &str) -> Result<String, WebError> {
    let decoded = percent_decode_str(segment).decode_utf8();
    Ok(decoded.map_err(|_| WebError::NotUtf8("path"))?.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(path: &str, expected: Route) {
        assert_eq!(Route::parse(path).ok(), Some(expected), "{path}");
    }

    fn node(cap: &str, children: &[&str]) -> Route {
        let children = children.iter().map(|&child| child.to_owned()).collect();
        Route::Node { cap: cap.to_owned(), children }
    }

    fn named(cap: &str, name: Option<&str>) -> Route {
        Route::Named { cap: cap.to_owned(), name: name.map(str::to_owned) }
    }

    #[test]
    fn every_form_of_path() {
        check("/", Route::Welcome);
        check("/uri", Route::Root(RootName::Uri));
        check("/uri/", Route::Root(RootName::Uri));
        check("/cap", Route::Root(RootName::Cap));
        check("/uri/URI:LIT:", node("URI:LIT:", &[]));
        check("/cap/URI%3aLIT%3Aab", node("URI:LIT:ab", &[]));
        check("/uri/C/", node("C", &[""]));
        check("/uri/C/a%2Fb/%C3%A9", node("C", &["a/b", "é"]));
        check("/named/C", named("C", None));
        check("/named/C/", named("C", None));
        check("/file/C/x", named("C", Some("x")));
        check("/named/C/@@named=/z%20.html", named("C", Some("z .html")));
        check("/named/C/a/b/c", named("C", Some("c")));
        check("/named/", named("", None));
        check("/%75ri/C", node("C", &[]));
        let operation =
            |object: Option<&str>| Route::Operation("a b".to_owned(), object.map(str::to_owned));
        check("/operations/a%20b", operation(None));
        check("/operations/a%20b/", operation(None));
        check("/operations/a%20b/si%20", operation(Some("si ")));
        check("/status/", Route::Page(Page::Operations));
        let down = |events| Route::Page(Page::Operation { name: "down-1".to_owned(), events });
        check("/status/down-1", down(false));
        check("/status/down-1/event_json", down(true));
        check("/private/logs/v1", Route::Page(Page::Private("logs/v1".to_owned())));
        let names = vec!["a/b".to_owned(), "..".to_owned()];
        check("/static/a%2Fb/..", Route::Page(Page::Static(names)));
    }

    #[test]
    fn paths_that_name_nothing() {
        for path in ["", "*", "uri", "//", "/zzz", "/URI", "/uri//x", "/uri/%ff", "/file/%80/x"] {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_is_too_odd(path in any::<String>()) {
            let _ = Route::parse(&path);
            let _ = Route::parse(&format!("/uri/{path}"));
            let _ = Route::parse(&format!("/named/{path}"));
        }

        #[test]
        fn caps_and_names_survive_encoding(cap in ".{1,80}", name in ".{1,40}") {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let (raw_cap, raw_name) = (encode(&cap), encode(&name));
            let parsed = Route::parse(&format!("/named/{raw_cap}/{raw_name}")).unwrap();
            prop_assert_eq!(parsed, named(&cap, Some(&name)));
            let parsed = Route::parse(&format!("/uri/{raw_cap}/{raw_name}")).unwrap();
            prop_assert_eq!(parsed, node(&cap, &[&name]));
        }
    }
}
