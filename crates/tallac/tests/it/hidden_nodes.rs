//! Nodes that are made to be reached through Tor and I2P. What they are told, and the words of what
//! goes wrong, are those of Tahoe-LAFS 1.20, which was run with the same pretended Tor and I2P.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tallac::config::NodeConfig;

use crate::{scratch, tallac};

/// Answers each line that is sent to a new port; gives the endpoint.
fn pretend(answer: impl Fn(&str) -> String + Send + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut out, answer) = (stream.unwrap(), answer.clone());
            let lines = BufReader::new(out.try_clone().unwrap()).lines();
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    let _ = out.write_all(answer(&line).as_bytes());
                }
            });
        }
    });
    format!("tcp:127.0.0.1:{port}")
}

const ONION: &str = "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2";

fn tor() -> String {
    pretend(|line| match line.split(' ').next() {
        Some("PROTOCOLINFO") => "250-AUTH METHODS=NULL\r\n250 OK\r\n".to_owned(),
        Some("ADD_ONION") => {
            format!("250-ServiceID={ONION}\r\n250-PrivateKey=ED25519-V3:fakekey+/==\r\n250 OK\r\n")
        }
        _ => "250 OK\r\n".to_owned(),
    })
}

/// The address of the destination that [`i2p`] makes, as Tahoe-LAFS computed it.
const DESTINATION: &str = "4gde3xhnbnkgjerdmm4c62kdvn4jdmh4twvkjgpthojum6cei3tq.b32.i2p";

fn i2p() -> String {
    pretend(|line| match line.split(' ').next() {
        Some("HELLO") => "HELLO REPLY RESULT=OK VERSION=3.1\n".to_owned(),
        _ => format!("DEST REPLY PUB={}AA~- PRIV=BBBB~-==\n", "AAAA".repeat(129)),
    })
}

/// What is said of connections, of the tub, of Tor and of I2P, without the ports that were chosen.
fn settings(dir: &Path, tor: &str, i2p: &str) -> String {
    let text = fs::read_to_string(dir.join("tahoe.cfg")).unwrap();
    let mut found = String::new();
    let mut section = "";
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line;
        }
        let is_wanted = match section {
            "[node]" => line.starts_with("tub.") || line.starts_with("reveal"),
            section => ["[connections]", "[tor]", "[i2p]"].contains(&section),
        };
        if is_wanted {
            found.push_str(&line.replace(tor, "TOR").replace(i2p, "I2P"));
            found.push('\n');
        }
    }
    let local = found.lines().find_map(|line| line.strip_prefix("onion.local_port = "));
    let local = local.map(|port| (format!("tcp:{port}:"), format!("local_port = {port}")));
    match local {
        Some((tub, key)) => found.replace(&tub, "tcp:LOCAL:").replace(&key, "local_port = LOCAL"),
        None => found,
    }
}

#[test]
fn nodes_are_told_of_their_addresses() {
    const TOR: &str = "[tor]\ncontrol.port = TOR\nonion = true\nonion.local_port = LOCAL\n\
        onion.external_port = 3457\nonion.private_key_file = private/tor_onion.privkey\n";
    const I2P: &str = "[i2p]\nsam.port = I2P\ndest = true\ndest.port = 3457\n\
        dest.private_key_file = private/i2p_dest.privkey\n";
    let (tor, i2p) = (tor(), i2p());
    let (control, sam) = (format!("--tor-control-port={tor}"), format!("--i2p-sam-port={i2p}"));
    let onion_port = "tcp:LOCAL:interface=127.0.0.1";
    let (onion, dest) = (format!("tor:{ONION}.onion:3457"), format!("i2p:{DESTINATION}:3457"));
    let cases: [(&[&str], String); 4] = [
        (
            &["create-node", "--listen=tor", &control],
            format!(
                "reveal-IP-address = true\ntub.port = {onion_port}\ntub.location = {onion}\n{TOR}"
            ),
        ),
        (
            &["create-introducer", "--listen=i2p", "--hide-ip", &sam],
            format!(
                "[connections]\ntcp = tor\nreveal-IP-address = false\ntub.port = listen:i2p\n\
                 tub.location = {dest}\n{I2P}"
            ),
        ),
        (
            &["create-node", "--listen=tor,i2p", "--hide-ip", &control, &sam],
            format!(
                "[connections]\ntcp = tor\nreveal-IP-address = false\n\
                 tub.port = listen:i2p,{onion_port}\ntub.location = {dest},{onion}\n{I2P}{TOR}"
            ),
        ),
        (
            &[
                "create-node",
                "--listen=tcp,i2p,tor",
                "--port=tcp:1",
                "--location=tcp:h:1",
                &control,
                &sam,
            ],
            format!(
                "reveal-IP-address = true\ntub.port = {onion_port},listen:i2p,tcp:1\n\
                 tub.location = {onion},{dest},tcp:h:1\n{TOR}{I2P}"
            ),
        ),
    ];
    for (args, expected) in cases {
        let (_guard, dir) = scratch();
        let done = tallac(&dir, &[args, &["n"]].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{args:?}");
        assert_eq!(settings(&dir.join("n"), &tor, &i2p), expected, "{args:?}");
        let config = NodeConfig::load(&dir.join("n")).unwrap();
        let keys = [
            (config.connections.tor.onion.map(|it| it.private_key_file), "ED25519-V3:fakekey+/=="),
            (config.connections.i2p.destination.map(|it| it.private_key_file), "BBBB~-=="),
        ];
        for (file, key) in keys {
            let Some(file) = file else { continue };
            assert_eq!(fs::read_to_string(&file).unwrap(), key);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[test]
fn clients_hide_without_an_address() {
    let (_guard, dir) = scratch();
    let done = tallac(&dir, &["create-client", "--hide-ip", "n"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let config = NodeConfig::load(&dir.join("n")).unwrap();
    assert!(!config.reveal_ip_address && !config.connections.is_open());
}

/// Tahoe-LAFS makes it without a word.
#[test]
fn a_node_that_is_to_hide_and_says_where_it_is() {
    let (_guard, dir) = scratch();
    let done = tallac(&dir, &["create-node", "--hide-ip", "--hostname=h", "n"]);
    assert_eq!(done.status, 0);
    assert!(done.err.contains("its tub.location includes a tcp: hint"), "{done:?}");
    let error = NodeConfig::load(&dir.join("n")).unwrap_err().to_string();
    assert!(error.starts_with("tub.location includes tcp: hint\n"), "{error}");
}

#[test]
fn options_that_do_not_go_together() {
    let cases: [(&[&str], &str); 10] = [
        (&["--hostname=h", "--tor-launch"], "--tor-launch requires --listen=tor"),
        (
            &["--hostname=h", "--tor-control-port=tcp:h:1"],
            "--tor-control-port= requires --listen=tor",
        ),
        (
            &["--listen=tor", "--tor-launch", "--tor-control-port=tcp:h:1"],
            "use either --tor-launch or --tor-control-port=, not both",
        ),
        (&["--listen=none", "--i2p-launch"], "--i2p-launch requires --listen=i2p"),
        (&["--listen=none", "--i2p-sam-port=x"], "--i2p-sam-port= requires --listen=i2p"),
        (
            &["--listen=i2p", "--i2p-launch", "--i2p-sam-port=tcp:h:1"],
            "use either --i2p-launch or --i2p-sam-port=, not both",
        ),
        (&["--listen=i2p", "--i2p-launch"], "--i2p-launch is under development"),
        (&["--listen=tor", "--hostname=h"], "--listen= must be tcp to use --hostname"),
        (&["--listen=tor,tcp"], "--listen=tcp requires --hostname="),
        (&["--listen=tor", "--tor-control-port=9051"], "--tor-control-port must be an endpoint"),
    ];
    for (args, expected) in cases {
        for command in ["create-node", "create-introducer"] {
            let (_guard, dir) = scratch();
            let done = tallac(&dir, &[&[command][..], args, &["n"]].concat());
            assert!(done.status == 1 && done.out.contains(expected), "{args:?}: {done:?}");
            assert!(!dir.join("n").exists());
        }
    }
}

#[test]
fn without_tor_or_i2p_nothing_is_made() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("tcp:127.0.0.1:{}", nobody.port());
    let other = pretend(|_| "HTTP/1.1 400 Bad Request\r\n".to_owned());
    let cases = [
        (format!("--tor-control-port={nobody}"), "Unable to reach Tor at '", "unable to reach Tor"),
        (format!("--tor-control-port={other}"), "is no control port", "unable to reach Tor"),
        (format!("--i2p-sam-port={nobody}"), "", "unable to reach any default I2P SAM port"),
        (format!("--i2p-sam-port={other}"), "", "is no SAM port of I2P"),
        ("--tor-executable=/nowhere/tor".to_owned(), "", "cannot launch Tor: /nowhere/tor"),
        ("--tor-executable=false".to_owned(), "", "it ended at once"),
    ];
    for (option, out, err) in cases {
        let (_guard, dir) = scratch();
        let args: &[&str] = match option.split(['-', '=']).nth(3) {
            Some("executable") => &["create-node", "--listen=tor", "--tor-launch", &option, "n"],
            _ if option.contains("i2p") => &["create-node", "--listen=i2p", &option, "n"],
            _ => &["create-node", "--listen=tor", &option, "n"],
        };
        let done = tallac(&dir, args);
        assert!(done.status == 1 && done.err.contains(err), "{args:?}: {done:?}");
        assert!(done.out.contains(out), "{args:?}: {done:?}");
        assert!(!dir.join("n").exists(), "{args:?}");
    }
}

/// Not even to invite, or to be invited.
#[test]
fn invitations_do_not_go_past_tor() {
    let (_guard, dir) = scratch();
    let rendezvous = TcpListener::bind("127.0.0.1:0").unwrap();
    rendezvous.set_nonblocking(true).unwrap();
    let url = format!("ws://127.0.0.1:{}/v1", rendezvous.local_addr().unwrap().port());
    let furl = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tor:x.onion:1/introducer";
    let done = tallac(&dir, &["create-client", "--hide-ip", "--introducer", furl, "inviter"]);
    assert_eq!(done.status, 0, "{done:?}");
    let cases: [&[&str]; 2] =
        [&["-d", "inviter", "invite", "me"], &["create-client", "--hide-ip", "--join=1-a-b", "n"]];
    for args in cases {
        let done = tallac(&dir, &[&["--wormhole-server", &url], args].concat());
        assert_eq!(done.status, 1, "{args:?}: {done:?}");
        assert!(done.err.contains("no way to it that does not reveal"), "{args:?}: {done:?}");
    }
    let accepted = rendezvous.accept().map(|(_, peer)| peer);
    assert_eq!(accepted.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(!dir.join("n").exists());
}
