//! How a node is told to reach others, and to hide where it is. The words of what is refused are
//! Tahoe-LAFS's.

use std::fs;
use std::path::Path;

use tallac::config::{Connections, NodeConfig, Tub, TubPort};
use tallac_net::transport::{Endpoint, Way};

use crate::scratch;

fn load(text: &str) -> Result<NodeConfig, String> {
    let (_guard, dir) = scratch();
    fs::write(dir.join("tahoe.cfg"), text).unwrap();
    NodeConfig::load(&dir).map_err(|error| error.to_string())
}

fn connections(text: &str) -> Connections {
    load(text).unwrap().connections
}

const HIDDEN: &str = "[node]\nreveal-IP-address = false\n";

#[test]
fn what_would_reveal_the_address_is_refused() {
    let conflict =
        "Privacy requested with `reveal-IP-address = false` but `tcp = tcp` conflicts with this.";
    let (auto, hint) = ("tub.location uses AUTO", "tub.location includes tcp: hint");
    let exit = "tub.location includes tor: hint that is no onion service";
    let cases = [
        ("", Err(conflict)),
        ("[connections]\ntcp = TCP\n", Err(conflict)),
        ("[connections]\ntcp = disabled\n", Err(auto)),
        ("[connections]\ntcp = tor\n", Err(auto)),
        ("[connections]\ntcp = i2p\n", Err(auto)),
        ("[connections]\ntcp = tor\n[node]\ntub.port = tcp:1\n", Err(auto)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = tor:x.onion:1,AUTO\n", Err(auto)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = tcp:h:1\n", Err(hint)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = tor:x.onion:1,h:1\n", Err(hint)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = 127.0.0.1:1\n", Err(hint)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = tcp:[::1]:1\n", Err(hint)),
        // Which Tahoe-LAFS lets pass.
        ("[connections]\ntcp = tor\n[node]\ntub.location = tor:x.onion:1, tcp:h:1\n", Err(hint)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = [::1]:1\n", Err(hint)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = TCP:h:1\n", Err(hint)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = tor:8.8.8.8:1\n", Err(exit)),
        ("[connections]\ntcp = tor\n[node]\ntub.location = tor:x.onion:1,i2p:y.i2p:1\n", Ok(())),
        (
            "[connections]\ntcp = tor\n[node]\ntub.port = disabled\ntub.location = disabled\n\
             [storage]\nenabled = false\n",
            Ok(()),
        ),
    ];
    for (text, expected) in cases {
        match (load(&format!("{HIDDEN}{text}")), expected) {
            (Ok(_), Ok(())) => {}
            (Err(found), Err(expected)) => {
                let (first, rest) = found.split_once('\n').unwrap();
                assert_eq!(first, expected, "{text}");
                assert!(rest.contains("With reveal-IP-address = false"), "{rest}");
            }
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn settings_that_lack_something_are_refused() {
    let onion = "[tor]\ncontrol.port = tcp:h:1\nonion = true\nonion.local_port = 1\n";
    let dest = "[i2p]\nsam.port = tcp:h:1\ndest = true\n";
    let cases = [
        ("[tor]\nonion = true\n", "[tor] onion = true, but we have neither launch=true nor"),
        (
            "[tor]\nlaunch = true\nonion = true\n",
            "[tor] onion = true, but onion.local_port= is missing",
        ),
        (onion, "[tor] onion = true, but onion.external_port= is missing"),
        (
            &format!("{onion}onion.external_port = 3457\n"),
            "[tor] onion = true, but onion.private_key_file= is missing",
        ),
        (&format!("{onion}onion.external_port = 0\n"), "must be a number from 1 to 65535"),
        ("[tor]\nsocks.port = 9050\n", "socks.port: must be an endpoint like"),
        ("[tor]\ncontrol.port = tcp:9051\n", "control.port: needs a port from 1"),
        (
            "[connections]\ntcp = tor\n[tor]\nenabled = false\n",
            "'tahoe.cfg [connections] tcp=' uses unavailable/unimportable handler type 'tor'",
        ),
        ("[i2p]\nlaunch = true\n", "[i2p] launch is under development"),
        (
            "[i2p]\nlaunch = true\nsam.port = tcp:h:1\n",
            "tahoe.cfg [i2p] must not set both sam.port and launch",
        ),
        ("[i2p]\ni2p.configdir = /x\n", "I2P is only found by its SAM port"),
        (
            "[i2p]\ndest = true\n",
            "[i2p] dest = true, but we have neither sam.port= nor launch=true nor configdir=",
        ),
        (dest, "[i2p] dest = true, but dest.port= is missing"),
        (
            &format!("{dest}dest.port = 3457\n"),
            "[i2p] dest = true, but dest.private_key_file= is missing",
        ),
    ];
    for (text, expected) in cases {
        let found = load(text).unwrap_err();
        assert!(found.contains(expected), "{text}\nexpected: {expected}\nfound: {found}");
    }
}

#[test]
fn what_is_set_is_understood() {
    let open = connections("");
    assert!(open.is_open() && open.tor.enabled && open.i2p.enabled);
    assert_eq!(connections("[connections]\ntcp = Tor\n").tcp, Some(Way::Tor));
    assert_eq!(connections("[connections]\ntcp = disabled\n").tcp, None);

    let text = "[connections]\ntcp = tor\n[node]\nreveal-IP-address = false\n\
                tub.port = listen:tor,listen:i2p\ntub.location = tor:x.onion:3457,i2p:y.i2p:3457\n\
                [tor]\ncontrol.port = unix:/run/tor/control\nsocks.port = tcp:127.0.0.1:9050\n\
                tor.executable = /usr/bin/tor\nonion = true\nonion.local_port = 1234\n\
                onion.external_port = 3457\nonion.private_key_file = private/tor_onion.privkey\n\
                [i2p]\nsam.port = tcp:127.0.0.1:7656\ndest = true\ndest.port = 3458\n\
                dest.private_key_file = /keys/i2p\n";
    let config = load(text).unwrap();
    let Connections { tcp, tor, i2p } = config.connections;
    assert_eq!(tcp, Some(Way::Tor));
    assert_eq!(tor.socks_port, Some(Endpoint::loopback(9050)));
    assert_eq!(tor.control_port, Some(Endpoint::Unix("/run/tor/control".into())));
    assert_eq!(tor.executable.as_deref(), Some(Path::new("/usr/bin/tor")));
    let onion = tor.onion.unwrap();
    assert_eq!((onion.local_port, onion.external_port), (1234, 3457));
    assert_eq!(onion.private_key_file, config.directory.private("tor_onion.privkey"));
    assert_eq!(i2p.sam_port, Some(Endpoint::loopback(7656)));
    let destination = i2p.destination.unwrap();
    assert_eq!(destination.port, 3458);
    assert_eq!(destination.private_key_file, Path::new("/keys/i2p"));
    let Tub::Listening { ports, .. } = config.tub else { panic!("listens") };
    assert!(matches!(&ports[..], [TubPort::Socket(at), TubPort::I2p]
        if at.to_string() == "127.0.0.1:1234"));
}
