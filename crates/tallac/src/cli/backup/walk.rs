//! What there is to be backed up: all files and directories below one, as a list in which what is
//! in a directory comes before it.

use std::path::{Path, PathBuf};

use super::exclude::Patterns;
use crate::cli::quote::{quoted, quoted_path};

/// A file or directory.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) path: PathBuf,
    /// Its name; the root's is empty.
    pub(super) name: String,
    /// The directory it is in, as its index; none of the root.
    pub(super) parent: Option<usize>,
    pub(super) kind: Kind,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File {
        size: u64,
    },
    /// With so many files and directories in it.
    Directory {
        children: usize,
    },
}

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The last one is the root, unless it cannot be listed.
    pub(super) items: Vec<Item>,
    pub(super) files_skipped: u64,
    pub(super) directories_skipped: u64,
    /// Why something is skipped.
    pub(super) warnings: Vec<String>,
}

impl Walk {
    /// Walks below `root`, and leaves out what `exclude` says.
    pub(super) fn new(root: &Path, exclude: &Patterns) -> Self {
        let mut walk = Self::default();
        walk.directory(root, String::new(), exclude);
        let parents: Vec<_> = walk.parents();
        for (item, parent) in walk.items.iter_mut().zip(parents) {
            item.parent = parent;
        }
        walk
    }

    /// Whether it could be listed, and so has an item.
    fn directory(&mut self, path: &Path, name: String, exclude: &Patterns) -> bool {
        let listing = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let Ok(listing) = listing else {
            self.directories_skipped += 1;
            self.warn(&format!("permission denied on directory {}", quoted_path(path)));
            return false;
        };
        let mut names = Vec::with_capacity(listing.len());
        for entry in listing {
            match entry.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(_) => {
                    self.files_skipped += 1;
                    self.warn(&format!(
                        "could not list file {} due to a filename encoding error",
                        quoted_path(&entry.path())
                    ));
                }
            }
        }
        names.sort_unstable();
        names.retain(|name| !exclude.exclude(name));
        let mut children = 0;
        for name in names {
            children += usize::from(self.child(path.join(&name), name, exclude));
        }
        let kind = Kind::Directory { children };
        self.items.push(Item { path: path.to_owned(), name, parent: None, kind });
        true
    }

    fn child(&mut self, path: PathBuf, name: String, exclude: &Patterns) -> bool {
        let what = match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => return self.directory(&path, name, exclude),
            Ok(metadata) if metadata.is_file() => {
                let kind = Kind::File { size: metadata.len() };
                self.items.push(Item { path, name, parent: None, kind });
                return true;
            }
            Ok(metadata) if metadata.is_symlink() => "symlink",
            _ => "special",
        };
        self.files_skipped += 1;
        self.warn(&format!("cannot backup {what} {}", quoted(&path.to_string_lossy())));
        false
    }

    /// The directory of each item: the first one after it that still lacks children.
    fn parents(&self) -> Vec<Option<usize>> {
        let mut parents = vec![None; self.items.len()];
        let mut open: Vec<(usize, usize)> = Vec::new();
        for (index, item) in self.items.iter().enumerate().rev() {
            if let Some((parent, left)) = open.last_mut() {
                parents[index] = Some(*parent);
                *left -= 1;
                if *left == 0 {
                    open.pop();
                }
            }
            if let Kind::Directory { children: children @ 1.. } = item.kind {
                open.push((index, children));
            }
        }
        parents
    }

    fn warn(&mut self, what: &str) {
        self.warnings.push(format!("WARNING: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn directories_come_after_what_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in ["a/b/c", "a/empty", "z"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in ["a/b/f", "a/f", "z/f", "z/skip~", "f"] {
            fs::write(root.join(path), path).unwrap();
        }
        std::os::unix::fs::symlink("f", root.join("link")).unwrap();
        let mut exclude = Patterns::default();
        exclude.add("*~");
        let walk = Walk::new(root, &exclude);
        let found: Vec<_> = walk
            .items
            .iter()
            .map(|item| (item.name.as_str(), item.parent.map(|at| walk.items[at].name.as_str())))
            .collect();
        let expected = [
            ("c", Some("b")),
            ("f", Some("b")),
            ("b", Some("a")),
            ("empty", Some("a")),
            ("f", Some("a")),
            ("a", Some("")),
            ("f", Some("")),
            ("f", Some("z")),
            ("z", Some("")),
            ("", None),
        ];
        assert_eq!(found, expected);
        assert_eq!((walk.files_skipped, walk.directories_skipped), (1, 0));
        let link = quoted_path(&root.join("link"));
        assert_eq!(walk.warnings, [format!("WARNING: cannot backup symlink {link}")]);
        assert!(Walk::new(&root.join("none"), &exclude).items.is_empty());
    }
}
