//! `tallac admin`.

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
