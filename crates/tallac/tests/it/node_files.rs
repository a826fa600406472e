//! What a node makes for itself, and goes on with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64URL;
use tallac::config::NodeDirectory;
use tallac::config::servers_yaml::{self, StaticServer};
use tallac::node_files::{
    ApiAuthToken, NodeIdentity, NodeSecrets, PermutationSeed, generate_key, introducer_furl,
    next_seqnum, read_introducer_cache, storage_furl, write_introducer_cache,
};
use tallac_core::announcement::SignedAnnouncement;
use tallac_core::base32;
use tallac_net::identity::{SpkiHash, nurls_of};

use crate::scratch;

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn identity_and_secrets_are_made_once() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    let one = NodeIdentity::load_or_create(&node).unwrap();
    let secrets = NodeSecrets::load_or_create(&node).unwrap();
    assert_eq!(text(dir.join("my_nodeid")), format!("{}\n", one.certificate.tub_id()));
    assert_eq!(text(dir.join("node.pubkey")), format!("pub-{}\n", one.server_id.as_str()));
    assert_eq!(mode(dir.join("private")), 0o700);
    for name in ["node.pem", "node.privkey", "secret", "convergence"] {
        assert_eq!(mode(node.private(name)), 0o600, "{name}");
    }
    assert_eq!(
        base32::decode(text(node.private("secret")).trim()).unwrap(),
        secrets.lease.expose()
    );
    assert!(text(node.private("convergence")).ends_with('\n'));

    let other = NodeIdentity::load_or_create(&node).unwrap();
    assert_eq!(other.certificate.tub_id(), one.certificate.tub_id());
    assert_eq!(other.server_id, one.server_id);
    assert_eq!(NodeSecrets::load_or_create(&node).unwrap(), secrets);
}

#[test]
fn damaged_files_are_named_and_never_replaced() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    NodeIdentity::load_or_create(&node).unwrap();
    NodeSecrets::load_or_create(&node).unwrap();
    for name in ["node.pem", "node.privkey", "secret", "convergence"] {
        let good = text(node.private(name));
        for bad in ["", "HUSH", &good[1..good.len() / 2]] {
            fs::write(node.private(name), bad).unwrap();
            let identity = NodeIdentity::load_or_create(&node).err();
            let secrets = NodeSecrets::load_or_create(&node).err();
            let error = identity.or(secrets).unwrap().to_string();
            assert!(error.contains(&format!("private/{name}' is damaged: ")), "{error}");
            assert!(!error.contains("HUSH"), "{error}");
            assert_eq!(text(node.private(name)), bad);
        }
        fs::write(node.private(name), good).unwrap();
    }
}

#[test]
fn an_address_keeps_its_secret_when_the_location_changes() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    let identity = NodeIdentity::load_or_create(&node).unwrap();
    let furl = |hint: &str| storage_furl(&node, &identity.certificate, &[hint.to_owned()]);
    let one = furl("tcp:127.0.0.1:1").unwrap();
    let two = furl("tor:x.onion:2").unwrap();
    assert_eq!((one.name(), one.tub_id()), (two.name(), identity.certificate.tub_id()));
    assert_eq!(two.hints(), ["tor:x.onion:2"]);
    let file = node.private("storage.furl");
    assert_eq!(text(&file), format!("{}\n", two.expose_text()));
    assert_eq!(mode(&file), 0o600);

    let foreign = text(&file).replace(&two.tub_id().to_string(), &"a".repeat(32));
    fs::write(&file, foreign).unwrap();
    let error = furl("tcp:127.0.0.1:1").unwrap_err().to_string();
    assert!(error.contains("belongs to another certificate than private/node.pem"), "{error}");
}

#[test]
fn seeds_are_chosen_once() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    let identity = NodeIdentity::load_or_create(&node).unwrap();
    let storage = dir.join("storage");
    let seed = || PermutationSeed::load_or_create(&node, &identity, &storage).unwrap();
    let file = dir.join("permutation-seed");

    fs::create_dir_all(storage.join("shares/incoming")).unwrap();
    assert_eq!(seed().as_base32(), base32::encode(&identity.server_id.as_str().as_bytes()[3..]));
    fs::remove_file(&file).unwrap();
    fs::create_dir_all(storage.join("shares/aa")).unwrap();
    assert_eq!(seed().as_base32(), identity.certificate.tub_id().to_string());
    assert_eq!(text(&file), format!("{}\n", identity.certificate.tub_id()));
    fs::write(&file, "kept\n").unwrap();
    assert_eq!(seed().as_base32(), "kept");
}

#[test]
fn tokens_are_new_at_every_start() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    let one = ApiAuthToken::renew(&node).unwrap();
    let two = ApiAuthToken::renew(&node).unwrap();
    assert_ne!(one.expose(), two.expose());
    assert_eq!(BASE64URL.decode(two.expose().as_bytes()).unwrap().len(), 32);
    assert_eq!(text(node.private("api_auth_token")), format!("{}\n", two.expose()));
    assert!(!format!("{two:?}").contains(two.expose()));
}

#[test]
fn servers_that_are_written_are_read() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    let identity = NodeIdentity::load_or_create(&node).unwrap();
    let furl = storage_furl(&node, &identity.certificate, &["tcp:127.0.0.1:1".to_owned()]).unwrap();
    let server = StaticServer {
        server_id: identity.server_id.clone(),
        nickname: "no: \"quotes\" # ë\n".to_owned(),
        nurls: nurls_of(&furl, SpkiHash::of(&identity.certificate)),
        furl,
        permutation_seed: "aaaq".to_owned(),
    };
    servers_yaml::write(&node, std::slice::from_ref(&server)).unwrap();
    assert_eq!(mode(node.private("servers.yaml")), 0o600);
    let read = &servers_yaml::read(&node).unwrap()[0].announcement;
    assert_eq!((read.server_id(), read.nickname()), (&server.server_id, server.nickname.as_str()));
    assert_eq!(read.anonymous_storage_furl(), server.furl.expose_text());
    assert_eq!(read.nurls(), [server.nurls[0].expose_text()]);
    assert_eq!(read.permutation_seed(), [0, 1]);
    servers_yaml::write(&node, &[]).unwrap();
    assert_eq!(servers_yaml::read(&node).unwrap(), []);
}

#[test]
fn numbers_of_announcements_go_up() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    assert_eq!([(); 3].map(|()| next_seqnum(&node).unwrap()), [1, 2, 3]);
    assert_eq!(text(dir.join("announcement-seqnum")), "3\n");
    for bad in ["x", "-1", "18446744073709551615"] {
        fs::write(dir.join("announcement-seqnum"), bad).unwrap();
        let error = next_seqnum(&node).unwrap_err().to_string();
        assert!(error.contains("is damaged: it must be a whole number"), "{error}");
    }
}

#[test]
fn the_address_of_an_introducer_is_moved_once() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    let identity = NodeIdentity::load_or_create(&node).unwrap();
    let hints = ["tcp:127.0.0.1:1".to_owned()];
    let furl = || introducer_furl(&node, &identity.certificate, &hints);
    let (old, new) = (dir.join("introducer.furl"), node.private("introducer.furl"));
    let made = furl().unwrap();
    assert_eq!(text(&new), format!("{}\n", made.expose_text()));
    fs::rename(&new, &old).unwrap();
    assert_eq!(furl().unwrap(), made);
    assert!(!old.exists() && new.exists());
    fs::write(&old, "another").unwrap();
    let error = furl().unwrap_err().to_string();
    assert!(error.starts_with("there is both '") && error.contains("introducer.furl"), "{error}");
}

/// As Tahoe-LAFS wrote it.
const CACHE: &str = "\
- ann:
    anonymous-storage-FURL: pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:1/x
    anonymous-storage-NURLs:
    - pb://hash@127.0.0.1:1/x#v=1
    app-versions: []
    nickname: \"storage \\xE4 \\U0001F600\"
    seqnum: 7
    service-name: storage
  key_s: v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a
- 7
";

#[test]
fn what_introducers_told_is_kept() {
    let (_guard, dir) = scratch();
    let node = NodeDirectory::new(&dir).unwrap();
    node.make_private().unwrap();
    assert_eq!(read_introducer_cache(&node, "a").unwrap(), []);
    fs::write(node.private("introducer_a_cache.yaml"), CACHE).unwrap();
    let read = read_introducer_cache(&node, "a").unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].server_id, "v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a");
    assert_eq!(read[0].announcement["nickname"], "storage ä \u{1f600}");

    let key = generate_key().unwrap();
    let signed = SignedAnnouncement::sign(&read[0].announcement, &key).verify().unwrap();
    write_introducer_cache(&node, "b", &[Arc::new(signed)]).unwrap();
    assert_eq!(mode(node.private("introducer_b_cache.yaml")), 0o600);
    let again = read_introducer_cache(&node, "b").unwrap();
    assert_eq!(again[0].announcement, read[0].announcement);
    assert_eq!(again[0].server_id, key.verifying_key().server_id().as_str());
    write_introducer_cache(&node, "b", &[]).unwrap();
    assert_eq!(read_introducer_cache(&node, "b").unwrap(), []);
    for bad in ["{}", "a: [", "- ann: [1"] {
        fs::write(node.private("introducer_b_cache.yaml"), bad).unwrap();
        assert!(read_introducer_cache(&node, "b").is_err(), "{bad}");
    }
}
