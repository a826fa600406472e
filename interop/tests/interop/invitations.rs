//! `invite` and `--join` of either program, through the rendezvous server of magic-wormhole.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use interop::{Commands, Kind};

use crate::playground;

const FURL: &str = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:1/introducer";

/// A process that is stopped when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program with the rendezvous server that it is to use.
struct Invitations<'a> {
    commands: &'a Commands,
    home: &'a Path,
    url: String,
    _server: Running,
}

impl<'a> Invitations<'a> {
    fn start(commands: &'a Commands, home: &'a Path) -> Self {
        let mut server = Command::new(commands.tahoe.with_file_name("python"))
            .args(["-c", include_str!("mailbox_server.py")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let url = format!("ws://127.0.0.1:{}/v1", port.trim());
        let made = Command::new(&commands.tallac)
            .args(["create-client", "-i", FURL, "-C"])
            .arg(home.join("host"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self { commands, home, url, _server: Running(server) }
    }

    fn command(&self, kind: Kind) -> Command {
        let program = match kind {
            Kind::Tahoe => &self.commands.tahoe,
            Kind::Tallac => &self.commands.tallac,
        };
        let mut command = Command::new(program);
        command.env("PYTHONUNBUFFERED", "1").args(["--wormhole-server", &self.url]);
        command
    }

    /// Starts an inviting command; gives the code that it prints.
    fn invite(&self, kind: Kind, nickname: &str) -> (Running, String) {
        let mut command = self.command(kind);
        command.arg("-d").arg(self.home.join("host"));
        command.args(["invite", "--shares-needed", "2", "--shares-happy", "3", nickname]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let code = lines.find_map(|line| {
            line.unwrap().strip_prefix("Invite Code for client: ").map(str::to_owned)
        });
        // What else it says must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        (Running(child), code.unwrap())
    }

    fn join(&self, kind: Kind, code: &str, name: &str) -> Output {
        let mut command = self.command(kind);
        command.args(["create-client", "--join", code, "-C"]).arg(self.home.join(name));
        command.output().unwrap()
    }
}

#[test]
fn either_program_invites_the_other() {
    let Some((commands, home)) = playground() else { return };
    let invitations = Invitations::start(&commands, home.path());
    let pairs = [(Kind::Tallac, Kind::Tahoe), (Kind::Tahoe, Kind::Tallac)];
    for (host, guest) in pairs {
        let name = format!("{guest:?}");
        let (mut inviting, code) = invitations.invite(host, "new one");
        let joined = invitations.join(guest, &code, &name);
        assert!(joined.status.success(), "{host:?} invites {guest:?}: {joined:?}");
        assert!(inviting.0.wait().unwrap().success(), "{host:?} invites {guest:?}");
        let read =
            |file: &str| std::fs::read_to_string(home.path().join(&name).join(file)).unwrap();
        let config = read("tahoe.cfg");
        for setting in ["nickname = new one", "shares.needed = 2", "shares.happy = 3"] {
            assert!(config.contains(&format!("{setting}\n")), "{host:?} invites {guest:?}");
        }
        assert!(read("private/introducers.yaml").contains(FURL));
    }
}

#[test]
fn either_program_notices_a_wrong_code() {
    let Some((commands, home)) = playground() else { return };
    let invitations = Invitations::start(&commands, home.path());
    for (host, guest) in [(Kind::Tallac, Kind::Tahoe), (Kind::Tahoe, Kind::Tallac)] {
        let (mut inviting, code) = invitations.invite(host, "new one");
        let joined = invitations.join(guest, &format!("{code}x"), "nobody");
        assert_eq!(joined.status.code(), Some(1), "{host:?} invites {guest:?}: {joined:?}");
        assert_eq!(inviting.0.wait().unwrap().code(), Some(1), "{host:?} invites {guest:?}");
        let _ = std::fs::remove_dir_all(home.path().join("nobody"));
    }
}
