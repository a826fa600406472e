//! Capabilities, of every kind and in every context (specification section 1).

use tallac_core::cap::{Cap, Context};

/// Reads any text as a cap. One that is known must be read again as it is printed, and what is
/// made weaker must be weaker.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for context in [Context::Any, Context::Readonly, Context::DeepImmutable] {
        check(&Cap::parse_in(text, context), context);
    }
}

fn check(cap: &Cap, context: Context) {
    let printed = cap.to_string();
    if cap.kind().is_none() {
        return;
    }
    assert_eq!(Cap::parse_in(&printed, context).to_string(), printed, "another cap when printed");
    assert!(context == Context::Any || !cap.is_writeable(), "it writes where none may");
    assert!(context != Context::DeepImmutable || !cap.is_mutable(), "mutable where none may be");
    for weaker in [cap.to_readonly(), cap.to_verifier()].into_iter().flatten() {
        assert!(!weaker.is_writeable(), "still able to write");
        assert_eq!(weaker.storage_index(), cap.storage_index(), "of another file");
        assert!(Cap::parse(&weaker.to_string()).kind().is_some(), "not read again");
    }
    let debug = format!("{cap:?}");
    assert!(!debug.contains(&printed), "the cap is in its Debug");
}

/// What Tahoe-LAFS was given, the good and the bad.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/caps.json")).unwrap_or_default();
    let cases = cases.as_array().map(Vec::as_slice).unwrap_or_default();
    crate::texts(cases.iter().filter_map(|case| case["in"].as_str()))
}
