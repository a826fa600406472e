//! Settings, process, clock, limits and disk: what this machine alone tells.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};

use super::super::units::space;
use super::finding::Findings;
use crate::config::{
    CONFIG_FILE, ConfigError, ConfigWarning, Ini, NodeConfig, NodeDirectory, StorageConfig,
    TALLAC_TOML,
};
use crate::files;

/// No clock that is right shows less: when this was written, in seconds since 1970.
const LEAST_NOW_S: u64 = 1_760_000_000;

/// Fewer open files than this are too few for a busy node.
const FILES_MIN: u64 = 1024;

/// A node that has this many bytes left is all but full.
const FREE_MIN: u64 = 100 << 20;

/// What is wrong with the settings; the error says what to do.
pub(super) fn bad_settings(
    directory: &NodeDirectory,
    error: &ConfigError,
    findings: &mut Findings,
) {
    findings.error(
        "settings",
        error.to_string(),
        "the node does not start before this is put right",
    );
    let line = error.setting().and_then(|(section, key)| line(directory, section, key));
    findings.at_line(line);
}

/// The line of a setting in `tahoe.cfg`, if it is there.
fn line(directory: &NodeDirectory, section: &str, key: &str) -> Option<usize> {
    let text = files::read_text(&directory.file(CONFIG_FILE)).ok()??;
    Ini::parse(&text).ok()?.line(section, key)
}

/// What the settings make of the node, and those of no effect.
pub(super) fn settings(
    directory: &NodeDirectory,
    (what, warnings): (&str, &[ConfigWarning]),
    findings: &mut Findings,
) {
    findings.ok("settings", format!("tahoe.cfg can be read; the node is {what}"));
    for warning in warnings {
        findings.warning("settings", warning.setting.clone(), warning.meaning);
        let setting = warning.setting.strip_prefix('[').and_then(|text| text.split_once(']'));
        let line = setting.and_then(|(section, key)| line(directory, section, key.trim()));
        findings.at_line(line);
    }
}

/// What `tallac.toml` switches on.
pub(super) fn own_settings(config: &NodeConfig, findings: &mut Findings) {
    if !config.directory.file(TALLAC_TOML).exists() {
        return findings.note("settings", "there is no tallac.toml: what it switches on is off");
    }
    let state = |is_on: bool| if is_on { "on" } else { "off" };
    let what = format!(
        "tallac.toml can be read; maintenance is {}, traces are {}",
        state(config.maintenance.is_some()),
        state(config.otlp_endpoint.is_some())
    );
    findings.ok("settings", what);
}

/// Whether the node runs.
pub(super) fn process(directory: &NodeDirectory, running: Option<u32>, findings: &mut Findings) {
    match running {
        Some(pid) => findings.ok("process", format!("the node runs, as process {pid}")),
        None if directory.file("running.process").exists() => findings.note(
            "process",
            "the node does not run; running.process was left behind by one that was killed, and \
             the next start replaces it",
        ),
        None => findings.note("process", "the node does not run"),
    }
}

/// Whether the clock can be right. Leases and certificates need it.
pub(super) fn clock(findings: &mut Findings) {
    let least = SystemTime::UNIX_EPOCH + Duration::from_secs(LEAST_NOW_S);
    if SystemTime::now() < least {
        let what = "the clock shows a time in the past: leases would end too early";
        findings.error("clock", what, "set the clock, best with NTP");
    } else {
        findings.ok("clock", "it shows a time that can be right");
    }
}

/// How many files the node may have open.
pub(super) fn limits(findings: &mut Findings) {
    match getrlimit(Resource::Nofile).current {
        Some(files) if files < FILES_MIN => findings.warning(
            "limits",
            format!("{files} files may be open at once, a busy node needs {FILES_MIN} or more"),
            "raise it with 'ulimit -n' or LimitNOFILE= of the service manager",
        ),
        Some(files) => findings.ok("limits", format!("{files} files may be open at once")),
        None => findings.ok("limits", "any number of files may be open at once"),
    }
}

/// Whether the node's secrets are its own.
pub(super) fn private(directory: &NodeDirectory, findings: &mut Findings) {
    let path = directory.path().join("private");
    if let Err(error) = access(directory.path(), Access::WRITE_OK) {
        let what = format!("'{}' cannot be written: {error}", directory.path().display());
        findings.error("directory", what, "run the node as the owner of its directory");
    }
    match std::fs::metadata(&path) {
        Err(_) => findings.note("secrets", "there is no private directory; the node makes it"),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            findings.warning(
                "secrets",
                "other users of this machine may look into the private directory, where keys, caps \
                 and addresses are",
                format!("chmod 700 '{}'", path.display()),
            );
            open_files(&path, findings);
        }
        Ok(_) => findings.ok("secrets", "only the owner looks into the private directory"),
    }
}

/// Names what others may read in a directory that they may look into.
fn open_files(path: &Path, findings: &mut Findings) {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let is_open = |entry: &std::fs::DirEntry| {
        let found = entry.metadata().ok().filter(std::fs::Metadata::is_file);
        found.is_some_and(|found| found.permissions().mode() & 0o044 != 0)
    };
    let open = entries.filter(is_open);
    let mut names: Vec<_> =
        open.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    if !names.is_empty() {
        let what = format!("other users may read these files in it: {}", names.join(", "));
        let advice = "chmod go= them as well; if others have used this machine, take the keys, \
                      caps and addresses in them for known";
        findings.warning("secrets", what, advice);
    }
}

/// Whether others may read addresses in `tahoe.cfg`, which are as good as a password.
pub(super) fn addresses(directory: &NodeDirectory, findings: &mut Findings) {
    let file = directory.file(CONFIG_FILE);
    let is_open = std::fs::metadata(&file)
        .is_ok_and(|found| found.permissions().mode() & 0o044 != 0)
        && others_may_enter(directory.path());
    for key in ["introducer.furl", "helper.furl"] {
        let Some(at) = line(directory, "client", key).filter(|_| is_open) else { continue };
        if is_empty(&file, key) {
            continue;
        }
        findings.warning(
            "secrets",
            format!("other users may read the address in [client] {key}, and use what it names"),
            format!("chmod go= '{}'", file.display()),
        );
        findings.at_line(Some(at));
    }
}

fn is_empty(file: &Path, key: &str) -> bool {
    let text = files::read_text(file).ok().flatten().unwrap_or_default();
    let value = Ini::parse(&text).ok().and_then(|ini| ini.get("client", key).ok().flatten());
    value.is_none_or(|value| value.is_empty() || value == "None")
}

fn others_may_enter(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|found| found.permissions().mode() & 0o011 != 0)
}

/// Whether there is room for shares.
pub(super) fn disk(storage: &StorageConfig, findings: &mut Findings) {
    // It may not have been made yet.
    let there = storage.dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    if let Err(error) = access(there, Access::WRITE_OK) {
        let what = format!("'{}' cannot be written: {error}", there.display());
        return findings.error("storage", what, "give it to the user that runs the node");
    }
    let found = match statvfs(there) {
        Ok(found) => found,
        Err(error) => {
            let what = format!("how much room is left is not known: {error}");
            return findings.warning("storage", what, "look at the disk with 'df'");
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let (shown, reserved) = (space(free), space(storage.reserved_space));
    if storage.readonly {
        findings.note("storage", "it takes no new immutable shares: readonly is set");
    } else if free <= storage.reserved_space {
        findings.error(
            "storage",
            format!("{shown} are free, {reserved} are reserved: it takes no more shares"),
            "make room, or lower [storage] reserved_space",
        );
    } else if free - storage.reserved_space < FREE_MIN {
        let what = format!("{shown} are free, {reserved} of them reserved: it is all but full");
        findings.warning("storage", what, "make room, or lower [storage] reserved_space");
    } else {
        findings.ok("storage", format!("{shown} are free, {reserved} of them reserved"));
    }
}
