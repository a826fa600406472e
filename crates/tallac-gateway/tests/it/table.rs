//! `docs/web-api.md` names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

const TABLE: &str = include_str!("../../../../docs/web-api.md");

/// What is between backticks and names a test of a file.
fn named() -> BTreeSet<(&'static str, &'static str)> {
    TABLE.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let named = named();
    assert!(named.len() > 40, "{named:?}");
    for (file, test) in named.into_iter().filter(|named| *named != ("file", "test")) {
        let text = std::fs::read_to_string(folder.join(file).with_extension("rs"));
        let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("fn {test}()")), "{file}::{test} is not there");
    }
}

/// What both gateways are asked is on the list, too: each `t=` of the requests that are compared.
#[test]
fn every_operation_that_is_compared_is_in_the_table() {
    let same = include_str!("../../../../interop/tests/interop/answers/same.txt");
    let operation = |line: &'static str| {
        let rest = line.split_once("?t=")?.1;
        rest.split(['&', ' ']).next()
    };
    for operation in same.lines().filter_map(operation) {
        let is_known = TABLE.contains(&format!("`{operation}`"));
        assert!(is_known || ["zzz", "%20"].contains(&operation), "{operation} is missing");
    }
}
