//! What a running node tells of itself, and that no secret gets into what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use ureq::http::Method;

use crate::nodes::{Running, ask_web, gateway, make_file, make_grid, page, run_grid};
use crate::scratch;

#[test]
fn a_node_tells_of_itself() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let grid = run_grid(&dir);
    make_file(&dir, "file", 100_000);
    let put = gateway(&dir, &["put", "file"]);
    assert_eq!(put.status, 0, "{put:?}");
    assert_eq!(gateway(&dir, &["get", put.out.trim(), "copy"]).status, 0);
    let status = gateway(&dir, &["status"]);
    assert_eq!(status.status, 0, "{status:?}");
    assert!(status.out.contains("uploaded 100.00 kB in 1 files"), "{}", status.out);
    assert!(status.out.contains("║  put  ║"), "{}", status.out);

    let statistics = page(&dir, "statistics?t=json");
    let statistics: Value = serde_json::from_str(&statistics).unwrap();
    assert_eq!(statistics["counters"]["uploader.bytes_uploaded"], 100_000);
    assert!(statistics["stats"]["node.uptime"].as_f64().unwrap() > 0.0);
    let metrics = page(&dir, "metrics");
    assert!(metrics.contains("tallac_build_info{version="), "{metrics}");
    assert!(page(&dir, "storage").contains("No Storage Server Running"));
    ask_web(&dir, Method::POST, "report_incident", "details=something");
    let incidents = fs::read_dir(dir.join("grid/gateway/logs/incidents")).unwrap();
    let incident = incidents.map(|entry| entry.unwrap().path()).next().unwrap();
    let text = fs::read_to_string(incident).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["details"], "something");
    assert!(lines.len() > 1, "{text}");
    grid.terminate();
}

#[test]
fn files_of_web_static_are_served() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "1"]);
    let gateway = dir.join("grid/gateway");
    let settings = fs::read_to_string(gateway.join("tahoe.cfg")).unwrap();
    let settings = format!("{settings}\n[node]\nweb.static = site\n");
    fs::write(gateway.join("tahoe.cfg"), settings).unwrap();
    fs::create_dir(gateway.join("site")).unwrap();
    fs::write(gateway.join("site/hello.txt"), "here it is").unwrap();
    let grid = run_grid(&dir);
    assert_eq!(page(&dir, "static/hello.txt"), "here it is");
    grid.terminate();
}

/// Every line of the node's private files that is long enough to be a secret.
pub(crate) fn secrets(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            secrets(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path)
            && path.extension().is_none_or(|ending| ending != "yaml")
        {
            let lines = text.lines().map(|line| line.rsplit('/').next().unwrap_or(line));
            found.extend(lines.filter(|line| line.len() >= 24).map(str::to_owned));
        }
    }
}

/// Gives a node something to look after.
fn maintain_something(node: &Path) {
    let settings = "[maintenance]\nenabled = true\n";
    fs::write(node.join("tallac.toml"), settings).unwrap();
    name_something(node);
}

/// The same, without switching it on.
pub(crate) fn name_something(node: &Path) {
    let caps = node.join("private/maintenance.caps");
    let key = "qaaaaaaaaaaaaaaaaaaaaaaaaa";
    let fingerprint = "iaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    fs::write(&caps, format!("URI:DIR2:{key}:{fingerprint}\n")).unwrap();
    fs::set_permissions(&caps, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn no_secret_gets_into_the_log() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    maintain_something(&dir.join("grid/gateway"));
    let grid = Running::start_logging(&dir, &["grid", "run", "grid"], "trace");
    let grid = grid.wait_for_part("grid running");
    make_file(&dir, "file", 100_000);
    let mut caps = Vec::new();
    for args in [&["put", "file"][..], &["put", "--mutable", "file"], &["mkdir"]] {
        let done = gateway(&dir, args);
        assert_eq!(done.status, 0, "{done:?}");
        caps.push(done.out.trim().to_owned());
    }
    let file = &caps[0];
    for target in [
        format!("uri/{file}"),
        format!("uri/{}?t=json", caps[1]),
        format!("uri/{}/missing-secret-name", caps[2]),
        format!("uri/{file}x"),
        format!("named/{file}/x"),
        format!("uri?uri={file}"),
        format!("operations/{file}"),
        format!("status/{file}"),
        format!("static/{file}"),
        format!("private/{file}"),
    ] {
        page(&dir, &target);
    }
    ask_web(&dir, Method::PUT, &format!("uri/{}/child?t=uri", caps[2]), file);
    ask_web(&dir, Method::POST, "report_incident", &format!("details={file}"));
    let log = grid.log_of_end();
    assert!(log.contains("tallac_gateway::access"), "it tells much");
    // A cap's key and hash are the parts that are long.
    caps.push(fs::read_to_string(dir.join("grid/gateway/private/maintenance.caps")).unwrap());
    let parts = caps.iter().flat_map(|cap| cap.trim().split(':')).filter(|part| part.len() >= 24);
    let mut all: Vec<String> = parts.map(str::to_owned).collect();
    all.push("missing-secret-name".to_owned());
    for node in ["gateway", "storage01", "storage02", "storage03"] {
        secrets(&dir.join("grid").join(node).join("private"), &mut all);
    }
    assert!(all.len() > 20);
    for secret in all {
        let shown = &secret[..8];
        assert!(!log.contains(&secret), "what begins with {shown} is in the log");
    }
}
