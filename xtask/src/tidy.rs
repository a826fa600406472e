//! Tidiness: what lints of the language do not see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of Rust has fewer lines than this, tests aside.
const FILE_LINES_MAX: usize = 800;

/// Which crates of the workspace a crate may depend on, in the order of ARCHITECTURE.md.
const LAYERS: &[(&str, &[&str])] = &[
    ("zfec", &[]),
    ("sha256-lanes", &[]),
    ("foolscap", &[]),
    ("connections", &[]),
    ("wormhole", &[]),
    ("tallac-core", &["zfec", "sha256-lanes"]),
    ("tallac-storage", &["tallac-core"]),
    ("tallac-net", &["tallac-core", "foolscap", "connections"]),
    ("tallac-grid", &["tallac-core"]),
    ("tallac-gateway", &["tallac-core", "tallac-grid", "connections"]),
    ("tallac-testkit", &["tallac-core"]),
    (
        "tallac",
        &[
            "foolscap",
            "wormhole",
            "tallac-core",
            "tallac-storage",
            "tallac-net",
            "tallac-grid",
            "tallac-gateway",
        ],
    ),
];

/// Crates that a pure crate may never see: an async runtime, a network, a clock, a disk.
const IMPURE: &[&str] = &["tokio", "hyper", "axum", "rustls", "getrandom", "rustix", "tempfile"];

/// Crates without IO.
const PURE: &[&str] = &["zfec", "sha256-lanes", "tallac-core"];

/// Folders whose Rust may have `unsafe` in it.
const UNSAFE: &[&str] = &["crates/zfec/", "crates/sha256-lanes/"];

/// What opens connections.
const OPENERS: &[&str] = &["TcpStream::connect", "UdpSocket", "HttpConnector", "TcpDialer"];

/// Files that may open connections: all others go through `tallac_net::transport::Ways`, which
/// knows whether this machine's address may be revealed.
const MAY_OPEN: &[&str] = &[
    "crates/tallac-net/src/transport/ways.rs",
    // To Tor and I2P.
    "crates/tallac-net/src/transport/endpoint.rs",
    // To the collector that the user names, which a node that hides has on its own machine.
    "crates/tallac/src/telemetry/client.rs",
    // To the user's own node.
    "crates/tallac/src/cli/web_client.rs",
    // They know nothing of Tahoe, and are told how to connect.
    "crates/foolscap/",
    "crates/wormhole/",
];

/// What is left unfinished.
const UNFINISHED: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "FIXME"];

/// Checks everything; gives all that is wrong, a line each.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let files = tracked(root)?;
    let mut wrong = Vec::new();
    wrong.extend(layers(root, &files));
    for (path, text) in &files {
        wrong.extend(rust_file(path, text));
        wrong.extend(words(path, text));
    }
    wrong.extend(vectors(root, &files));
    wrong.extend(map(&files));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Every text file that git knows or would add, by its path from the root.
fn tracked(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    if !output.status.success() {
        return Err("git ls-files failed: tidy works in a clone only".to_owned());
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
    let files = names.split('\0').filter(|name| !name.is_empty());
    Ok(files.filter_map(|name| Some((name.to_owned(), read(name)?))).collect())
}

/// Crates see only those below them.
fn layers(root: &Path, files: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    for (path, text) in files {
        let Some(name) = path.strip_prefix("crates/").and_then(|p| p.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            wrong.push(format!("{path}: {name} has no place in the layers of xtask/src/tidy.rs"));
            continue;
        };
        for dependency in dependencies(text) {
            if known.contains(dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{path}: {name} may not see {dependency}"));
            }
            if PURE.contains(&name) && IMPURE.contains(&dependency.as_str()) {
                wrong.push(format!("{path}: {name} is pure, and may not see {dependency}"));
            }
        }
    }
    for (name, _) in LAYERS {
        if !root.join("crates").join(name).exists() {
            wrong.push(format!("xtask/src/tidy.rs: there is no crate {name}"));
        }
    }
    wrong
}

/// The names in the `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && let Some((name, _)) = line.split_once(['.', '=', ' ']) {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// What every file of Rust keeps to.
fn rust_file(path: &str, text: &str) -> Vec<String> {
    if !path.ends_with(".rs") {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    if !text.starts_with("//!") {
        wrong.push(format!("{path}: it does not say what it is: begin with //!"));
    }
    let is_test = path.contains("/tests/") || path.ends_with("tests.rs");
    let body = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    if !is_test && body.lines().count() > FILE_LINES_MAX {
        wrong.push(format!("{path}: more than {FILE_LINES_MAX} lines"));
    }
    let is_code = path.starts_with("crates/") && path.contains("/src/");
    if is_code && !is_test && !MAY_OPEN.iter().any(|file| path.starts_with(file)) {
        let found = OPENERS.iter().filter(|opener| body.contains(**opener));
        wrong.extend(found.map(|opener| {
            format!("{path}: {opener} goes past what hides this machine: open a Route of Ways")
        }));
    }
    let may_be_unsafe = UNSAFE.iter().any(|folder| path.starts_with(folder));
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if line.chars().count() > 100 && !line.contains("://") {
            wrong.push(format!("{path}:{number}: more than 100 characters"));
        }
        let code = line.split("//").next().unwrap_or(line);
        if !may_be_unsafe && code.contains(concat!("unsafe", " {")) {
            wrong.push(format!("{path}:{number}: unsafe has no place here"));
        }
        if path != "xtask/src/tidy.rs" && UNFINISHED.iter().any(|word| line.contains(word)) {
            wrong.push(format!("{path}:{number}: unfinished"));
        }
    }
    wrong
}

/// Words that a reader elsewhere could do nothing with: hosts of package registries.
fn words(path: &str, text: &str) -> Vec<String> {
    // In halves, so that this file passes.
    let hosts = [("crates", ".io"), ("pypi", ".org"), ("npmjs", ".org"), ("deb.debian", ".org")];
    if path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let found = hosts.iter().filter(|(a, b)| text.contains(&format!("{a}{b}")));
    found.map(|(a, _)| format!("{path}: names the package registry {a}")).collect()
}

/// Vectors stay as they were made: each is named in `vectors/SHA256SUMS`, and has that sum.
fn vectors(root: &Path, files: &BTreeMap<String, String>) -> Vec<String> {
    let Some(sums) = files.get("vectors/SHA256SUMS") else {
        return vec!["vectors/SHA256SUMS is missing".to_owned()];
    };
    let listed: BTreeSet<&str> = sums.lines().filter_map(|l| l.split_whitespace().nth(1)).collect();
    let mut wrong = Vec::new();
    for path in vector_files(&root.join("vectors"), Path::new("")) {
        if !listed.contains(path.as_str()) {
            wrong.push(format!("vectors/{path}: not in vectors/SHA256SUMS; add its sum there"));
        }
    }
    let check = Command::new("sha256sum")
        .args(["--check", "--quiet", "--strict", "SHA256SUMS"])
        .current_dir(root.join("vectors"))
        .output();
    match check {
        Ok(output) if output.status.success() => {}
        Ok(output) => wrong.push(format!(
            "vectors: bytes that must never change have changed:\n{}",
            String::from_utf8_lossy(&output.stdout).trim_end()
        )),
        Err(error) => wrong.push(format!("sha256sum cannot be started: {error}")),
    }
    wrong
}

fn vector_files(folder: &Path, prefix: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name: PathBuf = prefix.join(entry.file_name());
        if entry.path().is_dir() {
            names.extend(vector_files(&entry.path(), &name));
        } else if name.extension().is_none_or(|e| e != "py") && name != Path::new("SHA256SUMS") {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

/// ARCHITECTURE.md names every crate.
fn map(files: &BTreeMap<String, String>) -> Vec<String> {
    let Some(map) = files.get("ARCHITECTURE.md") else {
        return vec!["ARCHITECTURE.md is missing".to_owned()];
    };
    let missing = LAYERS.iter().filter(|(name, _)| !map.contains(&format!("| `{name}` |")));
    missing.map(|(name, _)| format!("ARCHITECTURE.md: {name} is not on the map")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\na.workspace = true\n\
                        b = { path = \"..\" }\n\n[dev-dependencies]\nc.workspace = true\n";
        assert_eq!(dependencies(manifest), ["a", "b"]);
    }

    #[test]
    fn files_that_are_not_tidy_are_found() {
        let long = format!("//! x\n{}\n", "a".repeat(101));
        let cases = [
            ("a.rs", "fn a() {}\n", "does not say what it is"),
            ("a.rs", long.as_str(), "a.rs:2: more than 100 characters"),
            ("a.rs", concat!("//! x\nfn a() { unsafe", " { b() } }\n"), "a.rs:2: unsafe"),
            ("crates/x/src/a.rs", "//! x\nTcpStream::connect(a)\n", "goes past what hides"),
        ];
        for (path, text, expected) in cases {
            assert!(rust_file(path, text).join("\n").contains(expected), "{expected}");
        }
        assert!(rust_file("a.rs", &"//! x\n".repeat(900))[0].contains("more than 800 lines"));
        assert!(rust_file("crates/zfec/a.rs", "//! x\nunsafe {}\n").is_empty());
        assert!(rust_file("a.md", "anything").is_empty());
    }
}
