//! Share files of either program, looked at with the other's `debug dump-share`.

use std::path::{Path, PathBuf};
use std::process::Command;

use interop::{Kind, NodeOptions};

use crate::{file, gateway, playground, servers};

/// Every share file below a node directory.
fn shares(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.join("storage/shares")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// What a command prints of a share, with the seconds that its lease has left taken out.
fn dump(command: &Path, share: &Path, flags: &[&str]) -> String {
    let output = Command::new(command)
        .args(["debug", "dump-share"])
        .args(flags)
        .arg(share)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let cut = |line: &str| match line.split_once("expire in ") {
        Some((start, _)) => format!("{start}expire in some time"),
        None => line.to_owned(),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn dump_share_prints_the_same() {
    let Some((commands, home)) = playground() else { return };
    let storage = servers(&commands, home.path(), &[Kind::Tahoe, Kind::Tallac]);
    let options = NodeOptions::gateway((1, 2, 2));
    let ours = gateway(&commands, home.path().join("ours"), Kind::Tallac, &options, &storage);
    let theirs = gateway(&commands, home.path().join("theirs"), Kind::Tahoe, &options, &storage);
    ours.web().put(&file(3_000_000)).unwrap();
    theirs.web().put(&file(3_000_001)).unwrap();
    // Both renew: a share then has two leases.
    theirs.web().put(&file(3_000_000)).unwrap();
    for server in &storage {
        let shares = shares(server.dir());
        assert_eq!(shares.len(), 2);
        for share in shares {
            for flags in [&[][..], &["--offsets"], &["--leases-only"]] {
                let expected = dump(&commands.tahoe, &share, flags);
                assert_eq!(dump(&commands.tallac, &share, flags), expected, "{flags:?}");
            }
        }
    }
}
