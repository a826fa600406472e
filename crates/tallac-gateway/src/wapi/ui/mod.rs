//! The interface for people, under `/ui/`. Its pages are made here and work without scripts; the
//! scripts in `assets/` add what only they can do, by way of the web API that programs use too.
//! Why it is made like this: `docs/decisions/0012-web-interface.md`.
//!
//! A cap is in a page's path where it must be (`/ui/open/CAP/…`), and then nothing tells it to
//! others: not the title, no `Referer`, no address of another site.

mod assets;
mod file;
mod folder;
mod glossary;
mod grid;
mod home;
mod layout;
mod markdown;
mod qr;
mod storage;
mod words;
mod zip;

use http::Method;

use super::asked::Asked;
use super::error::WebError;
use super::place::{self, Place, Target};
use super::reply::Reply;
use super::route::decode;
use super::safety;
use super::unlinked::quoted;

/// What is asked for under `/ui`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UiPath {
    /// What this node is, and the way to a folder.
    Home,
    /// The servers, and what is under way.
    Grid,
    /// What this node keeps for others.
    Storage,
    /// The words.
    Glossary,
    /// A file or a folder.
    Open(Inside),
    /// A folder as one file.
    Zip(Inside),
    /// Something of the interface itself.
    Asset(String),
    /// A form that was sent.
    Form(Form),
}

/// A path that begins at a cap.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Inside {
    cap: String,
    children: Vec<String>,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inside({} names)", self.children.len())
    }
}

/// Forms, whose answers are pages too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A new folder that is in no other.
    New,
    /// A cap to go to.
    GoTo,
    /// A cap to be printed.
    Sheet,
    /// A text as a picture that telephones read.
    Qr,
}

impl UiPath {
    /// What the rest of the path after `/ui/` names.
    pub(super) fn parse(rest: &str) -> Result<Self, WebError> {
        let (first, rest) = rest.split_once('/').unwrap_or((rest, ""));
        match (first, rest) {
            ("", "") => Ok(Self::Home),
            ("grid", "") => Ok(Self::Grid),
            ("storage", "") => Ok(Self::Storage),
            ("words", "") => Ok(Self::Glossary),
            ("new", "") => Ok(Self::Form(Form::New)),
            ("go", "") => Ok(Self::Form(Form::GoTo)),
            ("sheet", "") => Ok(Self::Form(Form::Sheet)),
            ("qr", "") => Ok(Self::Form(Form::Qr)),
            ("open", rest) => Inside::parse(rest).map(Self::Open),
            ("zip", rest) => Inside::parse(rest).map(Self::Zip),
            // Which version it is of makes no difference to what is there now.
            ("assets", rest) => {
                let name = rest.split_once('/').ok_or(WebError::NoSuchPage)?.1;
                Ok(Self::Asset(name.to_owned()))
            }
            _ => Err(WebError::NoSuchPage),
        }
    }
}

impl Inside {
    fn parse(rest: &str) -> Result<Self, WebError> {
        let mut segments = rest.split('/').map(decode);
        let cap = segments.next().transpose()?.filter(|cap| !cap.is_empty());
        let cap = cap.ok_or(WebError::NoSuchPage)?;
        let names = segments.filter(|name| !name.as_ref().is_ok_and(String::is_empty));
        Ok(Self { cap, children: names.collect::<Result<_, _>>()? })
    }

    /// What is there.
    async fn find(&self, asked: &mut Asked<'_>) -> Result<Target, WebError> {
        match place::resolve(asked, &self.cap, self.children.clone()).await? {
            Place::Taken(target) => Ok(target),
            Place::Vacant(spot) | Place::Blind(spot) => {
                Err(WebError::NoSuchChild(spot.name.as_str().to_owned()))
            }
        }
    }

    /// The page of what is so many names along the path.
    fn page_of(&self, names: usize) -> String {
        let mut path = format!("/ui/open/{}/", quoted(&self.cap));
        for name in &self.children[..names] {
            path += &quoted(name);
            path.push('/');
        }
        path
    }
}

/// Whether the interface is a better answer than a page for programs and people alike: somebody
/// looks at it with a browser, and asks for nothing in particular.
pub(super) fn is_wanted(asked: &Asked<'_>) -> bool {
    *asked.method() == Method::GET
        && asked.head.uri.query().is_none()
        && safety::is_navigation(asked.headers())
}

/// The page of what has this path in the web API.
pub(super) fn of_node(path: &str) -> String {
    let inside = path.strip_prefix("/uri/").or_else(|| path.strip_prefix("/cap/"));
    format!("/ui/open/{}", inside.unwrap_or_default())
}

/// Answers with a page, or with what belongs to one.
pub(super) async fn answer(asked: &mut Asked<'_>, path: UiPath) -> Result<Reply, WebError> {
    let is_form = matches!(path, UiPath::Form(_));
    match *asked.method() {
        Method::POST if is_form => {}
        Method::GET | Method::HEAD if !is_form => {}
        _ if is_form => return Err(WebError::MethodNotAllowed("POST")),
        _ => return Err(WebError::MethodNotAllowed("GET, HEAD")),
    }
    match path {
        UiPath::Home => Ok(home::page(asked)),
        UiPath::Grid => Ok(grid::page(asked)),
        UiPath::Storage => Ok(storage::page(asked).await),
        UiPath::Glossary => Ok(glossary::page(asked)),
        UiPath::Asset(name) => assets::answer(&name),
        UiPath::Form(Form::New) => home::make(asked).await,
        UiPath::Form(Form::GoTo) => home::go(asked),
        UiPath::Form(Form::Sheet) => qr::sheet(asked),
        UiPath::Form(Form::Qr) => qr::picture(asked),
        UiPath::Open(inside) => {
            let target = inside.find(asked).await?;
            match target.node.directory().cloned() {
                Some(cap) => folder::page(asked, &inside, &cap).await,
                None => file::page(asked, &inside, &target).await,
            }
        }
        UiPath::Zip(inside) => {
            let target = inside.find(asked).await?;
            let cap = target.node.directory().ok_or(WebError::NotADirectory)?;
            let name = inside.children.last().map_or("folder", String::as_str);
            zip::answer(asked, cap, name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(cap: &str, children: &[&str]) -> Inside {
        let children = children.iter().map(|&name| name.to_owned()).collect();
        Inside { cap: cap.to_owned(), children }
    }

    #[test]
    fn every_path_of_the_interface() {
        let check = |path, expected: UiPath| {
            assert_eq!(UiPath::parse(path).ok(), Some(expected), "{path}");
        };
        check("", UiPath::Home);
        check("grid", UiPath::Grid);
        check("grid/", UiPath::Grid);
        check("new", UiPath::Form(Form::New));
        check("open/URI%3ALIT%3A", UiPath::Open(inside("URI:LIT:", &[])));
        check("open/C/a%2Fb/c/", UiPath::Open(inside("C", &["a/b", "c"])));
        check("zip/C/a", UiPath::Zip(inside("C", &["a"])));
        check("assets/0/app.css", UiPath::Asset("app.css".to_owned()));
        for path in ["x", "open", "open/", "assets/x", "grid/x", "open/%ff"] {
            assert!(UiPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn no_cap_is_shown_by_debug() {
        let path = UiPath::Open(inside("URI:DIR2:secret", &["secret"]));
        assert!(!format!("{path:?}").contains("secret"));
    }
}
