//! `private/servers.yaml`: the servers that a client uses without an introducer (section 10.4).

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tallac_core::announcement::{AnnouncementError, StorageAnnouncement};

use super::NodeDirectory;

/// Largest file that is read, in bytes; a server takes less than 1 KiB of it.
const LEN_MAX: u64 = 16 << 20;

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServersError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{} has more than {LEN_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    #[error("{} is not the YAML that it should be: {error}", path.display())]
    Yaml { path: PathBuf, error: String },
    #[error(
        "{}: it must have the key 'storage', with a server's name and its 'ann' for each server",
        .0.display()
    )]
    NoStorage(PathBuf),
    #[error("{}: server '{server}': {error}. Correct the entry, or take it out", path.display())]
    BadServer { path: PathBuf, server: String, error: AnnouncementError },
    #[error(
        "{}: server '{server}' has no 'ann'. Correct the entry, or take it out",
        path.display()
    )]
    NoAnnouncement { path: PathBuf, server: String },
}

/// The servers in the file, in the order of their names; none if there is no file.
///
/// # Errors
/// [`ServersError`], which names the file and the entry. Not one entry is passed over in silence.
pub(crate) fn load(directory: &NodeDirectory) -> Result<Vec<StorageAnnouncement>, ServersError> {
    let path = directory.private("servers.yaml");
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() > LEN_MAX => return Err(ServersError::TooLong(path)),
        _ => {}
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(ServersError::Unreadable { path, error }),
    }
}

fn parse(path: PathBuf, text: &str) -> Result<Vec<StorageAnnouncement>, ServersError> {
    let root: Value = match serde_saphyr::from_str(text) {
        Ok(root) => root,
        Err(error) => return Err(ServersError::Yaml { path, error: error.to_string() }),
    };
    if root.is_null() {
        return Ok(Vec::new());
    }
    let storage = match root.get("storage") {
        Some(Value::Object(storage)) => storage,
        Some(Value::Null) => return Ok(Vec::new()),
        _ => return Err(ServersError::NoStorage(path)),
    };
    let mut servers = Vec::new();
    for (server, entry) in storage {
        let Some(announcement) = entry.get("ann") else {
            return Err(ServersError::NoAnnouncement { path, server: server.clone() });
        };
        match StorageAnnouncement::from_json(server, announcement) {
            Ok(announcement) => servers.push(announcement),
            Err(error) => {
                return Err(ServersError::BadServer { path, server: server.clone(), error });
            }
        }
    }
    Ok(servers)
}

/// What the file says of one server.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) server_id: String,
    pub(crate) nickname: String,
    /// Address of its Foolscap side.
    pub(crate) furl: String,
    pub(crate) nurls: Vec<String>,
    pub(crate) permutation_seed: String,
}

/// The text of a file with these servers.
pub(crate) fn print(entries: &[Entry]) -> String {
    let mut text = "storage:\n".to_owned();
    // JSON strings are YAML strings.
    let quoted = |text: &str| Value::from(text).to_string();
    for entry in entries {
        let _ = write!(
            text,
            "  {}:\n    ann:\n      nickname: {}\n      anonymous-storage-FURL: {}\n      \
             permutation-seed-base32: {}\n      anonymous-storage-NURLs:\n",
            entry.server_id,
            quoted(&entry.nickname),
            quoted(&entry.furl),
            quoted(&entry.permutation_seed)
        );
        for nurl in &entry.nurls {
            let _ = writeln!(text, "        - {}", quoted(nurl));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load_text(text: &str) -> Result<Vec<StorageAnnouncement>, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("private")).unwrap();
        std::fs::write(dir.path().join("private/servers.yaml"), text).unwrap();
        load(&NodeDirectory::new(dir.path())).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_printed_is_read() {
        let entry = Entry {
            server_id: "v0-abc".into(),
            nickname: "yes: \"no\" # \u{eb}".into(),
            furl: format!("pb://{}@tcp:127.0.0.1:1/swissnum", "a".repeat(32)),
            nurls: vec!["pb://x@127.0.0.1:1/y#v=1".into(), "pb://x@[::1]:2/y#v=1".into()],
            permutation_seed: "aaaa".into(),
        };
        let servers = load_text(&print(std::slice::from_ref(&entry))).unwrap();
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].nickname(), entry.nickname);
        assert_eq!(servers[0].nurls(), entry.nurls);
        assert_eq!(servers[0].anonymous_storage_furl(), entry.furl);
    }

    #[test]
    fn nothing_is_no_server_and_a_bad_entry_is_an_error() {
        assert!(load(&NodeDirectory::new("/nonexistent")).unwrap().is_empty());
        for empty in ["", "storage:\n", "storage: {}\n"] {
            assert!(load_text(empty).unwrap().is_empty(), "{empty:?}");
        }
        let cases = [
            ("- a\n", "must have the key 'storage'"),
            ("storage: [a]\n", "must have the key 'storage'"),
            ("storage: {a: }\n", "server 'a' has no 'ann'"),
            ("storage: {a: {ann: {nickname: b}}}\n", "anonymous-storage-FURL is missing"),
            ("storage: {a: {ann: [}}\n", "is not the YAML"),
        ];
        for (text, expected) in cases {
            let error = load_text(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("servers.yaml"), "{error}");
        }
    }

    #[test]
    fn an_error_repeats_no_secret() {
        let secret = "thesecretswissnum";
        let furl = format!("pb://{}@tcp:127.0.0.1:1/{secret}", "a".repeat(32));
        for text in [
            format!("storage: {{a: {{ann: {{anonymous-storage-FURL: {furl}\n"),
            format!("storage:\n  a:\n    ann:\n   anonymous-storage-FURL: \"{furl}\"\n  - b\n"),
            format!("storage:\n  a:\n    ann:\n      anonymous-storage-FURL: \"{furl}\n"),
            format!("storage: {{a: {{ann: {{anonymous-storage-FURL: [{furl}]}}}}}}\n"),
            format!("storage: {{a: {{ann: {{anonymous-storage-FURL: pb:{furl}}}}}}}\n"),
        ] {
            let error = load_text(&text).unwrap_err();
            assert!(!error.contains(secret), "{error}");
        }
    }

    #[test]
    fn aliases_of_aliases_fill_no_memory() {
        let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
        for level in 1..12 {
            let one = format!("*x{},", level - 1);
            text += &format!("x{level}: &x{level} [{}]\n", one.repeat(10));
        }
        let error = load_text(&text).unwrap_err();
        assert!(error.contains("is not the YAML"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(
            text in "(storage:|ann:|&a|\\*a|[ \\[\\]{}:,'\"|>#-]|\\n  |\\PC){0,40}",
        ) {
            let _ = parse(PathBuf::new(), &text);
            let _ = parse(PathBuf::new(), &format!("storage:\n  a:\n    ann: {text}"));
        }
    }
}
