//! Wrong uses, help, and what is generated.

use std::process::Command;

use crate::{scratch, tallac};

#[test]
fn a_wrong_use_is_told_on_standard_output_and_fails() {
    let (_guard, dir) = scratch();
    let cases: [(&[&str], &str); 9] = [
        (&[], "Usage: tallac"),
        (&[], "tallac:  must specify a command\n"),
        (&["no-such-command"], "tallac:  Unknown command: no-such-command\n"),
        (&["rm", "x"], "tallac:  Unknown command: rm\n"),
        (&["create-node", "--no-such-option"], "option --no-such-option not recognized"),
        (&["ls", "--version"], "--version not allowed on subcommands"),
        (&["get"], "tallac:  the following required arguments were not provided:"),
        (&["debug"], "dump-cap"),
        (&["create-client", "a", "b"], "unexpected argument 'b'"),
    ];
    for (args, expected) in cases {
        let done = tallac(&dir, args);
        assert_eq!((done.status, done.err.as_str()), (1, ""), "{args:?}");
        assert!(done.out.contains(expected), "{args:?}: {}", done.out);
        assert!(!done.out.contains('\u{1b}'), "colours without a terminal: {}", done.out);
    }
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
}

#[test]
fn versions_and_help() {
    let (_guard, dir) = scratch();
    let version = format!("tallac/{}\n", env!("CARGO_PKG_VERSION"));
    for args in [["-V"], ["--version"], ["--version-and-path"]] {
        let done = tallac(&dir, &args);
        assert_eq!((done.status, done.out.as_str()), (0, version.as_str()), "{args:?}");
    }
    for args in [&["--help"][..], &["create-node", "--help"], &["debug", "dump-cap", "--help"]] {
        let done = tallac(&dir, args);
        assert_eq!(done.status, 0, "{args:?}");
        assert!(done.out.contains("Usage: tallac"), "{args:?}: {}", done.out);
    }
}

#[test]
fn called_tahoe_it_is_a_drop_in() {
    let (_guard, dir) = scratch();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tallac"), dir.join("tahoe")).unwrap();
    let tahoe = |args: &[&str]| {
        let output = Command::new(dir.join("tahoe")).args(args).env("HOME", &dir).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let version = "tahoe-lafs/1.20.0\n";
    for args in [&["--version"][..], &["-V"], &["--version-and-path"], &["-q", "--version"]] {
        assert_eq!(tahoe(args), (Some(0), version.to_owned(), String::new()), "{args:?}");
    }
    let (status, help, _) = tahoe(&["--help"]);
    assert!(status == Some(0) && help.contains("Usage: tahoe") && help.contains("create-node"));
    for own in ["doctor", "demo", "completions", "tallac "] {
        assert!(!help.contains(own), "{own}: {help}");
    }
    assert!(tahoe(&["completions", "bash"]).1.contains("_tahoe"), "it still works");
    let (status, out, err) = tahoe(&["start"]);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    assert!(out.ends_with("\ntahoe:  Unknown command: start\n"), "{out}");
    let (status, _, err) = tahoe(&["get", "x:y"]);
    assert_eq!(status, Some(1));
    assert!(err.contains("Start the node with 'tahoe run") && !err.contains("tallac"), "{err}");
}

#[test]
fn logs_go_where_they_are_sent() {
    let (_guard, dir) = scratch();
    let done = tallac(&dir, &["--help-eliot-destinations"]);
    assert!(done.status == 0 && done.out.contains("file:<path>"), "{}", done.out);
    for (bad, why) in [("journald:", "begin with file:"), ("file:a,b=c", "'b=c' is no option")] {
        let option = format!("--eliot-destination={bad}");
        let done = tallac(&dir, &[&option, "list-aliases"]);
        assert!(done.status == 1 && done.err.contains(why), "{}", done.err);
    }
    let good = "--eliot-destination=file:log,rotate_length=100,max_rotated_files=2";
    assert_eq!(tallac(&dir, &[good, "list-aliases"]).status, 0);
    assert!(dir.join("log").exists());
}

#[test]
fn completions_and_man_pages_know_the_commands() {
    let (_guard, dir) = scratch();
    for shell in ["bash", "zsh", "fish"] {
        let done = tallac(&dir, &["completions", shell]);
        assert!(done.status == 0 && done.out.contains("create-node"), "{shell}");
    }
    assert!(tallac(&dir, &["man"]).out.contains(".TH tallac 1"));
    let done = tallac(&dir, &["man", "--out-dir", "pages"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let page = std::fs::read_to_string(dir.join("pages/tallac-debug-dump-cap.1")).unwrap();
    assert!(page.contains("client\\-secret"), "{page}");
}
