//! The real `tahoe` command with our gateway, and ours with theirs: the same words, the same
//! files.

use std::path::Path;
use std::process::{Command, Output};

use interop::{Commands, Kind, Node};

use crate::mutable::mixed_grid;
use crate::playground;

struct Cli<'a> {
    program: &'a Path,
    /// A node directory of its own, for aliases.
    dir: std::path::PathBuf,
}

impl<'a> Cli<'a> {
    fn new(commands: &'a Commands, kind: Kind, home: &Path, gateway: &Node) -> Self {
        let program = match kind {
            Kind::Tahoe => &commands.tahoe,
            Kind::Tallac => &commands.tallac,
        };
        let dir = home.join(format!("cli-{kind:?}"));
        std::fs::create_dir_all(dir.join("private")).unwrap();
        std::fs::write(dir.join("node.url"), format!("{}/\n", gateway.web().base())).unwrap();
        Self { program, dir }
    }

    fn run(&self, args: &[&str]) -> Output {
        let output =
            Command::new(self.program).arg("-d").arg(&self.dir).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    }

    fn out(&self, args: &[&str]) -> String {
        String::from_utf8(self.run(args).stdout).unwrap()
    }
}

#[test]
fn either_command_with_either_gateway() {
    let Some((commands, home)) = playground() else { return };
    let (storage, theirs, ours) = mixed_grid(&commands, home.path());
    // Each command with the gateway of the other program.
    let tahoe = Cli::new(&commands, Kind::Tahoe, home.path(), &ours);
    let tallac = Cli::new(&commands, Kind::Tallac, home.path(), &theirs);
    let tree = home.path().join("tree");
    std::fs::create_dir_all(tree.join("sub/empty")).unwrap();
    std::fs::write(tree.join("small"), b"small").unwrap();
    std::fs::write(tree.join("sub/large"), crate::file(300_000)).unwrap();
    let tree_text = tree.to_str().unwrap();
    for (cli, other) in [(&tahoe, &tallac), (&tallac, &tahoe)] {
        cli.run(&["create-alias", "home"]);
        let list = cli.out(&["list-aliases"]);
        let cap = list.lines().find_map(|line| line.trim().strip_prefix("home: ")).unwrap().trim();
        other.run(&["add-alias", "shared", cap]);
        cli.run(&["cp", "-r", tree_text, "home:copied"]);
        let file = cli.out(&["get", "home:copied/tree/small"]);
        assert_eq!(file, "small");
        // The other command sees the same, word for word.
        for args in [&["ls"][..], &["ls", "-F"], &["ls", "--uri"], &["manifest"]] {
            let with =
                |alias: &str| args.iter().copied().chain([alias]).map(str::to_owned).collect();
            let (mine, theirs): (Vec<String>, Vec<String>) = (with("home:"), with("shared:"));
            let texts =
                |args: &[String]| args.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            let run = |cli: &Cli<'_>, args: &[String]| {
                cli.out(&args.iter().map(String::as_str).collect::<Vec<_>>())
            };
            assert_eq!(run(cli, &mine), run(other, &theirs), "{}", texts(&mine));
        }
        let out = home.path().join("out");
        other.run(&["cp", "-r", "shared:copied", out.to_str().unwrap()]);
        let got = std::fs::read(out.join("copied/tree/sub/large")).unwrap();
        assert_eq!(got, crate::file(300_000));
        std::fs::remove_dir_all(&out).unwrap();
        other.run(&["mv", "shared:copied/tree/small", "shared:moved"]);
        cli.run(&["ln", "home:moved", "home:linked"]);
        assert_eq!(other.out(&["get", "shared:linked"]), "small");
        other.run(&["unlink", "shared:moved"]);
        cli.run(&["mkdir", "home:made"]);
        assert_eq!(other.out(&["ls", "shared:"]), "copied\nlinked\nmade\n");
        cli.run(&["backup", tree_text, "home:backups"]);
        assert_eq!(
            other.out(&["get", "shared:backups/Latest/small"]),
            "small",
            "what one backed up, the other gets"
        );
        for name in ["aliases", "backupdb.sqlite"] {
            assert!(cli.dir.join("private").join(name).exists(), "{name}");
        }
    }
    // One goes on with the other's aliases and backup database.
    for name in ["aliases", "backupdb.sqlite"] {
        std::fs::copy(tahoe.dir.join("private").join(name), tallac.dir.join("private").join(name))
            .unwrap();
    }
    let said = tallac.run(&["backup", tree_text, "home:backups"]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(said.contains("2 reused") || said.contains("2 files reused"), "{said}");
    drop(storage);
}
