//! What either program finds of files that the other stored, and repairs of what was damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use interop::{Node, Web};
use serde_json::Value;

use crate::mutable::mixed_grid;
use crate::{file, playground};

/// The JSON of a check, its lists in one order: Tahoe-LAFS lists servers as they answered.
fn check(web: &Web, cap: &str, query: &str) -> Value {
    let text = web.call("POST", &format!("/uri/{cap}?t=check&output=JSON{query}"), b"").unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    sort(&mut value);
    value
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.iter_mut().for_each(sort);
            values.sort_by_key(Value::to_string);
        }
        Value::Object(members) => members.values_mut().for_each(sort),
        _ => {}
    }
}

/// What both tell of a file, which is the same.
fn check_both(webs: [&Web; 2], cap: &str, query: &str) -> Value {
    let [theirs, ours] = webs.map(|web| check(web, cap, query));
    assert_eq!(ours, theirs, "{query}");
    ours
}

/// The share files of an object, wherever they are.
fn shares(storage: &[Node], storage_index: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for node in storage {
        let bucket = node.dir().join("storage/shares").join(&storage_index[..2]);
        let files = fs::read_dir(bucket.join(storage_index)).into_iter().flatten();
        found.extend(files.map(|file| file.unwrap().path()));
    }
    found.sort();
    found
}

/// Flips a bit of a share, in the middle of what it keeps of the file. (Of a signature Tahoe-LAFS
/// would not see it: it proves one of a version.)
fn spoil(share: &Path) {
    let mut bytes = fs::read(share).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(share, bytes).unwrap();
}

#[test]
fn damage_is_found_by_one_and_repaired_by_the_other() {
    let Some((commands, home)) = playground() else { return };
    let (storage, theirs, ours) = mixed_grid(&commands, home.path());
    let (theirs, ours) = (theirs.web(), ours.web());
    let both = [&theirs, &ours];
    for (round, (maker, repairer)) in [(&theirs, &ours), (&ours, &theirs)].into_iter().enumerate() {
        for format in ["chk", "sdmf"] {
            let what = format!("{format}, round {round}");
            let body = file(300_000 + round);
            let cap = maker.call("PUT", &format!("/uri?format={format}"), &body).unwrap();
            let healthy = check_both(both, &cap, "");
            assert_eq!(healthy["results"]["healthy"], true, "{what}");
            assert_eq!(check_both(both, &cap, "&verify=true"), healthy, "{what}");

            let storage_index = healthy["storage-index"].as_str().unwrap();
            let files = shares(&storage, storage_index);
            assert_eq!(files.len(), 10, "{what}");
            // Some of theirs and some of ours.
            fs::remove_file(&files[0]).unwrap();
            fs::remove_file(&files[1]).unwrap();
            // An immutable share that is corrupt is in the way of Tahoe-LAFS's repairs.
            let corrupt = if format == "chk" && round == 1 { 0 } else { 2 };
            files[2..2 + corrupt].iter().for_each(|share| spoil(share));
            let found = check(&theirs, &cap, "&verify=true");
            let seen = check(&ours, &cap, "&verify=true");
            for name in ["healthy", "count-shares-good", "list-corrupt-shares", "sharemap"] {
                assert_eq!(seen["results"][name], found["results"][name], "{what}: {name}");
            }
            assert_eq!(seen["results"]["healthy"], false, "{what}");
            assert_eq!(seen["results"]["count-corrupt-shares"], corrupt, "{what}");

            let repaired = check(repairer, &cap, "&verify=true&repair=true");
            assert_eq!(repaired["repair-successful"], true, "{what}: {repaired}");
            for web in both {
                let now = check(web, &cap, "");
                assert_eq!(now["results"]["healthy"], true, "{what}: {now}");
                assert!(web.get(&cap).unwrap() == body, "{what}");
            }
        }
    }
    drop(storage);
}

/// What a command prints, and its exit status.
fn run(program: &Path, gateway: &Node, args: &[&str]) -> (String, Option<i32>) {
    let done = Command::new(program).arg("-d").arg(gateway.dir()).args(args).output().unwrap();
    (String::from_utf8(done.stdout).unwrap(), done.status.code())
}

#[test]
fn the_commands_print_the_same() {
    let Some((commands, home)) = playground() else { return };
    let (storage, theirs, ours) = mixed_grid(&commands, home.path());
    let web = ours.web();
    let root = web.call("POST", "/uri?t=mkdir", b"").unwrap();
    let cap = web.put(&file(300_000)).unwrap();
    for (name, cap) in [("big", &*cap), ("lit", "URI:LIT:nbswy3dp"), ("it's", "URI:LIT:nbswy3dp")] {
        web.call("PUT", &format!("/uri/{root}/{name}?t=uri"), cap.as_bytes()).unwrap();
    }
    let storage_index = check(&web, &cap, "")["storage-index"].as_str().unwrap().to_owned();
    let same = |args: &[&str]| {
        let theirs = run(&commands.tahoe, &theirs, args);
        let ours = run(&commands.tallac, &ours, args);
        assert_eq!(ours, theirs, "{}", args[0]);
        ours
    };
    for args in [
        &["check", &*cap][..],
        &["check", "--verify", "--add-lease", &cap, "URI:LIT:nbswy3dp"],
        &["check", "--repair", &cap],
        &["check", "none:"],
        &["check", &format!("{root}/none")],
        &["deep-check", &root],
        &["deep-check", "-v", "--verify", &root],
        &["deep-check", "-v", "--repair", &root],
        &["deep-check", &cap],
    ] {
        same(args);
    }
    let files = shares(&storage, &storage_index);
    fs::remove_file(&files[0]).unwrap();
    spoil(&files[1]);
    for args in [
        &["check", &*cap][..],
        &["check", "--verify", &cap],
        &["deep-check", "-v", &root],
        &["deep-check", "--verify", &root],
    ] {
        same(args);
    }
    // Their command, our repair.
    let (out, status) = run(&commands.tahoe, &ours, &["deep-check", "--verify", "--repair", &root]);
    assert!(out.contains(" 1 repairs attempted, 1 successful, 0 failed\n"), "{out}");
    assert_eq!(status, Some(0));
}
