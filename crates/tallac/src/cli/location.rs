//! Where things are in a node's web API (sections 8.3 and 8.4), as paths below its URL.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in one component of a path.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path and query of the web API. It may hold a cap, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Location {
    path: String,
    query: String,
}

impl Location {
    /// `path`, which needs no escapes, such as `/uri`.
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), query: String::new() }
    }

    /// The object that a cap names.
    pub(crate) fn cap(cap: &str) -> Self {
        Self::new("/uri").child(cap)
    }

    /// What is at a path, of components between slashes, below this. An empty path is this.
    pub(crate) fn descend(mut self, path: &str) -> Self {
        if path.is_empty() {
            return self;
        }
        for component in path.split('/') {
            self = self.child(component);
        }
        self
    }

    /// With `name` after the slash that it ends with.
    pub(crate) fn join(mut self, name: &str) -> Self {
        self.path.extend(utf8_percent_encode(name, COMPONENT));
        self
    }

    /// One component below this.
    pub(crate) fn child(mut self, name: &str) -> Self {
        self.path.push('/');
        self.path.extend(utf8_percent_encode(name, COMPONENT));
        self
    }

    /// With an argument more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(name);
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, COMPONENT));
        self
    }

    /// With the argument that says what is to be done.
    pub(crate) fn t(self, operation: &str) -> Self {
        self.with("t", operation)
    }

    /// The text that goes after the node's URL.
    pub(crate) fn expose(&self) -> String {
        format!("{}{}", self.path, self.query)
    }

    /// Whether it names nothing within the last directory.
    pub(crate) fn ends_with_slash(&self) -> bool {
        self.path.ends_with('/')
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Location(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_component_by_component() {
        let root = Location::cap("URI:DIR2:a:b");
        let cases = [
            ("", "/uri/URI%3ADIR2%3Aa%3Ab"),
            ("föö/bar baz/?#", "/uri/URI%3ADIR2%3Aa%3Ab/f%C3%B6%C3%B6/bar%20baz/%3F%23"),
            ("dir/", "/uri/URI%3ADIR2%3Aa%3Ab/dir/"),
            ("a-b.c_d~", "/uri/URI%3ADIR2%3Aa%3Ab/a-b.c_d~"),
        ];
        for (path, expected) in cases {
            assert_eq!(root.clone().descend(path).expose(), expected);
        }
        let asked = root.t("uri").with("replace", "only-files").expose();
        assert_eq!(asked, "/uri/URI%3ADIR2%3Aa%3Ab?t=uri&replace=only-files");
    }
}
