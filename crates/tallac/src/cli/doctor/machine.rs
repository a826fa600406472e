//! Settings, process, clock, limits and disk: what this machine alone tells.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};

use super::super::units::space;
use super::finding::Findings;
use crate::config::{ConfigError, ConfigWarning, NodeDirectory, StorageConfig};

/// No clock that is right shows less: when this was written, in seconds since 1970.
const LEAST_NOW_S: u64 = 1_760_000_000;

/// Fewer open files than this are too few for a busy node.
const FILES_MIN: u64 = 1024;

/// A node that has this many bytes left is all but full.
const FREE_MIN: u64 = 100 << 20;

/// What is wrong with the settings; the error says what to do.
pub(super) fn bad_settings(error: &ConfigError, findings: &mut Findings) {
    findings.error(
        "settings",
        error.to_string(),
        "the node does not start before this is put right",
    );
}

/// What the settings make of the node, and those of no effect.
pub(super) fn settings(what: &str, warnings: &[ConfigWarning], findings: &mut Findings) {
    findings.ok("settings", format!("tahoe.cfg can be read; the node is {what}"));
    for warning in warnings {
        findings.warning("settings", warning.setting.clone(), warning.meaning);
    }
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
        Ok(found) if found.permissions().mode() & 0o077 != 0 => findings.warning(
            "secrets",
            "other users of this machine may look into the private directory, where keys, caps and \
             addresses are",
            format!("chmod 700 '{}'", path.display()),
        ),
        Ok(_) => findings.ok("secrets", "only the owner looks into the private directory"),
    }
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
