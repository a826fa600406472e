//! What an introducer last told of, to be used while it cannot be reached:
//! `private/introducer_PETNAME_cache.yaml` (section 6.1).

use std::sync::Arc;

use serde_json::{Map, Value};
use tallac_core::announcement::{Announcement, SERVERS_MAX};

use crate::config::{ConfigError, NodeDirectory, yaml};
use crate::files::{self, Access, FileError};

/// Largest file that is read, in bytes: what as many servers as there may be need.
const LEN_MAX: u64 = 64 << 20;

/// A server that an introducer told of once.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedServer {
    /// Its name in the grid.
    pub server_id: String,
    /// What it announced.
    pub announcement: Map<String, Value>,
}

/// What the introducer of this petname last told of; nothing if it never did.
///
/// # Errors
/// When the file cannot be read, or is of another form.
pub fn read_introducer_cache(
    directory: &NodeDirectory,
    petname: &str,
) -> Result<Vec<CachedServer>, ConfigError> {
    let file = directory.private(file_name(petname));
    let Some(text) = files::read_text_up_to(&file, LEN_MAX)? else { return Ok(Vec::new()) };
    let document = yaml::parse(&file, &text)?;
    let Value::Array(entries) = document else {
        let problem = "must be a list of {ann: {…}, key_s: v0-…}".to_owned();
        return Err(ConfigError::Malformed { file, place: String::new(), problem });
    };
    // An entry that makes no sense is of no use, and does no harm.
    Ok(entries.into_iter().filter_map(entry).take(SERVERS_MAX).collect())
}

fn entry(mut entry: Value) -> Option<CachedServer> {
    let Value::Object(announcement) = entry.get_mut("ann")?.take() else { return None };
    Some(CachedServer { server_id: entry.get("key_s")?.as_str()?.to_owned(), announcement })
}

/// Keeps what the introducer of this petname told of.
///
/// # Errors
/// When the file cannot be written.
pub fn write_introducer_cache(
    directory: &NodeDirectory,
    petname: &str,
    announcements: &[Arc<Announcement>],
) -> Result<(), FileError> {
    let mut text = String::new();
    for announcement in announcements {
        text.push_str("- \"ann\":\n");
        yaml::push(&mut text, announcement.keys(), 2);
        text.push_str("  \"key_s\": ");
        yaml::push_flow(&mut text, &announcement.key().server_id().as_str().into());
        text.push('\n');
    }
    if announcements.is_empty() {
        text.push_str("[]\n");
    }
    files::write(&directory.private(file_name(petname)), &text, Access::Private)
}

fn file_name(petname: &str) -> String {
    format!("introducer_{petname}_cache.yaml")
}
