//! What Tor is asked at its control port, what it may do wrong, and how that is told.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use foolscap::Dialer as _;
use tallac_net::transport::Ways;
use tallac_net::transport::tor::{
    Control, Launch, OnionService, SocksPort, Tor, TorError, TorService,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fakes::{self, Auth, SERVICE_ID};

const COOKIE: [u8; 32] = [7; 32];

fn cookie_file(dir: &Path) -> String {
    let file = dir.join("cookie");
    std::fs::write(&file, COOKIE).unwrap();
    file.to_str().unwrap().to_owned()
}

fn no_auth() -> Auth {
    Auth { methods: "NULL", ..Auth::default() }
}

#[tokio::test]
async fn control_is_taken_by_whatever_proof_tor_wants() {
    let dir = tempfile::tempdir().unwrap();
    let file = cookie_file(dir.path());
    let cookie = |methods| Auth { methods, file: file.clone(), cookie: COOKIE.to_vec() };
    for auth in [
        no_auth(),
        cookie("COOKIE"),
        cookie("COOKIE,SAFECOOKIE,HASHEDPASSWORD"),
        // The cookie cannot be read, but none is needed.
        Auth { methods: "NULL,SAFECOOKIE", file: "/nowhere".to_owned(), cookie: Vec::new() },
    ] {
        let tor = fakes::control(auth.clone(), 1).await;
        Control::connect(&tor.endpoint()).await.unwrap();
        let told = tor.asked().concat();
        let cookie_told = told.contains(&data_encoding::HEXUPPER.encode(&COOKIE));
        assert_eq!(cookie_told, auth.methods == "COOKIE", "{auth:?}");
    }
}

#[tokio::test]
async fn control_that_cannot_be_taken() {
    let dir = tempfile::tempdir().unwrap();
    let file = cookie_file(dir.path());
    let short = dir.path().join("short");
    std::fs::write(&short, [1; 31]).unwrap();
    let auth = |methods, file: &str, cookie: &[u8]| Auth {
        methods,
        file: file.to_owned(),
        cookie: cookie.to_vec(),
    };
    let cases = [
        (auth("HASHEDPASSWORD", "", &[]), "Tor wants a password"),
        (auth("SAFECOOKIE", "/nowhere", &[]), "cannot read Tor's cookie /nowhere"),
        (auth("SAFECOOKIE", short.to_str().unwrap(), &[]), "it has not 32 bytes"),
        (auth("SAFECOOKIE", &file, &[8; 32]), "does not know Tor's cookie, and is not trusted"),
        (auth("COOKIE", &file, &[8; 32]), "Tor refuses AUTHENTICATE: 515 Authentication failed"),
    ];
    for (auth, expected) in cases {
        let tor = fakes::control(auth, 1).await;
        let error = Control::connect(&tor.endpoint()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let garbage: [(&'static [u8], &str); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n", "is no control port of Tor"),
        (b"250 OK\r\n", "is no control port of Tor"),
        (b"250-AUTH METHODS\r\n250 OK\r\n", "is no control port of Tor"),
        (b"\xff\xfe\r\n", "it sends no text"),
    ];
    for (text, expected) in garbage {
        let tor = fakes::says(text).await;
        let error = Control::connect(&tor.endpoint()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tor_that_is_silent_is_not_waited_for_long() {
    let tor = fakes::says(b"250-PROTOCOLINFO 1\r\n250-").await;
    let error = Control::connect(&tor.endpoint()).await.unwrap_err();
    assert!(matches!(error, TorError::Silent { command: "PROTOCOLINFO" }), "{error}");
}

#[tokio::test]
async fn the_socks_port_is_asked_for_once() {
    let (proxy, listener) = (fakes::socks().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    proxy.name("x.onion", listener.local_addr().unwrap().port());
    let control = fakes::control(no_auth(), proxy.port).await;
    let ways = Ways::none().with_tor(Tor::new(SocksPort::Control(control.endpoint())));
    for _ in 0..2 {
        let mut stream = ways.dial("tor:x.onion:1").unwrap().await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut hello = [0; 5];
        peer.read_exact(&mut hello).await.unwrap();
    }
    assert_eq!(control.asked().iter().filter(|line| line.starts_with("GETINFO")).count(), 1);
    assert_eq!(proxy.asked(), ["x.onion:1", "x.onion:1"]);
}

#[tokio::test]
async fn an_onion_service_comes_back_with_tor() {
    let onion =
        OnionService { key: "A:key".parse().unwrap(), external_port: 3457, local_port: 1234 };
    let tor = fakes::control(no_auth(), 1).await;
    let endpoint = tor.endpoint();
    let service = std::sync::Arc::new(TorService::at(endpoint.clone(), onion));
    let stop = CancellationToken::new();
    let run = || {
        let (service, stop) = (std::sync::Arc::clone(&service), stop.clone());
        tokio::spawn(async move { service.run(stop).await })
    };
    let first = run();
    assert_eq!(tor.wait_for("ADD_ONION").await, "ADD_ONION A:key Port=3457,127.0.0.1:1234");
    // Tor ends, and with it the service, which says so.
    tor.kill().await;
    first.await.unwrap().unwrap_err();
    run().await.unwrap().unwrap_err();
    stop.cancel();
    run().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_onion_service_has_a_key_to_keep() {
    let tor = fakes::control(no_auth(), 1).await;
    let mut control = Control::connect(&tor.endpoint()).await.unwrap();
    let (address, key) = control.add_new_onion(3457, 1234).await.unwrap();
    assert_eq!(address.to_string(), format!("{SERVICE_ID}.onion"));
    assert_eq!(key.expose(), "A:new");
    control.remove_onion(&address).await.unwrap();
    assert_eq!(tor.wait_for("DEL_ONION").await, format!("DEL_ONION {SERVICE_ID}"));
}

#[tokio::test]
async fn what_cannot_be_launched() {
    let dir = tempfile::tempdir().unwrap();
    let launch = |executable: &str, private: &Path| Launch {
        executable: Some(executable.into()),
        private: private.to_owned(),
    };
    let deep = dir.path().join("x".repeat(120));
    let cases = [
        (launch("/nowhere/tor", dir.path()), "cannot launch Tor: /nowhere/tor: "),
        (launch("false", dir.path()), "it ended at once (exit status: 1)"),
        (launch("false", &deep), "needs the path of a socket, of at most 107 bytes"),
    ];
    for (launch, expected) in cases {
        let error = launch.start().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// The only directory authority of a Tor network of its own, at a port where nothing listens: so
/// that Tor connects to nothing outside this machine.
const LONELY: &str = "TestingTorNetwork 1\nSocksTimeout 1\n\
    DirAuthority none orport=1 no-v2 v3ident=0123456789012345678901234567890123456789 \
    127.0.0.1:1 0123456789012345678901234567890123456789\n";

/// With the real Tor, if it is there.
#[tokio::test]
async fn a_tor_of_our_own_ends_with_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let private = dir.path().join("private");
    // Tor takes no control socket in a directory that others may look into.
    for made in [&private, &private.join("tor-statedir")] {
        std::fs::DirBuilder::new().mode(0o700).create(made).unwrap();
    }
    std::fs::write(private.join("tor-statedir/torrc"), LONELY).unwrap();
    let launch = Launch { executable: None, private: private.clone() };
    let mut launched = match launch.start().await {
        Ok(launched) => launched,
        Err(TorError::Launch(problem)) if problem.contains("No such file") => {
            eprintln!("SKIPPED: a_tor_of_our_own_ends_with_the_node needs the program `tor`");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let (address, key) = launched.control.add_new_onion(3457, 1234).await.unwrap();
    launched.control.remove_onion(&address).await.unwrap();
    let again = launched.control.add_onion(&key, 3457, 1234).await.unwrap();
    assert_eq!(again, address);
    let tor = Tor::new(SocksPort::At(launched.socks.clone()));
    // It has no network.
    let error = tor.connect("0.invalid", 1).await.err().unwrap();
    assert!(matches!(error, TorError::Socks(_)), "{error}");
    launched.stop().await.unwrap();
    assert!(!private.join("tor.control").exists());
}
