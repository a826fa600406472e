//! A grid that meets at an introducer is used, checked, repaired and maintained, and everything is
//! logged: nothing in the logs is a secret.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use tallac::config::NodeDirectory;
use tallac::node_files::NodeSecrets;
use tallac_core::base32;
use tallac_core::cap::{Cap, FileCap};
use tallac_core::hash;
use tallac_core::ids::TubId;
use tallac_core::lease::lease_secrets;

use crate::introducers::{
    connected, introduce, make, make_introducer, make_listening, set, wait_until,
};
use crate::node_pages::secrets;
use crate::nodes::{Running, make_file};
use crate::{scratch, tallac};

const SERVERS: [&str; 2] = ["s1", "s2"];

fn make_nodes(dir: &Path) {
    make_introducer(dir, "hall");
    for server in SERVERS {
        make_listening(dir, "create-node", server, &["-n", server, "--webport=none"]);
        set(dir, server, "reserved_space = 1G", "reserved_space = 0");
    }
    // The other is spoken to over HTTPS.
    set(dir, "s2", "[storage]\n", "[storage]\nforce_foolscap = true\n");
    let shares = ["--shares-needed=1", "--shares-happy=2", "--shares-total=2"];
    make(
        dir,
        &[&["create-client", "-p", "tcp:0:interface=127.0.0.1"], &shares[..], &["c"]].concat(),
    );
}

fn client(dir: &Path, args: &[&str]) -> String {
    let done = tallac(dir, &[&["-d", "c"], args].concat());
    assert!(done.status <= 1, "{args:?}: {done:?}");
    done.out
}

/// Share files of a server.
fn shares(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            shares(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Loses a share, and damages another.
fn damage(dir: &Path) {
    let mut all = Vec::new();
    shares(&dir.join("s1/storage/shares"), &mut all);
    fs::remove_file(&all[0]).unwrap();
    all.clear();
    shares(&dir.join("s2/storage/shares"), &mut all);
    let mut share = fs::read(&all[0]).unwrap();
    let middle = share.len() / 2;
    share[middle] ^= 1;
    fs::write(&all[0], share).unwrap();
}

/// Everything that follows from a cap and is a secret.
fn secrets_of(dir: &Path, cap: &str, hidden: &mut Vec<String>) {
    hidden.extend(cap.split(':').filter(|part| part.len() >= 24).map(str::to_owned));
    let own = NodeSecrets::load_or_create(&NodeDirectory::new(&dir.join("c")).unwrap()).unwrap();
    let cap = Cap::parse(cap);
    let index = cap.storage_index().unwrap();
    for server in SERVERS {
        let id = fs::read_to_string(dir.join(server).join("my_nodeid")).unwrap();
        let id: TubId = id.trim().parse().unwrap();
        let lease = lease_secrets(&own.lease, &index, &id);
        let mut bytes = vec![lease.renew.expose().to_vec(), lease.cancel.expose().to_vec()];
        if let Some(FileCap::SskWrite(cap)) = cap.file() {
            bytes.push(hash::write_enabler(cap.write_key(), &id).expose().to_vec());
        }
        for bytes in bytes {
            hidden.extend([base32::encode(&bytes), BASE64.encode(&bytes), format!("{bytes:?}")]);
        }
    }
}

#[test]
fn nothing_secret_is_logged_by_a_grid_with_an_introducer() {
    let (_guard, dir) = scratch();
    make_nodes(&dir);
    let run = |node: &str, until: &str| {
        let args = ["run", "--allow-stdin-close", node];
        Running::start_logging(&dir, &args, "trace").wait_for(until)
    };
    let mut running = vec![run("hall", "introducer running")];
    for node in ["s1", "s2", "c"] {
        introduce(&dir, node, &["hall"]);
    }
    running.extend(SERVERS.map(|node| run(node, "client running")));
    let gateway = run("c", "client running");
    wait_until("both servers", || connected(&dir, "c").len() == SERVERS.len());
    make_file(&dir, "file", 100_000);
    client(&dir, &["create-alias", "home"]);
    let mut caps = vec![client(&dir, &["put", "file", "home:sub/secret-name"])];
    caps.push(client(&dir, &["put", "--mutable", "file", "home:secret-name-too"]));
    damage(&dir);
    let checked = client(&dir, &["deep-check", "--verify", "--repair", "--add-lease", "home:"]);
    assert!(checked.contains("repair"), "{checked}");
    client(&dir, &["check", "--verify", "--raw", "home:sub/secret-name"]);
    damage(&dir);
    let settings = "[maintenance]\nenabled = true\ncaps = [\"home:\"]\nverify = \"always\"\n";
    fs::write(dir.join("c/tallac.toml"), settings).unwrap();
    let pid = gateway.child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap();
    assert!(sent.success());
    wait_until("a round of maintenance", || {
        let status = tallac(&dir, &["-d", "c", "maintain", "status", "--json"]).out;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
        status["last"]["counts"]["checked"].as_u64().is_some_and(|count| count > 0)
    });
    running.push(gateway);
    running.reverse();
    let logs: String = running.into_iter().map(Running::log_of_end).collect();
    assert!(logs.contains("DEBUG") && logs.contains("tallac_gateway::access"), "they tell much");

    let aliases = fs::read_to_string(dir.join("c/private/aliases")).unwrap();
    caps.push(aliases.trim().split_once(' ').unwrap().1.to_owned());
    let mut hidden = vec!["secret-name".to_owned(), "URI:".to_owned()];
    for cap in &caps {
        secrets_of(&dir, cap.trim(), &mut hidden);
    }
    for node in ["hall", "s1", "s2", "c"] {
        secrets(&dir.join(node).join("private"), &mut hidden);
    }
    let furl = |file: &str| fs::read_to_string(dir.join(file)).unwrap();
    for file in ["hall/private/introducer.furl", "s1/private/storage.furl"] {
        let swissnum = furl(file).trim().rsplit('/').next().unwrap().to_owned();
        assert!(hidden.contains(&swissnum));
        hidden.push(BASE64.encode(swissnum.as_bytes()));
    }
    assert!(hidden.len() > 40);
    for secret in hidden {
        let shown = &secret[..4];
        let line = logs.lines().find(|line| line.contains(&secret));
        let line = line.map(|line| line.replace(&secret, "…"));
        assert_eq!(line, None, "what begins with {shown} is logged");
    }
}
