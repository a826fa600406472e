//! What nobody is to have through this node: `access.blacklist`, a line for each storage index,
//! with the reason behind it (section 10.4). Read anew whenever it has changed.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tallac_core::dirnode::Node;
use tallac_core::ids::StorageIndex;

use super::error::WebError;

/// Bytes of the list, at most.
const LEN_MAX: u64 = 64 << 20;

/// The list as a file.
#[derive(Debug, Default)]
pub(super) struct Blacklist {
    path: Option<PathBuf>,
    read: Mutex<Option<Read>>,
}

/// What was read, and of which file.
#[derive(Debug)]
struct Read {
    modified: SystemTime,
    len: u64,
    entries: Arc<Prohibited>,
}

/// Reasons by storage index.
#[derive(Debug, Default)]
pub(super) struct Prohibited(HashMap<StorageIndex, String>);

impl Blacklist {
    /// In this file, which need not exist.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// The list as it is now. A file that is not there or cannot be read is no list, as in
    /// Tahoe-LAFS; one that makes no sense prohibits everything.
    pub(super) fn now(&self) -> Result<Arc<Prohibited>, WebError> {
        let Some(path) = &self.path else { return Ok(Arc::default()) };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let state = fs::metadata(path).and_then(|state| Ok((state.modified()?, state.len())));
        let Ok((modified, len)) = state else {
            *read = None;
            return Ok(Arc::default());
        };
        if let Some(read) = &*read
            && (read.modified, read.len) == (modified, len)
        {
            return Ok(Arc::clone(&read.entries));
        }
        let entries = Arc::new(load(path, len)?);
        *read = Some(Read { modified, len, entries: Arc::clone(&entries) });
        Ok(entries)
    }
}

fn load(path: &Path, len: u64) -> Result<Prohibited, WebError> {
    if len > LEN_MAX {
        return Err(WebError::BadBlacklist("it is too large".to_owned()));
    }
    match fs::read(path) {
        Ok(bytes) => Prohibited::parse(&String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Prohibited::default()),
        Err(error) => Err(WebError::BadBlacklist(error.to_string())),
    }
}

impl Prohibited {
    fn parse(text: &str) -> Result<Self, WebError> {
        let mut entries = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |what: &str| WebError::BadBlacklist(format!("line {number} has {what}"));
            let (index, reason) =
                line.split_once(char::is_whitespace).ok_or_else(|| bad("no reason"))?;
            let index = index.parse().map_err(|_| bad("no storage index"))?;
            entries.insert(index, reason.trim_start().to_owned());
        }
        Ok(Self(entries))
    }

    /// Why something may not be had, if so.
    pub(super) fn reason(&self, node: &Node) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&node.storage_index()?).map(String::as_str)
    }

    /// Refuses what is on the list.
    pub(super) fn check(&self, node: &Node) -> Result<(), WebError> {
        match self.reason(node) {
            Some(reason) => {
                let storage_index = node.storage_index().map(|index| index.to_string());
                tracing::info!(storage_index, "access.blacklist prohibits what was asked for");
                Err(WebError::Prohibited(reason.to_owned()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<usize, &str>) {
        match (Prohibited::parse(text), expected) {
            (Ok(read), Ok(count)) => assert_eq!(read.0.len(), count, "{text}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (read, _) => panic!("{text}: {read:?}"),
        }
    }

    #[test]
    fn lists() {
        let index = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
        check("", Ok(0));
        check("# a comment\n\n  \n", Ok(0));
        check(&format!(" {index}\tno reason at all \r\n{index} another\n"), Ok(1));
        check(&format!("\n{index}"), Err("line 2 has no reason"));
        check("xyz because", Err("line 1 has no storage index"));
    }
}
