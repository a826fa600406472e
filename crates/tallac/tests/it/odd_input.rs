//! Files that somebody else wrote, or that went bad: they are read or refused, and nothing worse.

use std::fs;

use proptest::prelude::*;
use tallac::config::servers_yaml::read;
use tallac::config::{Ini, ListenAt, NodeConfig, NodeDirectory};
use tallac_core::crypto::SigningKey;

use crate::scratch;

/// What is wrong with this `private/servers.yaml`, if anything is.
fn servers_problem(text: &str) -> Option<String> {
    let (_guard, dir) = scratch();
    fs::create_dir(dir.join("private")).unwrap();
    fs::write(dir.join("private/servers.yaml"), text).unwrap();
    read(&NodeDirectory::new(&dir).unwrap()).err().map(|error| error.to_string())
}

#[test]
fn what_is_wrong_with_servers_yaml_is_told_without_its_secrets() {
    let secret = "thesecretswissnum";
    let furl = format!("pb://{}@tcp:127.0.0.1:1/{secret}", "a".repeat(32));
    for text in [
        format!("storage: {{a: {{ann: {{anonymous-storage-FURL: {furl}\n"),
        format!("storage:\n  a:\n    ann:\n   anonymous-storage-FURL: \"{furl}\"\n  - b\n"),
        format!("storage:\n  a:\n    ann:\n      anonymous-storage-FURL: \"{furl}\n"),
        format!("storage: {{a: {{ann: {{anonymous-storage-FURL: [{furl}]}}}}}}\n"),
        format!("storage: {{a: {{ann: {{anonymous-storage-FURL: pb:{furl}}}}}}}\n"),
    ] {
        let problem = servers_problem(&text).unwrap();
        assert!(problem.contains("servers.yaml") && !problem.contains(secret), "{problem}");
    }
}

#[test]
fn aliases_of_aliases_in_yaml_fill_no_memory() {
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..12 {
        let one = format!("*x{},", level - 1);
        text += &format!("x{level}: &x{level} [{}]\n", one.repeat(10));
    }
    assert!(servers_problem(&text).unwrap().contains("is not YAML"));
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_none(
        text in "([\\[\\]=:%#;()s \\ta-cA-C\\n\\r]|\\PC){0,80}",
    ) {
        for text in [text.clone(), format!("[a]\n{text}")] {
            let Ok(ini) = Ini::parse(&text) else { continue };
            for section in ini.sections() {
                for key in ini.keys(section) {
                    let _ = ini.get(section, key);
                }
            }
        }
    }

    #[test]
    fn what_is_set_is_read(
        section in "[a-z_]{1,10}", key in "[a-z.]{1,10}", value in "[!-~]{0,20}",
    ) {
        let text = format!("[{section}]\n{key} = {}\n", Ini::escape(&value));
        prop_assert_eq!(Ini::parse(&text).unwrap().get(&section, &key), Ok(Some(value)));
    }

    #[test]
    fn any_value_is_taken_or_refused(
        key in prop::sample::select(&[
            "node]\nweb.port", "node]\ntub.port", "node]\ntub.location", "node]\nnickname",
            "node]\ntimeout.keepalive", "client]\nshares.needed", "client]\nshares.total",
            "client]\nshares._max_immutable_segment_size_for_testing",
            "storage]\nenabled", "storage]\nreserved_space",
            "storage]\nexpire.override_lease_duration",
            "storage]\nexpire.mode = cutoff-date\nexpire.cutoff_date",
        ][..]),
        value in "(tcp:|interface=|[0-9]{1,20}|KiB| days|[-:,. %=#]|\\PC){0,6}",
    ) {
        let (_guard, dir) = scratch();
        fs::write(dir.join("tahoe.cfg"), format!("[{key} = {value}\n")).unwrap();
        let _ = NodeConfig::load(&dir);
    }

    #[test]
    fn any_endpoint_and_key_is_read_or_refused(
        text in "(tcp6?:|port=|interface=|priv-v0-|[a-z2-7]{1,52}|[0-9\\:]|\\PC){0,6}",
    ) {
        if let Ok(at) = text.parse::<ListenAt>() {
            prop_assert!(!at.host.is_empty());
        }
        if let Ok(key) = SigningKey::from_text(&text) {
            prop_assert_eq!(&*key.expose_text(), text.trim());
        }
    }

    #[test]
    fn any_yaml_is_answered(
        text in "(storage:|ann:|&a|\\*a|[ \\[\\]{}:,'\"|>#-]|\\n  |\\PC){0,40}",
    ) {
        servers_problem(&text);
        servers_problem(&format!("storage:\n  a:\n    ann: {text}"));
    }
}
