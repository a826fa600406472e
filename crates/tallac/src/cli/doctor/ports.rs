//! The ports that a node listens on.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use super::finding::Findings;
use crate::config::{ListenAt, Tub, TubPort};

/// Whether the ports are free, or the node's own.
pub(super) fn check(
    (web, tub): (Option<&ListenAt>, &Tub),
    running: Option<u32>,
    findings: &mut Findings,
) {
    match web {
        Some(at) => port("web.port", at, running, findings),
        None => findings.note(
            "ports",
            "web.port is not set: there is no web API, and commands cannot use this node",
        ),
    }
    match tub {
        Tub::Disabled => findings.note("ports", "tub.port is disabled: nobody connects to it"),
        Tub::Listening { ports, .. } if ports.is_empty() => {
            findings.note("ports", "tub.port is not set: the node chooses one and keeps it");
        }
        Tub::Listening { ports, .. } => {
            for at in ports {
                if let TubPort::Socket(at) = at {
                    port("tub.port", at, running, findings);
                }
            }
        }
    }
}

fn port(setting: &str, at: &ListenAt, running: Option<u32>, findings: &mut Findings) {
    let shown = format!("{setting} {}:{}", at.host, at.port);
    if at.port == 0 {
        return findings.note("ports", format!("{shown}: the system chooses one at each start"));
    }
    let error = match TcpListener::bind((at.host.as_str(), at.port)) {
        Ok(_) if running.is_some() => {
            let what = format!("{shown} is free, although the node runs: it does not listen there");
            return findings.warning("ports", what, "start the node anew if it has changed");
        }
        Ok(_) => return findings.ok("ports", format!("{shown} is free")),
        Err(error) => error,
    };
    let owner = (error.kind() == ErrorKind::AddrInUse).then(|| owner_of(at.port)).flatten();
    match (error.kind(), owner) {
        (ErrorKind::AddrInUse, Some((pid, _))) if Some(pid) == running => {
            findings.ok("ports", format!("{shown} is the node's own"));
        }
        (ErrorKind::AddrInUse, Some((pid, name))) => findings.error(
            "ports",
            format!("{shown} is used by process {pid} ({name})"),
            "stop that program, or choose another port in tahoe.cfg",
        ),
        (ErrorKind::AddrInUse, None) if running.is_some() => {
            findings.ok("ports", format!("{shown} is used, as the node runs likely by it"));
        }
        (ErrorKind::AddrInUse, None) => findings.error(
            "ports",
            format!("{shown} is used by another program"),
            "stop that program, or choose another port in tahoe.cfg",
        ),
        _ => findings.error(
            "ports",
            format!("{shown} cannot be listened on: {error}"),
            "choose an address of this machine, and a port above 1023",
        ),
    }
}

/// The process that listens on a port, and its name, as far as this user may know.
fn owner_of(port: u16) -> Option<(u32, String)> {
    let inodes = ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        text.lines().skip(1).find_map(|line| listening_inode(line, port).map(str::to_owned))
    });
    let links: Vec<_> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if holds(&process.path(), &links) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some((pid, name.trim().to_owned()));
        }
    }
    None
}

/// The inode of the socket that a line of /proc/net/tcp tells of, if it listens on the port.
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    const LISTENS: &str = "0A";
    let fields: Vec<_> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(local, 16) == Ok(port) && fields.get(3) == Some(&LISTENS);
    is_it.then(|| fields.get(9).copied()).flatten()
}

fn holds(process: &Path, links: &[String]) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| {
        let target = fs::read_link(file.path()).unwrap_or_default();
        target.to_str().is_some_and(|target| links.iter().any(|link| link == target))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_known() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(owner_of(port).unwrap().0, std::process::id());
        drop(socket);
        assert_eq!(owner_of(port), None);
    }
}
