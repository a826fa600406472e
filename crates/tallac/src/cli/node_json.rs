//! What the web API tells of an object with `t=json` (sections 8.3 and 8.4).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Dirnode,
    Filenode,
    #[serde(other)]
    Unknown,
}

/// An object: a JSON array of its kind and its facts.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "(Kind, Facts)")]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) facts: Facts,
}

/// What is known of an object.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub(super) mutable: bool,
    pub(super) rw_uri: Option<String>,
    pub(super) ro_uri: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) children: BTreeMap<String, Node>,
    metadata: Option<Metadata>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    ctime: Option<f64>,
    tahoe: Option<Link>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Link {
    linkcrtime: Option<f64>,
}

impl From<(Kind, Facts)> for Node {
    fn from((kind, facts): (Kind, Facts)) -> Self {
        Self { kind, facts }
    }
}

impl Node {
    /// The cap that can do most.
    pub(super) fn best_cap(&self) -> Option<&str> {
        let facts = &self.facts;
        let caps = [&facts.rw_uri, &facts.ro_uri];
        caps.into_iter().filter_map(|cap| cap.as_deref()).find(|cap| !cap.is_empty())
    }
}

impl Facts {
    /// When the object got its name in the directory, in seconds since the epoch.
    pub(super) fn linked_at(&self) -> Option<f64> {
        let metadata = self.metadata.as_ref()?;
        let link = metadata.tahoe.as_ref().and_then(|link| link.linkcrtime);
        link.filter(|&time| time != 0.0).or(metadata.ctime).filter(|&time| time != 0.0)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("children", &self.children.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_not_known() {
        let json = r#"["dirnode", {"mutable": true, "children": {
            "f": ["filenode", {"size": 3, "ro_uri": "URI:LIT:", "format": "CHK",
                  "metadata": {"ctime": 7, "tahoe": {"linkcrtime": 12.5}}}],
            "u": ["unknown", {"rw_uri": "x", "ro_uri": null, "metadata": {"ctime": 7}}],
            "?": ["to-come", {}]}}]"#;
        let node: Node = serde_json::from_str(json).unwrap();
        let children = &node.facts.children;
        assert_eq!((node.kind, node.best_cap(), children.len()), (Kind::Dirnode, None, 3));
        let (file, unknown) = (&children["f"], &children["u"]);
        assert_eq!((file.facts.size, file.best_cap()), (Some(3), Some("URI:LIT:")));
        assert_eq!((file.facts.linked_at(), unknown.facts.linked_at()), (Some(12.5), Some(7.0)));
        assert_eq!((unknown.kind, unknown.best_cap()), (Kind::Unknown, Some("x")));
        assert_eq!(children["?"].kind, Kind::Unknown);
    }
}
