//! Wrong uses, help, and what is generated.

use crate::{scratch, tallac};

#[test]
fn a_wrong_use_is_told_on_standard_output_and_fails() {
    let (_guard, dir) = scratch();
    let cases: [(&[&str], &str); 5] = [
        (&[], "Usage: tallac"),
        (&["no-such-command"], "no-such-command"),
        (&["create-node", "--no-such-option"], "--no-such-option"),
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
