//! `tallac admin`.

use std::fs;

use data_encoding::HEXLOWER;

use crate::{scratch, tallac};

const PRIVATE: &str = "priv-v0-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";
const PUBLIC: &str = "pub-v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";

#[test]
fn a_public_key_is_derived() {
    let (_guard, dir) = scratch();
    let done = tallac(&dir, &["admin", "derive-pubkey", PRIVATE]);
    assert_eq!(done.out, format!("private: {PRIVATE}\npublic: {PUBLIC}\n"));
    assert_eq!(done.status, 0);
}

#[test]
fn new_keys_differ_and_belong_together() {
    let (_guard, dir) = scratch();
    let [one, other] = [(); 2].map(|()| tallac(&dir, &["admin", "generate-keypair"]).out);
    assert_ne!(one, other);
    let private = one.lines().next().and_then(|line| line.strip_prefix("private: ")).unwrap();
    assert_eq!(tallac(&dir, &["admin", "derive-pubkey", private]).out, one);
}

#[test]
fn what_is_no_key_is_not_repeated() {
    let (_guard, dir) = scratch();
    for text in ["nonsense", "priv-v0-nonsense", PUBLIC] {
        let done = tallac(&dir, &["admin", "derive-pubkey", text]);
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        assert!(done.err.contains("priv-v0-") && !done.err.contains("nonsense"), "{}", done.err);
    }
}

#[test]
fn states_of_crawlers_become_json_as_tahoe_makes_it() {
    let text = include_str!("../../../../vectors/crawler_states.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    for states in vectors.as_object().unwrap().values() {
        let states = states.as_array().unwrap().iter();
        let files: Vec<_> = states.map(|state| (state["name"].as_str().unwrap(), state)).collect();
        let (_guard, dir) = scratch();
        let storage = dir.join("storage");
        fs::create_dir(&storage).unwrap();
        let migrate = || tallac(&dir, &["-d", dir.to_str().unwrap(), "admin", "migrate-crawler"]);
        let done = migrate();
        assert_eq!(done.out.matches("Not found: '").count(), 3, "{done:?}");
        let mut expected = String::new();
        for (name, state) in &files {
            let pickle = HEXLOWER.decode(state["pickle"].as_str().unwrap().as_bytes()).unwrap();
            let path = storage.join(name);
            fs::write(&path, pickle).unwrap();
            let path = path.display();
            expected += &format!("Converted '{path}' to '{path}.json'\n");
        }
        let done = migrate();
        assert_eq!((done.status, done.out), (0, expected), "{}", done.err);
        for (name, state) in &files {
            let made = fs::read(storage.join(format!("{name}.json"))).unwrap();
            let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
            assert_eq!(made, state["json"], "{name}");
            assert!(!storage.join(name).exists());
        }
        assert_eq!(migrate().out.matches("Already converted: '").count(), 3);
    }
}

#[test]
fn a_pickle_that_runs_something_is_refused() {
    let (_guard, dir) = scratch();
    fs::create_dir(dir.join("storage")).unwrap();
    let state = dir.join("storage").join("lease_checker.state");
    fs::write(&state, b"cos\nsystem\n(S'touch here'\ntR.").unwrap();
    let done = tallac(&dir, &["-d", dir.to_str().unwrap(), "admin", "migrate-crawler"]);
    assert_eq!(done.status, 1);
    assert!(done.err.contains("delete the file"), "{}", done.err);
    assert!(state.exists());
}
