//! The commands that work with files and directories, against a grid on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::nodes::{gateway, make_file, make_grid, run_grid};
use crate::{Done, scratch, tallac};

/// Runs a command that must do well: what it printed.
fn good(dir: &Path, args: &[&str]) -> String {
    let done = gateway(dir, args);
    assert_eq!(done.status, 0, "{args:?}: {done:?}");
    done.out
}

/// Runs a command that must fail so, and says what it said.
fn bad(dir: &Path, args: &[&str], status: i32) -> String {
    let done = gateway(dir, args);
    assert_eq!(done.status, status, "{args:?}: {done:?}");
    done.err
}

/// All files below a directory, and what is in them.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A tree of 4 directories and 12 files.
fn make_tree(dir: &Path) {
    for (index, place) in ["", "a", "a/b", "Zoë c"].iter().enumerate() {
        let place = dir.join("tree").join(place);
        fs::create_dir_all(&place).unwrap();
        for (number, len) in [0, 40, 100_000].into_iter().enumerate() {
            make_file(&place, &format!("file{index}{number}"), len);
        }
    }
}

#[test]
fn names_are_made_listed_moved_and_removed() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let _grid = run_grid(&dir);
    fs::write(dir.join("small"), "hello").unwrap();

    assert_eq!(good(&dir, &["create-alias", "tahoe:"]), "Alias 'tahoe' created\n");
    assert_eq!(bad(&dir, &["create-alias", "tahoe"], 1), "Alias 'tahoe' already exists!\n");
    let sub = good(&dir, &["mkdir", "sub/deep"]);
    assert!(sub.starts_with("URI:DIR2:"), "{sub}");
    assert_eq!(good(&dir, &["put", "small", "sub/one"]), "URI:LIT:nbswy3dp\n");
    assert_eq!(good(&dir, &["get", "sub/one"]), "hello");
    assert_eq!(good(&dir, &["ls", "-F"]), "sub/\n");
    assert_eq!(good(&dir, &["ls", "-F", "sub/"]), "deep/\none\n");
    assert_eq!(good(&dir, &["ls", "--uri", "sub/one"]), "one URI:LIT:nbswy3dp\n");
    assert_eq!(bad(&dir, &["ls", "none"], 2), "No such file or directory\n");

    assert_eq!(good(&dir, &["ln", "sub/one", "two"]), "OK\n");
    assert_eq!(good(&dir, &["mv", "two", "sub/deep/"]), "OK\n");
    assert_eq!(good(&dir, &["ls", "sub/deep"]), "two\n");
    let same = bad(&dir, &["mv", "sub/one", "tahoe:sub/one"], 1);
    assert_eq!(same, "Error: the old name and the new one are the same\n");
    let over = bad(&dir, &["mv", "sub/one", "sub/deep"], 1);
    assert_eq!(over, "Error: You can't overwrite a directory with a file\n");
    let manifest = good(&dir, &["manifest", "sub"]);
    let names: Vec<_> = manifest.lines().filter_map(|line| line.split_once(' ')).collect();
    let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["", "one", "deep", "deep/two"]);
    let stats = good(&dir, &["stats", "sub"]);
    assert!(stats.contains("   count-literal-files: 2\n"), "{stats}");
    assert!(stats.contains("     count-directories: 2\n"), "{stats}");

    assert_eq!(good(&dir, &["unlink", "sub/one"]), "200 OK\n");
    assert!(bad(&dir, &["unlink", "sub/one"], 1).contains("404 Not Found"));
    assert!(bad(&dir, &["unlink", "tahoe:"], 1).contains("a path must be given"));
}

#[test]
fn mutable_files_are_written_in_place() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let _grid = run_grid(&dir);
    good(&dir, &["create-alias", "tahoe"]);
    make_file(&dir, "first", 1000);
    let second = make_file(&dir, "second", 2000);
    for (name, option) in [("sdmf", "--mutable"), ("mdmf", "--format=mdmf")] {
        let cap = good(&dir, &["put", option, "first", name]);
        assert!(cap.starts_with(if name == "sdmf" { "URI:SSK:" } else { "URI:MDMF:" }), "{cap}");
        let same = good(&dir, &["put", "second", name]);
        assert_eq!(same, cap);
        good(&dir, &["get", name, "copy"]);
        assert!(fs::read(dir.join("copy")).unwrap() == second, "{name}");
        good(&dir, &["put", "first", cap.trim()]);
        assert_eq!(good(&dir, &["cp", "second", name]), "Success: file copied\n");
        assert!(good(&dir, &["ls", "--uri", name]).contains(cap.trim()));
    }
    let told = bad(&dir, &["put", "--private-key-path=first", "first"], 1);
    assert!(told.contains("a private key is for mutable files only"), "{told}");
}

#[test]
fn a_tree_goes_and_comes_back() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let _grid = run_grid(&dir);
    make_tree(&dir);
    good(&dir, &["create-alias", "tahoe"]);
    let refused = bad(&dir, &["cp", "tree", "tahoe:"], 1);
    assert_eq!(refused, "cannot copy directories without --recursive\n");
    for _ in 0..2 {
        assert_eq!(good(&dir, &["cp", "-r", "tree", "tahoe:"]), "Success: files copied\n");
    }
    good(&dir, &["cp", "-r", "tahoe:", "back"]);
    assert_eq!(tree(&dir.join("back/tree")), tree(&dir.join("tree")));

    // What was changed here in the meantime is not taken for a copy.
    fs::write(dir.join("back/tree/file02"), vec![7; 100_000]).unwrap();
    fs::remove_file(dir.join("back/tree/a/file10")).unwrap();
    good(&dir, &["cp", "-r", "tahoe:", "back"]);
    assert_eq!(tree(&dir.join("back/tree")), tree(&dir.join("tree")));

    // Within the grid, immutable files are linked.
    good(&dir, &["cp", "-r", "tahoe:tree/a", "tahoe:other"]);
    let caps = |place: &str| {
        let listed = good(&dir, &["ls", "--uri", place]);
        listed
            .split_whitespace()
            .map(str::to_owned)
            .filter(|word| word.starts_with("URI:CHK"))
            .collect::<Vec<_>>()
    };
    assert_eq!(caps("other/a"), caps("tree/a"));
    assert_eq!(good(&dir, &["cp", "tahoe:tree/file02", "tahoe:x"]), "Success: file linked\n");
}

#[test]
fn one_file_that_fails_does_not_stop_the_others() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let _grid = run_grid(&dir);
    make_tree(&dir);
    good(&dir, &["create-alias", "tahoe"]);
    good(&dir, &["mkdir", "target/tree/a/file11"]);
    let Done { status, out, err } = gateway(&dir, &["cp", "-r", "tree", "tahoe:target"]);
    assert_eq!((status, out.as_str()), (1, ""), "{err}");
    let expected = "cannot copy 'tree/a/file11': there is a directory of that name";
    assert!(err.contains(expected), "{err}");
    assert!(err.contains("\n1 could not be copied."), "{err}");
    let manifest = good(&dir, &["manifest", "target/tree"]);
    assert_eq!(manifest.lines().count(), 4 + 12, "{manifest}");

    // Names of the grid do not lead out of the directory.
    good(&dir, &["put", "tree/file01", "evil/.."]);
    fs::create_dir(dir.join("here")).unwrap();
    let err = bad(&dir, &["cp", "-r", "tahoe:evil", "here"], 1);
    assert!(err.contains("no local file can have the name '..'"), "{err}");
}

#[test]
fn a_backup_shares_what_has_not_changed() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let grid = run_grid(&dir);
    make_tree(&dir);
    good(&dir, &["create-alias", "tahoe"]);
    let first = good(&dir, &["backup", "tree", "tahoe:backups"]);
    let report = " 12 files uploaded (0 reused), 0 files skipped, 4 directories created (0 reused)";
    assert!(first.contains(report), "{first}");
    assert!(first.starts_with("Backing up 1/16... 0h 0m "), "{first}");
    std::os::unix::fs::symlink("file01", dir.join("tree/link")).unwrap();
    fs::write(dir.join("tree/a/b/file20"), "new").unwrap();
    let Done { status, out, err } = gateway(&dir, &["backup", "tree", "tahoe:backups"]);
    let report = " 1 files uploaded (11 reused), 1 files skipped, 3 directories created (1 reused)";
    assert!(status == 2 && out.contains(report), "{out}");
    assert!(err.contains("WARNING: cannot backup symlink "), "{err}");
    good(&dir, &["cp", "-r", "tahoe:backups/Latest", "back"]);
    fs::remove_file(dir.join("tree/link")).unwrap();
    assert_eq!(tree(&dir.join("back/Latest")), tree(&dir.join("tree")));
    let archives = good(&dir, &["ls", "backups/Archives"]);
    assert!(archives.lines().all(|name| name.len() == 20 && name.ends_with('Z')), "{archives}");

    let url = fs::read_to_string(dir.join("grid/gateway/node.url")).unwrap();
    assert!(grid.terminate().success());
    let gone = gateway(&dir, &["backup", "-u", url.trim(), "tree", "tahoe:backups"]);
    assert!(gone.status == 1 && gone.err.contains("cannot reach the node at"), "{gone:?}");
}

#[test]
fn aliases_need_no_node_that_runs() {
    let (_guard, dir) = scratch();
    assert_eq!(tallac(&dir, &["create-client", "node"]).status, 0);
    let run = |args: &[&str]| tallac(&dir, &[&["-d", "node"], args].concat());
    assert_eq!(run(&["add-alias", "work:", "URI:DIR2-LIT:"]).out, "Alias 'work' added\n");
    assert_eq!(run(&["list-aliases"]).out, "  work: URI:DIR2-LIT:\n");
    let done = run(&["add-alias", "file", "URI:LIT:aa"]);
    assert_eq!((done.status, done.out.as_str()), (1, ""));
    assert!(done.err.contains("Only a directory can have an alias"), "{done:?}");
    let text = fs::read_to_string(dir.join("node/private/aliases")).unwrap();
    assert_eq!(text, "work: URI:DIR2-LIT:\n");
    let done = run(&["ls", "-u", "http://127.0.0.1:1", "work:"]);
    assert!(done.status == 255 && done.err.contains("cannot reach the node"), "{done:?}");
    assert!(!done.err.contains("URI:"), "{done:?}");
}

#[test]
fn files_and_directories_are_checked_and_repaired() {
    let (_guard, dir) = scratch();
    make_grid(&dir, &["--servers", "3"]);
    let _grid = run_grid(&dir);
    good(&dir, &["create-alias", "tahoe:"]);
    make_file(&dir, "big", 100_000);
    fs::write(dir.join("small"), "hello").unwrap();
    good(&dir, &["put", "big", "big"]);
    good(&dir, &["put", "small", "small"]);

    let shown = good(&dir, &["check", "big"]);
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("Summary: Healthy"), "{shown}");
    assert!(lines.next().unwrap().starts_with(" storage index: "), "{shown}");
    assert!(lines.next().unwrap().starts_with(" good-shares: "), "{shown}");
    assert_eq!((lines.next(), lines.next()), (Some(" wrong-shares: 0"), None), "{shown}");
    let literal = good(&dir, &["check", "--repair", "--verify", "small"]);
    assert_eq!(literal, "Summary: healthy\n storage index: \n");
    let raw = good(&dir, &["check", "--raw", "--add-lease", "big", "/"]);
    assert_eq!(raw.matches("\n}\n\n").count(), 2, "{raw}");
    assert!(bad(&dir, &["check", "big", "none"], 1).contains("404 Not Found"));
    assert!(bad(&dir, &["check", "none:"], 1).contains("Unknown alias 'none'"));

    let done = "done: 3 objects checked, 3 healthy, 0 unhealthy\n";
    assert_eq!(good(&dir, &["deep-check"]), done);
    let verbose = "'<root>': Healthy\n'big': Healthy\n'small': Healthy (LIT)\n";
    let shown = good(&dir, &["deep-check", "-v", "--verify", "--add-lease", "tahoe:"]);
    assert_eq!(shown, format!("{verbose}{done}"));
    let raw = good(&dir, &["deep-check", "--raw"]);
    assert!(raw.lines().last().unwrap().starts_with("{\"type\": \"stats\""), "{raw}");
    assert!(bad(&dir, &["deep-check", "small"], 1).contains("400 Bad Request"));

    let shares = shares_of(&dir, "big");
    fs::remove_file(&shares[0]).unwrap();
    let shown = good(&dir, &["check", "big"]);
    assert!(shown.starts_with("Summary: Not Healthy: "), "{shown}");
    let repaired = good(&dir, &["deep-check", "--repair", "-v"]);
    assert!(repaired.contains("'big': not healthy\n repair successful\n"), "{repaired}");
    assert!(repaired.contains("\n 1 repairs attempted, 1 successful, 0 failed\n"), "{repaired}");
    assert_eq!(good(&dir, &["deep-check"]), done);
}

/// Where the shares of a file are.
fn shares_of(dir: &Path, name: &str) -> Vec<PathBuf> {
    let shown = good(dir, &["check", name]);
    let storage_index = shown.lines().find_map(|line| line.strip_prefix(" storage index: "));
    let storage_index = storage_index.unwrap().to_owned();
    let is_share = |path: &PathBuf| {
        path.parent().is_some_and(|bucket| bucket.ends_with(&storage_index))
            && path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u8>().is_ok())
    };
    let found = tree(dir).into_keys().map(|path| dir.join(path)).filter(is_share);
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "{shown}");
    found
}
