//! `grid-manager`, and what nodes make of its certificates. The expected texts are what Tahoe-LAFS
//! 1.20 printed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use tallac::config::NodeConfig;
use tallac_core::grid_manager::{SignedCertificate, UploadPermit};

use crate::{Done, scratch, tallac};

const KEY: &str = "pub-v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";
const OTHER_KEY: &str = "pub-v0-gnbujj4bducws25erv4xlz4abc52szar6wne7b4yfll65dmm7g2a";
const PIPED: &str = r#"{"grid_manager_config_version": 0,
    "private_key": "priv-v0-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"}"#;

/// Runs the program by its other name.
fn grid_manager(dir: &Path, args: &[&str]) -> Done {
    grid_manager_with(dir, args, "")
}

fn grid_manager_with(dir: &Path, args: &[&str], input: &str) -> Done {
    let program = dir.join("grid-manager");
    if !program.exists() {
        symlink(env!("CARGO_BIN_EXE_tallac"), &program).unwrap();
    }
    fs::write(dir.join("input"), input).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "umask 022; exec \"$0\" \"$@\" < input", "./grid-manager"]).args(args);
    let output = command.current_dir(dir).stdin(Stdio::null()).output().unwrap();
    Done {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A manager in `gm` that knows alice.
fn manager(dir: &Path) {
    assert_eq!(grid_manager(dir, &["--config", "gm", "create"]).status, 0);
    assert_eq!(grid_manager(dir, &["-c", "gm", "add", "alice", KEY]).status, 0);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn servers_come_and_go() {
    let (_guard, dir) = scratch();
    manager(&dir);
    assert_eq!(mode(&dir.join("gm")), 0o700);
    assert_eq!(mode(&dir.join("gm/config.json")), 0o600);
    let add = grid_manager(&dir, &["-c", "gm", "add", "zoë", OTHER_KEY]);
    assert_eq!((add.status, add.out.as_str(), add.err.as_str()), (0, "", ""));
    let text = fs::read_to_string(dir.join("gm/config.json")).unwrap();
    let (head, rest) = text.split_once("\"priv-v0-").unwrap();
    assert_eq!(head, "{\n    \"grid_manager_config_version\": 0,\n    \"private_key\": ");
    let servers = format!(
        "\",\n    \"storage_servers\": {{\n        \"alice\": {{\n            \"public_key\": \
         \"{KEY}\"\n        }},\n        \"zo\\u00eb\": {{\n            \"public_key\": \
         \"{OTHER_KEY}\"\n        }}\n    }}\n}}\n"
    );
    assert_eq!(&rest[52..], servers);

    for days in ["3", "61"] {
        let sign = grid_manager(&dir, &["-c", "gm", "sign", "alice", days]);
        assert_eq!(sign.status, 0, "{sign:?}");
        let index = usize::from(days == "61");
        let kept = fs::read_to_string(dir.join(format!("gm/alice.cert.{index}"))).unwrap();
        assert_eq!(sign.out, format!("{kept}\n"));
    }
    let list = grid_manager(&dir, &["-c", "gm", "list"]).out;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines[0], format!("alice: {KEY}"));
    assert!(lines[1].starts_with("       cert 0: valid until 20"), "{list}");
    assert!(lines[1].ends_with("+00:00 (2 days in the future)"), "{list}");
    assert!(lines[2].ends_with("+00:00 (2 months in the future)"), "{list}");
    assert_eq!(lines[3..], [format!("zoë: {OTHER_KEY}")]);

    assert_eq!(grid_manager(&dir, &["-c", "gm", "remove", "alice"]).status, 0);
    let list = grid_manager(&dir, &["-c", "gm", "list"]).out;
    assert_eq!(list, format!("zoë: {OTHER_KEY}\n"));
    assert_eq!(fs::read_dir(dir.join("gm")).unwrap().count(), 1);
}

#[test]
fn old_certificates_are_listed_as_such() {
    let (_guard, dir) = scratch();
    manager(&dir);
    let text = format!(
        "{{\"certificate\": \"{{\\\"expires\\\":\\\"2020-01-02T03:04:05\\\",\\\"public_key\\\":\
         \\\"{KEY}\\\",\\\"version\\\":1}}\", \"signature\": \"\"}}"
    );
    fs::write(dir.join("gm/alice.cert.0"), text).unwrap();
    let list = grid_manager(&dir, &["-c", "gm", "list"]).out;
    assert!(list.contains("       cert 0: expired 2020-01-02 03:04:05 ("), "{list}");
    assert!(list.ends_with(" years ago)\n"), "{list}");
    fs::write(dir.join("gm/alice.cert.0"), "{}").unwrap();
    let list = grid_manager(&dir, &["-c", "gm", "list"]);
    assert!(list.err.starts_with("Error: Error loading Grid Manager from 'gm': "), "{list:?}");
}

#[test]
fn failures_are_told_as_tahoe_tells_them() {
    let (_guard, dir) = scratch();
    manager(&dir);
    let check = |args: &[&str], input: &str, expected: &str| {
        let done = grid_manager_with(&dir, args, input);
        let err = done.err.replace(dir.to_str().unwrap(), "DIR");
        assert_eq!((done.status, err.as_str(), done.out.as_str()), (1, expected, ""), "{args:?}");
    };
    let exists = "Error: Can't create 'gm': [Errno 17] File exists: 'DIR/gm'\n";
    let nobody = "Error: No storage-server called 'bob' exists\n";
    check(&["-c", "gm", "create"], "", exists);
    check(
        &["-c", "gm", "add", "alice", KEY],
        "",
        "Error: A storage-server called 'alice' already exists\n",
    );
    check(&["-c", "gm", "sign", "bob", "3"], "", nobody);
    check(&["-c", "gm", "remove", "bob"], "", nobody);
    let loading = |input: &str, expected: &str| {
        let expected = format!("Error: Error loading Grid Manager from '-': {expected}\n");
        check(&["-c", "-", "list"], input, &expected);
    };
    loading("{}", "Missing or unknown version 'None' of Grid Manager config");
    loading(
        r#"{"grid_manager_config_version": 7}"#,
        "Missing or unknown version '7' of Grid Manager config",
    );
    loading(r#"{"grid_manager_config_version": 0}"#, "'private_key' required in config");
    let nameless = PIPED.replace("dypq\"", "dypq\", \"storage_servers\": {\"a\": {}}");
    loading(&nameless, "No 'public_key' for storage server 'a'");
}

#[test]
fn wrong_uses_are_told_as_tahoe_tells_them() {
    let (_guard, dir) = scratch();
    let check = |args: &[&str], usage: &str, expected: &str| {
        let done = grid_manager(&dir, args);
        let usage = match usage {
            "" => String::new(),
            "all" => "Usage: grid-manager [OPTIONS] COMMAND [ARGS]...\n\
                      Try 'grid-manager --help' for help.\n\n"
                .to_owned(),
            usage => {
                let name = usage.split(' ').next().unwrap();
                format!(
                    "Usage: grid-manager {usage}\nTry 'grid-manager {name} --help' for help.\n\n"
                )
            }
        };
        let expected = format!("{usage}Error: {expected}\n");
        assert_eq!((done.status, done.err), (2, expected), "{args:?}");
    };
    let add = "add [OPTIONS] NAME PUBLIC_KEY";
    let sign = "sign [OPTIONS] NAME EXPIRY_DAYS";
    let days = "Invalid value for 'EXPIRY_DAYS': ";
    check(&["create"], "all", "Missing option '--config' / '-c'.");
    check(&["-c", "gm"], "all", "Missing command.");
    check(&["-c", "gm", "foo"], "all", "No such command 'foo'.");
    check(&["--nope"], "all", "No such option '--nope'.");
    check(&["-c"], "", "Option '-c' requires an argument.");
    check(&["-c", "gm", "add"], add, "Missing argument 'NAME'.");
    check(&["-c", "gm", "add", "x"], add, "Missing argument 'PUBLIC_KEY'.");
    check(&["-c", "gm", "list", "x"], "list [OPTIONS]", "Got unexpected extra argument (x)");
    check(
        &["-c", "gm", "sign", "alice", "0"],
        sign,
        &format!("{days}0 is not in the range 1<=x<=1825."),
    );
    check(
        &["-c", "gm", "sign", "alice", "x"],
        sign,
        &format!("{days}'x' is not a valid integer range."),
    );
}

#[test]
fn a_manager_in_a_pipe_leaves_no_files() {
    let (_guard, dir) = scratch();
    let run = |args: &[&str]| {
        let done = grid_manager_with(&dir, &[&["-c", "-"], args].concat(), PIPED);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{args:?}");
        done.out
    };
    assert_eq!(run(&["public-identity"]), format!("{KEY}\n"));
    let added = run(&["add", "s", KEY]);
    assert!(added.ends_with("        }\n    }\n}\n\n"), "{added}");
    let signed = grid_manager_with(&dir, &["-c", "-", "sign", "s", "5"], &added).out;
    let signed = SignedCertificate::parse(&signed).unwrap();
    assert!(signed.signed_by(&KEY.parse().unwrap()).is_some());
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
}

#[test]
fn it_is_a_command_of_tallac_as_well() {
    let (_guard, dir) = scratch();
    assert_eq!(tallac(&dir, &["grid-manager", "--config", "gm", "create"]).status, 0);
    let done = tallac(&dir, &["grid-manager", "--config", "gm", "public-identity"]);
    assert!(done.out.starts_with("pub-v0-") && done.status == 0, "{done:?}");
    let done = tallac(&dir, &["grid-manager", "--config", "gm", "sign", "x", "3"]);
    assert_eq!((done.status, done.err.lines().count()), (1, 1), "{done:?}");
}

#[test]
fn a_server_announces_what_managers_say_of_it() {
    let (_guard, dir) = scratch();
    manager(&dir);
    let certificate = grid_manager(&dir, &["-c", "gm", "sign", "alice", "3"]).out;
    fs::write(dir.join("cert"), &certificate).unwrap();
    let node = dir.join("node");
    let made = tallac(&dir, &["create-node", "-C", "node", "--hostname", "localhost"]);
    assert_eq!(made.status, 0, "{made:?}");
    let before = fs::read_to_string(node.join("tahoe.cfg")).unwrap();

    let add = |args: &[&str]| {
        tallac(&dir, &[&["-d", "node", "admin", "add-grid-manager-cert"], args].concat())
    };
    let usage = |args: &[&str], expected: &str| {
        let done = add(args);
        assert_eq!(done.status, 1);
        assert!(done.out.trim_end().ends_with(expected), "{}", done.out);
    };
    usage(&["--filename", "cert"], "Must provide --name option");
    usage(&["--name", "x"], "Must provide --filename option");
    usage(&["-n", "a/b", "-f", "cert"], "--name cannot have a '/' in it");
    let keys = "Error parsing certificate: Grid Manager certificate must contain: 'certificate', \
                'signature'";
    usage(&["-n", "x", "-f", "gm/config.json"], keys);

    let done = add(&["--filename", "cert", "--name", "Zed"]);
    assert_eq!((done.status, done.err.as_str()), (0, "There are now 1 certificates\n"));
    assert_eq!(fs::read_to_string(node.join("Zed.cert")).unwrap(), certificate);
    let after = fs::read_to_string(node.join("tahoe.cfg")).unwrap();
    let kept = before.lines().all(|line| after.contains(line));
    assert!(kept && after.contains("[grid_manager_certificates]\nzed = Zed.cert\n"), "{after}");
    let done = add(&["--filename", "cert", "--name", "Zed"]);
    let expected = format!("Already have certificate for 'Zed' (at {})\n", path(&node, "Zed.cert"));
    assert_eq!((done.status, done.err), (1, expected));

    let config = NodeConfig::load(&node).unwrap();
    let certificates = config.storage.unwrap().certificates;
    assert_eq!(certificates, [SignedCertificate::parse(&certificate).unwrap()]);
    fs::remove_file(node.join("Zed.cert")).unwrap();
    let error = NodeConfig::load(&node).unwrap_err().to_string();
    assert!(error.contains("certificate file") && error.contains("doesn't exist"), "{error}");
}

fn path(node: &Path, name: &str) -> String {
    node.join(name).display().to_string()
}

#[test]
fn a_client_trusts_the_managers_it_is_told_of() {
    let (_guard, dir) = scratch();
    manager(&dir);
    let certificate = grid_manager(&dir, &["-c", "gm", "sign", "alice", "3"]).out;
    let certificate = SignedCertificate::parse(&certificate).unwrap();
    let identity = grid_manager(&dir, &["-c", "gm", "public-identity"]).out;
    let off = "[storage]\nenabled = false\n";
    let load = |managers: &str| {
        fs::write(dir.join("tahoe.cfg"), format!("{off}[grid_managers]\n{managers}")).unwrap();
        NodeConfig::load(&dir).map(|config| config.client.grid_managers)
    };
    let server = KEY.parse::<tallac_core::crypto::VerifyingKey>().unwrap().server_id();
    let permit = |managers: &str| {
        load(managers).unwrap().permit(&server, std::slice::from_ref(&certificate))
    };
    assert_eq!(permit(""), UploadPermit::Always);
    assert_eq!(permit(&format!("other = {KEY}\n")), UploadPermit::Never);
    let both = format!("other = {KEY}\nours = {identity}");
    assert!(matches!(permit(&both), UploadPermit::Until(_)));
    let error = load("ours = priv-v0-aaaa\n").unwrap_err().to_string();
    assert!(error.contains("[grid_managers], ours: must be the public identity"), "{error}");
    assert!(!error.contains("priv-v0-aaaa"), "{error}");
}
