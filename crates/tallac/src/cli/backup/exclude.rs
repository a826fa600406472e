//! Names that are left out of a backup: shell patterns (section 9.4).

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::quote::quoted_path;
use crate::files;

/// Files and directories of version control systems.
const VCS: [&str; 18] = [
    "CVS",
    "RCS",
    "SCCS",
    ".git",
    ".gitignore",
    ".cvsignore",
    ".svn",
    ".arch-ids",
    "{arch}",
    "=RELEASE-ID",
    "=meta-update",
    "=update",
    ".bzr",
    ".bzrignore",
    ".bzrtags",
    ".hg",
    ".hgignore",
    "_darcs",
];

/// Patterns, in which `*` stands for anything, `?` for one character, and `[...]` for one of some.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns(Vec<Vec<char>>);

impl Patterns {
    /// Adds a pattern, unless it is empty.
    pub(crate) fn add(&mut self, pattern: &str) {
        let pattern = pattern.trim();
        if !pattern.is_empty() {
            self.0.push(pattern.chars().collect());
        }
    }

    /// Adds those of a file, one a line.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<()> {
        let failed = || format!("Error opening exclude file {}", quoted_path(path));
        let text = files::read_text(path).with_context(failed)?;
        text.context("there is no such file").with_context(failed)?.lines().for_each(|line| {
            self.add(line);
        });
        Ok(())
    }

    /// Adds the files and directories of version control systems.
    pub(crate) fn add_vcs(&mut self) {
        VCS.iter().for_each(|pattern| self.add(pattern));
    }

    /// Whether one of them is the whole of a name.
    pub(crate) fn exclude(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        self.0.iter().any(|pattern| matches(pattern, &name))
    }
}

/// Whether a pattern is all of a name: in time of the product of their lengths.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where to go on after the last star, if what follows it does not fit.
    let mut retry = None;
    while seen < name.len() {
        if pattern.get(at) == Some(&'*') {
            at += 1;
            retry = Some((at, seen));
        } else if let Some(len) = one(&pattern[at..], name[seen]) {
            at += len;
            seen += 1;
        } else if let Some((star, from)) = retry {
            (at, seen) = (star, from + 1);
            retry = Some((star, from + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

/// How much of the pattern stands for this one character; nothing if it does not.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => match set(&pattern[1..]) {
            Some((set, len)) => {
                let (negated, set) = match set.split_first() {
                    Some(('!', rest)) => (true, rest),
                    _ => (false, set),
                };
                (contains(set, c) != negated).then_some(len + 1)
            }
            // A bracket that is never closed is itself.
            None => (c == '[').then_some(1),
        },
        &other => (c == other).then_some(1),
    }
}

/// What is between brackets, and its length with the closing one. A bracket that comes first does
/// not close.
fn set(pattern: &[char]) -> Option<(&[char], usize)> {
    let first = usize::from(pattern.first() == Some(&'!'));
    let end = (first + 1..pattern.len()).find(|&at| pattern[at] == ']')?;
    Some((&pattern[..end], end + 1))
}

fn contains(set: &[char], c: char) -> bool {
    let mut at = 0;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            if (set[at]..=set[at + 2]).contains(&c) {
                return true;
            }
            at += 3;
        } else if set[at] == c {
            return true;
        } else {
            at += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_shells() {
        let cases = [
            ("*~", "file~", true),
            ("*~", "file", false),
            ("*.py?", "a.pyc", true),
            ("*.py?", "a.py", false),
            ("*a*b*", "xxaxxaxbx", true),
            ("*a*b", "xxaxxaxbx", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[x", "[x", true),
            ("[a-]", "-", true),
            ("A", "a", false),
            ("*", "", true),
            ("", "", false),
            ("a\\b", "a\\b", true),
            ("{arch}", "{arch}", true),
        ];
        for (pattern, name, expected) in cases {
            let mut patterns = Patterns::default();
            patterns.add(pattern);
            assert_eq!(patterns.exclude(name), expected, "{pattern} {name}");
        }
        let mut patterns = Patterns::default();
        patterns.add_vcs();
        assert!(patterns.exclude(".git") && !patterns.exclude("git"));
    }

    #[test]
    fn patterns_come_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exclude");
        std::fs::write(&path, " *.o \n\nLüge\n").unwrap();
        let mut patterns = Patterns::default();
        patterns.add_file(&path).unwrap();
        assert!(patterns.exclude("a.o") && patterns.exclude("Lüge") && !patterns.exclude(""));
        assert!(patterns.add_file(&dir.path().join("none")).is_err());
    }
}
