//! Grid managers: either program's `grid-manager` on one directory, certificates judged by either
//! program's clients.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use interop::{Commands, Kind, Node, NodeOptions};
use serde_json::{Value, json};

use crate::{file, playground, servers};

/// The `grid-manager` of either program, always with the same directory.
struct Managers {
    tahoe: PathBuf,
    tallac: PathBuf,
    dir: PathBuf,
}

impl Managers {
    fn new(commands: &Commands, home: &Path) -> Self {
        Self {
            tahoe: commands.tahoe.with_file_name("grid-manager"),
            tallac: commands.tallac.clone(),
            dir: home.join("manager"),
        }
    }

    fn output(&self, kind: Kind, args: &[&str]) -> Output {
        let mut command = match kind {
            Kind::Tahoe => Command::new(&self.tahoe),
            Kind::Tallac => {
                let mut command = Command::new(&self.tallac);
                command.arg("grid-manager");
                command
            }
        };
        command.arg("--config").arg(&self.dir).args(args).output().unwrap()
    }

    fn run(&self, kind: Kind, args: &[&str]) -> String {
        let output = self.output(kind, args);
        assert!(output.status.success(), "{kind:?} {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn both_programs_share_a_directory() {
    let Some((commands, home)) = playground() else { return };
    let managers = Managers::new(&commands, home.path());
    let key = "pub-v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";
    for (first, second) in [(Kind::Tallac, Kind::Tahoe), (Kind::Tahoe, Kind::Tallac)] {
        managers.run(first, &["create"]);
        let identity = managers.run(first, &["public-identity"]);
        assert_eq!(managers.run(second, &["public-identity"]), identity);
        managers.run(first, &["add", "zoë", key]);
        managers.run(second, &["add", "alice", key]);
        managers.run(first, &["sign", "alice", "3"]);
        managers.run(second, &["sign", "alice", "100"]);
        let config = || std::fs::read_to_string(managers.dir.join("config.json")).unwrap();
        let list = managers.run(first, &["list"]);
        assert_eq!(managers.run(second, &["list"]), list);
        assert!(list.contains("cert 1: valid until"), "{list}");
        // What either writes is what the other writes, byte for byte.
        let before = config();
        managers.run(first, &["add", "gone", key]);
        managers.run(second, &["remove", "gone"]);
        assert_eq!(config(), before);
        for args in [&["add", "alice", key][..], &["sign", "bob", "3"], &["remove", "bob"]] {
            let (one, other) = (managers.output(first, args), managers.output(second, args));
            assert_eq!(one, other, "{args:?}");
        }
        managers.run(second, &["remove", "alice"]);
        assert!(!managers.dir.join("alice.cert.0").exists());
        std::fs::remove_dir_all(&managers.dir).unwrap();
    }
}

/// Lets a gateway know what managers say of each server.
fn announce_certificates(gateway: &Node, servers: &[Node], certificates: &[Vec<Value>]) {
    let entries: Vec<_> = servers.iter().map(|server| server.entry().unwrap()).collect();
    gateway.use_servers(&entries).unwrap();
    let path = gateway.dir().join("private/servers.yaml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (server, certificates) in servers.iter().zip(certificates) {
        let furl = std::fs::read_to_string(server.dir().join("private/storage.furl")).unwrap();
        let line = text.lines().find(|line| line.contains(furl.trim())).unwrap().to_owned();
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        // JSON is YAML.
        let more = format!("{line}\n{indent}grid-manager-certificates: {}", json!(certificates));
        text = text.replace(&line, &more);
    }
    std::fs::write(path, text).unwrap();
}

fn shares_of(server: &Node) -> usize {
    let Ok(prefixes) = std::fs::read_dir(server.dir().join("storage/shares")) else { return 0 };
    let prefixes = prefixes.map(|entry| entry.unwrap()).filter(|e| e.file_name() != "incoming");
    prefixes.map(|entry| std::fs::read_dir(entry.path()).unwrap().count()).sum()
}

#[test]
fn clients_store_only_with_servers_that_are_vouched_for() {
    let Some((commands, home)) = playground() else { return };
    let storage =
        servers(&commands, home.path(), &[Kind::Tahoe, Kind::Tallac, Kind::Tahoe, Kind::Tallac]);
    let managers = Managers::new(&commands, home.path());
    managers.run(Kind::Tallac, &["create"]);
    let identity = managers.run(Kind::Tahoe, &["public-identity"]);
    // Two servers are vouched for, one by each program.
    let certificates: Vec<Vec<Value>> = storage
        .iter()
        .enumerate()
        .map(|(i, server)| {
            let signer = match i {
                0 => Kind::Tallac,
                1 => Kind::Tahoe,
                _ => return Vec::new(),
            };
            let key = std::fs::read_to_string(server.dir().join("node.pubkey")).unwrap();
            let name = format!("server{i}");
            managers.run(signer, &["add", &name, key.trim()]);
            let certificate = managers.run(signer, &["sign", &name, "1"]);
            vec![serde_json::from_str(&certificate).unwrap()]
        })
        .collect();

    for (i, kind) in [Kind::Tallac, Kind::Tahoe].into_iter().enumerate() {
        let dir = home.path().join(format!("gateway-{kind:?}"));
        let options = NodeOptions::gateway((1, 2, 4));
        let mut gateway = Node::create(&commands, kind, &[dir], &options).unwrap().remove(0);
        let config = gateway.dir().join("tahoe.cfg");
        let text = std::fs::read_to_string(&config).unwrap();
        let managed = format!("{text}\n[grid_managers]\nmine = {identity}");
        std::fs::write(&config, managed).unwrap();
        announce_certificates(&gateway, &storage, &certificates);
        gateway.start(kind).unwrap();
        gateway.wait_for_servers(storage.len()).unwrap();

        let data = file(10_000 + i);
        let cap = gateway.web().put(&data).unwrap();
        assert_eq!(gateway.web().get(&cap).unwrap(), data, "{kind:?}");
        let counts: Vec<_> = storage.iter().map(shares_of).collect();
        assert_eq!(counts, [i + 1, i + 1, 0, 0], "by {kind:?}");
    }
}
