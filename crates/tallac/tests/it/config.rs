//! What is wrong with a node's settings is told so that it can be put right.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tallac::config::{IntroducerConfig, NodeConfig, Tub, TubLocation, TubPort, servers_yaml};
use tallac_core::cap::MutableFormat;
use tallac_net::transport::{Network, Way};
use tallac_storage::{ExpiryMode, ExpiryPolicy};

use crate::scratch;

fn load(dir: &Path, text: &str) -> Result<NodeConfig, String> {
    fs::write(dir.join("tahoe.cfg"), text).unwrap();
    NodeConfig::load(dir).map_err(|error| error.to_string())
}

fn socket(port: &TubPort) -> String {
    match port {
        TubPort::Socket(at) => at.to_string(),
        TubPort::I2p => "i2p".to_owned(),
    }
}

/// What is wrong with a `tahoe.cfg`.
fn problem(text: &str) -> String {
    let (_guard, dir) = scratch();
    let file = dir.join("tahoe.cfg");
    load(&dir, text).unwrap_err().replace(file.to_str().unwrap(), "FILE")
}

#[test]
fn errors_name_the_place_and_the_way_out() {
    let cases = [
        ("[nodes]\n", "'FILE' contains unknown section [nodes]: correct its name"),
        ("[Node]\n", "'FILE' contains unknown section [Node]"),
        ("[node]\nnick = x\n", "'FILE' section [node] contains unknown option 'nick': correct"),
        ("[DEFAULT]\nx = 1\n[node]\n", "'FILE' section [node] contains unknown option 'x'"),
        ("[node]\nssh.port = 1\n", "contains unknown option 'ssh.port'"),
        ("nickname = x\n", "'FILE': line 1 belongs to no section"),
        ("[node]\nnickname = 5%\n", "'FILE' section [node], nickname: '%' must be followed"),
        ("[storage]\nenabled = maybe\n", "'FILE' section [storage], enabled: Not a boolean"),
        ("[storage]\nreadonly = yes # really\n", "[storage], readonly: Not a boolean"),
        ("[storage]\nreserved_space = lots\n", "reserved_space: contains unparseable value"),
        ("[storage]\nexpire.enabled = true\n", "expire.mode: is missing"),
        ("[storage]\nexpire.enabled = true\nexpire.mode = old\n", "must be 'age' or 'cutoff"),
        ("[storage]\nexpire.mode = cutoff-date\n", "expire.cutoff_date: is missing"),
        ("[storage]\nexpire.override_lease_duration = 5\n", "no unit (like day, month, or year)"),
        ("[client]\nshares.needed = three\n", "shares.needed: must be a whole number"),
        ("[client]\nshares.needed =\n", "shares.needed: must be a whole number"),
        ("[client]\nshares.needed = 0\n", "shares.needed: must be a number from 1 to 256"),
        ("[client]\nshares.total = 257\n", "shares.total: must be a number from 1 to 256"),
        ("[client]\nshares.needed = 11\n", "shares.needed: is 11, but shares.total is 10"),
        ("[client]\nshares.happy = 11\n", "shares.happy: is 11, but shares.total is 10"),
        ("[client]\nintroducer.furl = None\n", "invalid 'introducer.furl = None'"),
        ("[client]\nhelper.furl = pb://x # y\n", "[client]helper.furl' contained an unescaped '#'"),
        ("[node]\ntub.port =\n", "tub.port must not be empty"),
        ("[node]\ntub.location =\n", "tub.location must not be empty"),
        ("[node]\ntub.port = disabled\n", "tub.port is disabled, but not tub.location"),
        ("[node]\ntub.location = disabled\n", "tub.location is disabled, but not tub.port"),
        ("[node]\ntub.port = 0\n", "tub.port cannot be 0: you must choose."),
        ("[node]\ntub.port = tcp:1,tcp:port=0:interface=127.0.0.1\n", "tub.port cannot be 0"),
        ("[node]\ntub.port = listen:tor\n", "tub.port: listen:tor needs [tor] onion = true"),
        ("[node]\ntub.port = tcp:1,listen:i2p\n", "tub.port: listen:i2p needs [i2p] dest = true"),
        ("[node]\ntub.location = tcp:h:1 tcp:g:1\n", "must be connection hints"),
        ("[node]\nweb.port = localhost:1\n", "web.port: must be an endpoint like tcp:3456"),
        (
            "[node]\ntub.port = disabled\ntub.location = disabled\n",
            "storage is enabled, but tub is",
        ),
        (
            "[connections]\ntcp = smoke\n",
            "[connections], tcp: 'tahoe.cfg [connections] tcp=' uses unknown handler type",
        ),
        (
            "[node]\ntub.port = disabled\ntub.location = disabled\n[storage]\nenabled = false\n\
             [helper]\nenabled = true\n",
            "helper is enabled, but tub is not listening",
        ),
        ("[client]\nhelper.furl = pb://x\n", "a FURL has the form"),
        ("[sftpd]\nenabled = true\n", "[sftpd], enabled: SFTP comes with a later version"),
        ("[storage]\nplugins = x\n", "plugins are Python programs"),
        ("[grid_managers]\nme = pub-v0-x\n", "[grid_managers], me: must be the public identity"),
        (
            "[storage]\ngrid_management = true\n[grid_manager_certificates]\nme = x.cert\n",
            "[grid_manager_certificates], me: Grid Manager certificate file",
        ),
        ("[storage]\ndebug_discard = true\n", "[storage], debug_discard: shares that clients"),
        (
            "[node]\nlog_gatherer.furl = pb://a@tcp:h:1/x\n",
            "[node], log_gatherer.furl: logs are not sent to gatherers",
        ),
    ];
    for (text, expected) in cases {
        let found = problem(text);
        assert!(found.contains(expected), "{text}\nexpected: {expected}\nfound: {found}");
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let (_guard, dir) = scratch();
    let furl = "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:127.0.0.1:1/x";
    let cases = [
        (format!("[client]\nkey_generator.furl = {furl}\n"), "[client] key_generator.furl: "),
        ("[client]\npeers.preferred = a,b\n".to_owned(), "[client] peers.preferred: "),
        ("[storageserver.plugins.x]\na = 1\n".to_owned(), "[storageserver.plugins.x]: "),
    ];
    for (text, expected) in cases {
        let warnings = load(&dir, &text).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{text}");
        assert!(warnings[0].to_string().starts_with(expected), "{}", warnings[0]);
    }
}

#[test]
fn without_a_file_all_is_as_by_default() {
    let (_guard, dir) = scratch();
    let config = NodeConfig::load(&dir).unwrap();
    assert_eq!(config.nickname, "<unspecified>");
    assert_eq!(config.web_port, None);
    assert_eq!(config.web_static, dir.join("public_html"));
    assert_eq!(config.tempdir, dir.join("tmp"));
    assert_eq!(config.tub, Tub::Listening { ports: Vec::new(), location: TubLocation::Auto });
    let client = &config.client;
    assert_eq!((client.needed, client.happy, client.total), (3, 7, 10));
    assert_eq!((client.segment_size_max, client.mutable_format), (1 << 20, MutableFormat::Sdmf));
    let storage = config.storage.unwrap();
    assert_eq!((storage.dir, storage.reserved_space), (dir.join("storage"), 0));
    assert!(storage.anonymous && !storage.readonly && !storage.expiry.is_enabled);
    assert_eq!(config.warnings, []);
}

#[test]
fn every_setting_is_understood() {
    let (_guard, dir) = scratch();
    let text = "\u{feff}[node]\nNickname = Zo\u{eb}\nweb.port = tcp:3456:interface=127.0.0.1\n\
        web.static = ~/web\ntempdir = /var/tmp/x\ntimeout.keepalive = 60\n\
        timeout.disconnect =\ntub.port = tcp:1,tcp:2:interface=127.0.0.1\n\
        tub.location = tcp:h:1,AUTO\n[client]\nshares.needed = 1\nshares.happy = 1\n\
        shares.total = 1\nshares._max_immutable_segment_size_for_testing = 1024\n\
        mutable.format = mdmf\nhelper.furl = None\n[storage]\nreadonly = on\n\
        reserved_space = 5GiB\nstorage_dir = /srv/storage\nanonymous = 0\n\
        expire.enabled = yes\nexpire.mode = age\nexpire.override_lease_duration = 2 mo\n\
        expire.mutable = no\n[storageclient.plugins.x]\nany = thing\n[tor]\nenabled = false\n";
    let config = load(&dir, text).unwrap();
    assert_eq!(config.nickname, "Zo\u{eb}");
    assert_eq!(config.web_port.unwrap().to_string(), "127.0.0.1:3456");
    assert!(config.web_static.is_absolute() && config.web_static.ends_with("web"));
    assert_eq!(config.tempdir, Path::new("/var/tmp/x"));
    assert_eq!((config.keepalive, config.disconnect), (Some(Duration::from_mins(1)), None));
    let Tub::Listening { ports, location } = config.tub else { panic!("listens") };
    let ports: Vec<_> = ports.iter().map(socket).collect();
    assert_eq!(ports, ["0.0.0.0:1", "127.0.0.1:2"]);
    let here = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
    assert_eq!(location.hints(&here, 1), ["tcp:h:1", "tcp:10.0.0.1:1", "tcp:10.0.0.2:1"]);
    let client = config.client;
    assert_eq!((client.segment_size_max, client.mutable_format), (1024, MutableFormat::Mdmf));
    assert_eq!((client.encoding().needed(), client.helper_furl), (1, None));
    let storage = config.storage.unwrap();
    assert!(storage.readonly && !storage.anonymous);
    assert_eq!(
        (storage.dir.as_path(), storage.reserved_space),
        (Path::new("/srv/storage"), 5 << 30)
    );
    let mode = ExpiryMode::Age { override_lease_duration_s: Some(62 * 24 * 3600) };
    let expiry = ExpiryPolicy { is_enabled: true, mode, immutable: true, mutable: false };
    assert_eq!(storage.expiry, expiry);
    let warned: Vec<_> = config.warnings.iter().map(|warning| warning.setting.as_str()).collect();
    assert_eq!(warned, ["[storageclient.plugins.x]"]);
}

#[test]
fn a_port_that_was_chosen_is_kept() {
    let (_guard, dir) = scratch();
    NodeConfig::load(&dir).unwrap().directory.save_client_port(4321).unwrap();
    assert_eq!(fs::read_to_string(dir.join("client.port")).unwrap(), "tcp:4321\n");
    let config = NodeConfig::load(&dir).unwrap();
    let Tub::Listening { ports, .. } = config.tub else { panic!("listens") };
    assert_eq!(socket(&ports[0]), "0.0.0.0:4321");
    fs::write(dir.join("client.port"), "nonsense").unwrap();
    let error = NodeConfig::load(&dir).unwrap_err().to_string();
    assert!(error.contains("client.port'") && error.contains("must be an endpoint"), "{error}");
}

#[test]
fn old_files_stop_a_node() {
    let (_guard, dir) = scratch();
    fs::write(dir.join("nickname"), "x").unwrap();
    let error = NodeConfig::load(&dir).unwrap_err().to_string();
    assert!(error.starts_with("Found pre-Tahoe-LAFS-v1.3 configuration file(s):\n'/"), "{error}");
}

#[test]
fn introducers_are_known_and_kept_secret() {
    let (_guard, dir) = scratch();
    fs::create_dir(dir.join("private")).unwrap();
    let yaml = dir.join("private/introducers.yaml");
    fs::write(&yaml, format!("introducers:\n  one: {{furl: '{FURL}1'}}\n")).unwrap();
    let config = load(&dir, &format!("[client]\nintroducer.furl = {FURL}2\n")).unwrap();
    let furl = |petname: &str| config.client.introducers[petname].expose_text();
    assert_eq!((furl("one"), furl("default")), (format!("{FURL}1"), format!("{FURL}2")));
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(config.warnings, []);

    let cases = [
        (format!("introducers:\n  default: {{furl: {FURL}}}\n"), "impossible configuration"),
        (
            "introducers:\n  one: {fur: hush}\n".to_owned(),
            ", introducer 'one': furl must be a text",
        ),
        ("introducers:\n  one: {furl: hush}\n".to_owned(), ", introducer 'one': a FURL has the"),
        (format!("introducers:\n  ../one: {{furl: {FURL}}}\n"), "without a slash"),
        ("introducers: [hush]\n".to_owned(), "must be like introducers: {petname:"),
        (String::new(), "must be like introducers:"),
        ("introducers: {one: {furl: 'hush\n".to_owned(), "is not YAML that can be read here"),
        ("introducers: {}\n".to_owned(), "[client], introducer.furl: a FURL has the form"),
    ];
    for (text, expected) in cases {
        fs::write(&yaml, &text).unwrap();
        let furl = if text.contains("default") { FURL } else { "hush" };
        let error = load(&dir, &format!("[client]\nintroducer.furl = {furl}\n")).unwrap_err();
        assert!(error.contains(expected) && !error.contains("hush"), "{text}: {error}");
    }
}

#[test]
fn introducers_have_fewer_settings() {
    let (_guard, dir) = scratch();
    let load = |text: &str| {
        fs::write(dir.join("tahoe.cfg"), text).unwrap();
        IntroducerConfig::load(&dir).map_err(|error| error.to_string())
    };
    let config = load("[node]\nnickname = i\ntimeout.keepalive = 9\nweb.port = 1\n").unwrap();
    assert_eq!((config.nickname.as_str(), config.keepalive), ("i", Some(Duration::from_secs(9))));
    assert_eq!(config.web_port.unwrap().to_string(), "0.0.0.0:1");
    // What an introducer of long ago called its address is no old setting.
    fs::write(dir.join("introducer.furl"), FURL).unwrap();
    assert!(load("").is_ok());
    let cases = [
        ("[client]\n", "contains unknown section [client]"),
        ("[grid_managers]\n", "contains unknown section [grid_managers]"),
        ("[node]\ntub.port = disabled\ntub.location = disabled\n", "we are Introducer, but tub"),
        ("[node]\ntub.port = 0\n", "tub.port cannot be 0"),
        ("[node]\nreveal-IP-address = false\n", "`reveal-IP-address = false`"),
    ];
    for (text, expected) in cases {
        let error = load(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    fs::write(dir.join("webport"), "1").unwrap();
    assert!(load("").unwrap_err().starts_with("Found pre-Tahoe-LAFS-v1.3"));
}

const FURL: &str = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:1/hush";

#[test]
fn servers_are_read_and_none_is_dropped_in_silence() {
    let (_guard, dir) = scratch();
    let directory = NodeConfig::load(&dir).unwrap().directory;
    assert_eq!(servers_yaml::read(&directory).unwrap(), []);
    fs::create_dir(dir.join("private")).unwrap();
    let write = |text: &str| fs::write(dir.join("private/servers.yaml"), text).unwrap();
    write(&format!(
        "storage:\n  v0-b:\n    ann: {{nickname: b, anonymous-storage-FURL: '{FURL}'}}\n    \
         connections: {{tcp: tor, tor: null}}\n  v0-a:\n    ann:\n      \
         anonymous-storage-FURL: {FURL}\n"
    ));
    let servers = servers_yaml::read(&directory).unwrap();
    let names: Vec<_> =
        servers.iter().map(|server| server.announcement.server_id().as_str()).collect();
    assert_eq!(names, ["v0-a", "v0-b"]);
    assert_eq!(servers[0].connections, []);
    assert_eq!(servers[1].connections, [(Network::Tcp, Some(Way::Tor)), (Network::Tor, None)]);
    for nothing in ["", "{}", "storage:\n", "storage: {}\n"] {
        write(nothing);
        assert_eq!(servers_yaml::read(&directory).unwrap(), [], "{nothing}");
    }
    let with = |connections: &str| {
        format!("{{ann: {{anonymous-storage-FURL: {FURL}}}, connections: {connections}}}")
    };
    let cases = [
        ("storage: {s: {}}".to_owned(), "server 's', ann: is missing"),
        (
            "storage: {s: {ann: {}}}".to_owned(),
            "server 's', ann: anonymous-storage-FURL is missing",
        ),
        ("storage: {s: {ann: {anonymous-storage-FURL: hush}}}".to_owned(), "must begin with pb://"),
        (format!("storage: {{s: {}}}", with("{tcp: hush}")), "'s', connections: a handler is one"),
        (format!("storage: {{s: {}}}", with("{hush: tor}")), "'s', connections: only hints of"),
        (format!("storage: {{s: {}}}", with("[tor]")), "'s', connections: must be like {tcp: tor}"),
        ("storage: [hush]".to_owned(), "must be like storage:"),
        ("hush".to_owned(), "must be like storage:"),
        ("storage: {s: [".to_owned(), "line 1: is not YAML"),
    ];
    for (text, expected) in cases {
        write(&text);
        let error = servers_yaml::read(&directory).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("hush"), "{text}: {error}");
    }
}

#[test]
fn settings_of_tallac_alone() {
    let (_guard, dir) = scratch();
    for (text, expected) in [
        ("", Ok(None)),
        ("[storage]\nmax_use = \"1000\"", Ok(Some(1000))),
        ("[storage]\nmax_use = \"500 GB\"", Ok(Some(500_000_000_000))),
        ("[storage]\nmax_use = \"2 GiB\"", Ok(Some(2 << 30))),
        ("[storage]\nmax_use = \"\"", Err("no size")),
        ("[storage]\nmax_use = \"much\"", Err("no size")),
        ("[storage]\nmax_use = -1", Err("line 2")),
        ("[storage]\nmax_used = 1000", Err("max_used")),
        ("[store]\n", Err("store")),
        ("[storage", Err("line 1")),
    ] {
        fs::write(dir.join("tallac.toml"), text).unwrap();
        let found = load(&dir, "[node]\ntub.port = tcp:1\ntub.location = tcp:localhost:1\n");
        match (found, expected) {
            (Ok(config), Ok(expected)) => assert_eq!(config.storage.unwrap().max_use, expected),
            (Err(error), Err(expected)) => {
                assert!(error.contains("tallac.toml") && error.contains(expected), "{error}");
            }
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        }
    }
}
