//! Names that users give to directories: `private/aliases` and `private/root_dir.cap` in Tahoe's
//! format, and the paths that begin with them (section 9.4).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use tallac_core::cap::{self, Cap, CapError};

use super::program;
use super::quote::{plain, quoted};
use crate::files::{self, Access, FileError};

/// The alias that paths without one are under.
pub(crate) const DEFAULT: &str = "tahoe";

/// Why an alias is none, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AliasError {
    /// A path without an alias, and none by default.
    #[error(
        "No alias specified, and the default 'tahoe' alias doesn't exist. To create it, \
         use '{} create-alias tahoe'.",
        program::name()
    )]
    NoDefault,
    #[error(
        "Unknown alias {}, please create it with '{program} add-alias' or '{program} \
         create-alias'.",
        quoted(.0),
        program = program::name()
    )]
    Unknown(String),
    #[error("The alias {} is not of a directory: {why}", quoted(name))]
    NoDirectory { name: String, why: NoDirectory },
    #[error("Alias names cannot contain {0}.")]
    BadName(&'static str),
    #[error("Alias {} already exists!", quoted(.0))]
    Exists(String),
    #[error("{}, line {line}: it has no colon after the name of an alias", path.display())]
    BadLine { path: PathBuf, line: usize },
    #[error(
        "{} is no directory: make a node with '{} create-client'",
        .0.display(),
        program::name()
    )]
    NoNode(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a cap cannot have an alias.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoDirectory {
    #[error("its capability is one of a file")]
    File,
    #[error(transparent)]
    Cap(#[from] CapError),
}

/// A place on the grid: a cap, and a path below it, which is empty for the object itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RemotePath {
    pub(crate) cap: String,
    pub(crate) path: String,
}

impl fmt::Debug for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotePath").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What an argument names that may be here or on the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Local(String),
    Remote(RemotePath),
}

/// The aliases of a node directory.
#[derive(Default)]
pub(crate) struct Aliases {
    caps: BTreeMap<String, String>,
}

impl Aliases {
    /// Reads those of a node directory.
    pub(crate) fn load(directory: &Path) -> Result<Self, AliasError> {
        let mut aliases = Self::default();
        if let Some(text) = files::read_text(&private(directory, "root_dir.cap"))? {
            let cap = text.trim();
            if !cap.is_empty() {
                aliases.set_default(cap);
            }
        }
        let path = private(directory, "aliases");
        if let Some(text) = files::read_text(&path)? {
            aliases.read(&text).map_err(|line| AliasError::BadLine { path, line })?;
        }
        Ok(aliases)
    }

    /// Adds what the lines of a file say.
    ///
    /// # Errors
    /// The number of the line that says nothing.
    fn read(&mut self, text: &str) -> Result<(), usize> {
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, cap) = line.split_once(':').ok_or(number)?;
            self.caps.insert(name.to_owned(), cap.trim().to_owned());
        }
        Ok(())
    }

    /// Makes `cap` what paths without an alias are under.
    pub(crate) fn set_default(&mut self, cap: &str) {
        self.caps.insert(DEFAULT.to_owned(), cap.to_owned());
    }

    /// Names and caps, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.caps.iter().map(|(name, cap)| (name.as_str(), cap.as_str()))
    }

    /// The place on the grid that an argument names.
    pub(crate) fn resolve(&self, argument: &str) -> Result<RemotePath, AliasError> {
        match self.place(argument)? {
            Place::Remote(remote) => Ok(remote),
            Place::Local(path) => {
                if !self.caps.contains_key(DEFAULT) {
                    return Err(AliasError::NoDefault);
                }
                Ok(RemotePath { cap: self.directory(DEFAULT)?, path })
            }
        }
    }

    /// The place that an argument names: here, if there is no alias in it.
    pub(crate) fn place(&self, argument: &str) -> Result<Place, AliasError> {
        let argument = argument.trim_matches(' ');
        if cap::has_uri_prefix(argument) {
            let (cap, path) = match (argument.split_once(":./"), argument.split_once('/')) {
                (Some(split), _) | (None, Some(split)) => split,
                (None, None) => (argument, ""),
            };
            return Ok(Place::Remote(RemotePath { cap: cap.to_owned(), path: path.to_owned() }));
        }
        match argument.split_once(':') {
            Some((alias, path)) if !alias.contains('/') => {
                let cap = self.directory(alias)?;
                Ok(Place::Remote(RemotePath { cap, path: path.to_owned() }))
            }
            _ => Ok(Place::Local(argument.to_owned())),
        }
    }

    /// The cap of an alias, which must be one of a directory.
    fn directory(&self, alias: &str) -> Result<String, AliasError> {
        let cap = self.caps.get(alias).ok_or_else(|| AliasError::Unknown(alias.to_owned()))?;
        directory_cap(cap).map_err(|why| AliasError::NoDirectory { name: alias.to_owned(), why })
    }

    /// Refuses a name that is taken or could not be read back.
    pub(crate) fn check_new(&self, name: &str) -> Result<(), AliasError> {
        let bad = [
            (':', "colons"),
            (' ', "spaces"),
            ('/', "slashes"),
            ('\n', "newlines"),
            ('\r', "newlines"),
        ];
        if let Some((_, what)) = bad.iter().find(|(c, _)| name.contains(*c)) {
            return Err(AliasError::BadName(what));
        }
        if name.starts_with('#') {
            return Err(AliasError::BadName("'#' in front"));
        }
        if self.caps.contains_key(name) {
            return Err(AliasError::Exists(name.to_owned()));
        }
        Ok(())
    }
}

impl fmt::Debug for Aliases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.caps.keys()).finish()
    }
}

/// Adds an alias to the file of a node directory. All else in the file stays as it is.
pub(crate) fn add(directory: &Path, name: &str, cap: &str) -> Result<(), AliasError> {
    if !directory.is_dir() {
        return Err(AliasError::NoNode(directory.to_owned()));
    }
    let path = private(directory, "aliases");
    let mut text = files::read_text(&path)?.unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{name}: {cap}\n"));
    files::make_dir(&directory.join("private"), Access::Private)?;
    Ok(files::write(&path, &text, Access::Private)?)
}

/// The cap of a directory in the form that we write.
pub(crate) fn directory_cap(text: &str) -> Result<String, NoDirectory> {
    match Cap::parse(text.trim()).into_known()? {
        Cap::Directory(cap) => Ok(cap.to_string()),
        Cap::File(_) | Cap::Unknown(_) => Err(NoDirectory::File),
    }
}

/// An argument that names an alias, without the colon that may end it.
pub(crate) fn name_of(argument: &str) -> &str {
    argument.strip_suffix(':').unwrap_or(argument)
}

fn private(directory: &Path, name: &str) -> PathBuf {
    directory.join("private").join(name)
}

/// A place as it is shown to people: the path, never the cap.
impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "URI:DIR2:xgrdx6ygfh6j6bpgyefpadsghy:\
                        ftblzyyo4qbwnnnvkehyvnvlwikjpsswvjyxpjmsb7zd5ybmpmuq";
    const WORK: &str = "URI:DIR2-LIT:";
    const FILE: &str = "URI:LIT:krugkidfnzsc4";

    fn aliases() -> Aliases {
        let mut aliases = Aliases::default();
        let lines = format!(
            "# a comment\n\n tahoe: {ROOT} \nwork:{FILE}\nwork:   {WORK}\nZoë: {WORK}\nfile: {FILE}"
        );
        aliases.read(&lines).unwrap();
        aliases
    }

    fn remote(cap: &str, path: &str) -> RemotePath {
        RemotePath { cap: cap.to_owned(), path: path.to_owned() }
    }

    #[test]
    fn arguments_name_places_on_the_grid() {
        let aliases = aliases();
        let cases = [
            ("", ROOT, ""),
            ("  file name ", ROOT, "file name"),
            ("dir/file:7", ROOT, "dir/file:7"),
            ("tahoe:", ROOT, ""),
            ("tahoe:/", ROOT, "/"),
            ("work:dir/file", WORK, "dir/file"),
            ("work:a:b", WORK, "a:b"),
            ("Zoë:x", WORK, "x"),
            (FILE, FILE, ""),
            ("URI:DIR2-LIT::./a/b", "URI:DIR2-LIT:", "a/b"),
            ("URI:DIR2-LIT:/a/b", "URI:DIR2-LIT:", "a/b"),
            ("ro.URI:x/y", "ro.URI:x", "y"),
        ];
        for (argument, cap, path) in cases {
            assert_eq!(aliases.resolve(argument).unwrap(), remote(cap, path), "{argument}");
        }
    }

    #[test]
    fn arguments_without_an_alias_may_be_here() {
        let aliases = aliases();
        for (argument, path) in [("a/b", "a/b"), ("./tahoe:x", "./tahoe:x"), ("/a:b", "/a:b")] {
            assert_eq!(aliases.place(argument).unwrap(), Place::Local(path.to_owned()));
        }
        let expected = Place::Remote(remote(WORK, "x"));
        assert_eq!(aliases.place("work:x").unwrap(), expected);
    }

    #[test]
    fn what_is_no_alias_is_told() {
        let cases = [
            (
                Aliases::default().resolve("file"),
                "No alias specified, and the default 'tahoe' alias doesn't exist. To \
                 create it, use 'tallac create-alias tahoe'.",
            ),
            (
                aliases().resolve("no:file"),
                "Unknown alias 'no', please create it with 'tallac add-alias' or 'tallac \
                 create-alias'.",
            ),
            (
                aliases().resolve("file:x"),
                "The alias 'file' is not of a directory: its capability is one of a file",
            ),
        ];
        for (result, expected) in cases {
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn names_that_cannot_be_read_back_are_refused() {
        let aliases = aliases();
        let cases = [
            ("a:b", "Alias names cannot contain colons."),
            ("a b", "Alias names cannot contain spaces."),
            ("a/b", "Alias names cannot contain slashes."),
            ("a\nb", "Alias names cannot contain newlines."),
            ("#a", "Alias names cannot contain '#' in front."),
            ("work", "Alias 'work' already exists!"),
        ];
        for (name, expected) in cases {
            assert_eq!(aliases.check_new(name).unwrap_err().to_string(), expected);
        }
        aliases.check_new("new").unwrap();
    }

    #[test]
    fn a_line_is_added_and_all_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = private(dir.path(), "aliases");
        add(dir.path(), "one", WORK).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("one: {WORK}\n"));
        std::fs::write(&path, "# mine\n\nodd :  x").unwrap();
        add(dir.path(), "two", WORK).unwrap();
        let expected = format!("# mine\n\nodd :  x\ntwo: {WORK}\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        std::fs::write(private(dir.path(), "root_dir.cap"), format!("{ROOT}\n")).unwrap();
        let loaded = Aliases::load(dir.path()).unwrap();
        let expected = [("odd ", "x"), ("tahoe", ROOT), ("two", WORK)];
        assert!(loaded.iter().eq(expected), "{loaded:?}");
        assert!(add(&dir.path().join("none"), "a", WORK).is_err());
    }

    #[test]
    fn a_line_without_a_colon_is_named() {
        assert_eq!(Aliases::default().read("# one\n\nthree\n"), Err(3));
    }
}
