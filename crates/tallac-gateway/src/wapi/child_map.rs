//! Lists of children in the body of a request (section 8.6).

use std::collections::BTreeMap;

use bytes::Bytes;
use tallac_core::cap::Context;
use tallac_core::dirnode::{Child, ChildName, Json, Link, Metadata, Node};

use super::error::WebError;
use super::work;

/// Children of a directory that is to be made: their metadata are kept as they are given.
pub(super) type Children = BTreeMap<ChildName, Child>;

/// Links that are to be set.
pub(super) type Links = BTreeMap<ChildName, Link>;

/// The children of a new directory; none where there is no body.
pub(super) async fn initial(body: Bytes) -> Result<Children, WebError> {
    if body.is_empty() {
        return Ok(Children::new());
    }
    let child = |link: Link| Child { node: link.node, metadata: link.metadata.unwrap_or_default() };
    Ok(links(body).await?.into_iter().map(|(name, link)| (name, child(link))).collect())
}

/// Links to set in a directory.
pub(super) async fn links(body: Bytes) -> Result<Links, WebError> {
    work::with_bytes(body.len() as u64, move || parse(&body)).await
}

/// The links that a body lists.
pub(super) fn parse(body: &[u8]) -> Result<Links, WebError> {
    let text = std::str::from_utf8(body).map_err(|_| WebError::NotUtf8Field)?;
    if has_lone_surrogate(text) {
        return Err(bad("a \\u escape is half of a surrogate pair, which is no character"));
    }
    let map = Json::parse(text).map_err(|error| bad(&error.to_string()))?;
    let Json::Object(members) = map else {
        return Err(bad("the outermost value must be an object with a member for each child"));
    };
    members
        .into_iter()
        .map(|(name, value)| Ok((ChildName::new(&name), link(&name, value)?)))
        .collect()
}

fn bad(problem: &str) -> WebError {
    WebError::BadChildren(problem.to_owned())
}

/// The link that `[type, {...}]` is. The type is not looked at: the caps say what it is.
fn link(name: &str, value: Json) -> Result<Link, WebError> {
    let shape = || bad("each child must be [type, {\"rw_uri\": ..., \"ro_uri\": ...}]");
    let Json::Array(values) = value else { return Err(shape()) };
    let Ok([_, Json::Object(members)]) = <[Json; 2]>::try_from(values) else {
        return Err(shape());
    };
    let (mut write, mut read, mut metadata) = (None, None, None);
    for (member, value) in members {
        match (member.as_str(), value) {
            ("rw_uri" | "ro_uri" | "metadata", Json::Null) => {}
            ("rw_uri", Json::String(cap)) => write = Some(cap),
            ("ro_uri", Json::String(cap)) => read = Some(cap),
            ("metadata", Json::Object(members)) => metadata = Some(of_members(members)),
            ("rw_uri" | "ro_uri", _) => return Err(bad("a cap must be a text")),
            ("metadata", _) => return Err(bad("metadata must be an object")),
            _ => {}
        }
    }
    let node = node(name, write.as_deref(), read.as_deref())?;
    Ok(Link { node, metadata })
}

fn of_members(members: Vec<(String, Json)>) -> Metadata {
    let mut metadata = Metadata::new();
    for (name, value) in members {
        metadata.set(&name, value);
    }
    metadata
}

/// What these caps name. Neither being there is an error, and so are those that may not be stored.
pub(super) fn node(name: &str, write: Option<&str>, read: Option<&str>) -> Result<Node, WebError> {
    if write.or(read).is_none() {
        return Err(bad("a child has neither rw_uri nor ro_uri"));
    }
    let write = write.map(str::trim);
    Node::from_caps(write, read.map(str::trim), Context::Any)
        .map_err(|error| WebError::BadChildCap { name: name.to_owned(), error })
}

/// Whether a JSON text has an escape that stands for half a character.
fn has_lone_surrogate(text: &str) -> bool {
    let mut high = false;
    let mut rest = text;
    loop {
        let Some(at) = rest.find('\\') else { return high };
        if high && at > 0 {
            return true;
        }
        let escape = &rest[at + 1..];
        let unit = escape.strip_prefix('u').and_then(|digits| digits.get(..4));
        match unit.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(0xd800..=0xdbff) if !high => high = true,
            Some(0xdc00..=0xdfff) if high => high = false,
            Some(0xd800..=0xdfff) => return true,
            _ if high => return true,
            _ => {}
        }
        let taken =
            if unit.is_some() { 5 } else { escape.chars().next().map_or(0, char::len_utf8) };
        rest = &escape[taken..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, status: u16, sentence: &str) {
        let error = parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.status().as_u16(), status, "{body}");
        assert!(error.to_string().contains(sentence), "{body}: {error}");
        assert!(!error.to_string().contains("nbswy3dp"), "a cap is repeated");
    }

    #[test]
    fn children_are_read() {
        let body = r#"{"a/b": ["whatever", {"ro_uri": "URI:LIT:nbswy3dp", "rw_uri": null,
            "metadata": {"z": 1.50, "a": [1]}, "more": 1}], "e\u0301": ["filenode",
            {"rw_uri": "URI:LIT:nbswy3dp"}], "\ud83d\ude00\\ud800": ["", {"ro_uri": "ro.x:y"}]}"#;
        let links = parse(body.as_bytes()).unwrap();
        let names: Vec<&str> = links.keys().map(ChildName::as_str).collect();
        assert_eq!(names, ["a/b", "\u{e9}", "\u{1f600}\\ud800"]);
        let first = &links[&ChildName::new("a/b")];
        assert_eq!(first.node.read_cap().as_deref(), Some("URI:LIT:nbswy3dp"));
        let metadata = first.metadata.as_ref().unwrap();
        assert_eq!(metadata.to_string(), r#"{"z": 1.5, "a": [1]}"#);
    }

    #[test]
    fn what_is_no_list_of_children_is_refused() {
        check("", 400, "not JSON");
        check("[]", 400, "the outermost value");
        check(r#"{"a": 1}"#, 400, "each child must be");
        check(r#"{"a": ["filenode"]}"#, 400, "each child must be");
        check(r#"{"a": ["filenode", {}]}"#, 400, "neither rw_uri nor ro_uri");
        check(r#"{"a": ["filenode", {"ro_uri": 1}]}"#, 400, "a cap must be a text");
        check(r#"{"a": ["", {"ro_uri": "ro.x:y", "metadata": 1}]}"#, 400, "metadata must be");
        check(r#"{"a": ["", {"rw_uri": "x:nbswy3dp"}]}"#, 400, "MustNotBeUnknownRWError");
        for lone in ["\\ud800", "\\ud800x\\udc00", "\\udc00", "\\ud800\\n", "\\ud800\\ud800"] {
            check(&format!(r#"{{"{lone}": ["", {{}}]}}"#), 400, "half of a surrogate pair");
        }
    }
}
