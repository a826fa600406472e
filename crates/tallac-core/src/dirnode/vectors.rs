//! Everything that the real Tahoe-LAFS made of directories, caps and metadata.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::cap::{CapError, Context, WriteKey};

const VECTORS: &str = include_str!("../../../../vectors/directories.json");

fn cases(sort: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let cases: Vec<_> = all.into_iter().filter(|case| case["sort"] == sort).collect();
    assert!(!cases.is_empty(), "{sort}");
    cases
}

fn access(held: &str) -> DirectoryAccess {
    match held {
        "write" => DirectoryAccess::Write(WriteKey::new([7; 16])),
        "read" => DirectoryAccess::Read,
        _ => DirectoryAccess::Immutable,
    }
}

fn table(case: &Value) -> Bytes {
    hex::decode(case["packed"].as_str().unwrap()).unwrap().into()
}

#[test]
fn nodes_are_tahoes() {
    for case in cases("node") {
        let context = if case["deep"] == true { Context::DeepImmutable } else { Context::Any };
        let node = Node::from_caps(case["write_in"].as_str(), case["read_in"].as_str(), context);
        let node = match node {
            Ok(node) => node,
            Err(error) => {
                let class = match error {
                    CapError::MustBeDeepImmutable { .. } => "MustBeDeepImmutableError",
                    CapError::MustBeReadonly { .. } => "MustBeReadonlyError",
                    CapError::UnknownWriteCap { .. } => "MustNotBeUnknownRWError",
                    CapError::Malformed { .. } => "BadURIError",
                    error => panic!("{case}: {error:?}"),
                };
                // Of a write cap alone Tahoe-LAFS says no more than that it is unknown.
                let is_vague = case["error"] == "MustNotBeUnknownRWError";
                assert!(is_vague || case["error"].as_str() == Some(class), "{case}");
                continue;
            }
        };
        let kind = match &node {
            Node::Unknown(_) => "unknown",
            node if node.is_directory() => "directory",
            _ => "file",
        };
        assert_eq!(case["kind"].as_str(), Some(kind), "{case}");
        assert_eq!(case["write"].as_str(), node.write_cap().as_deref(), "{case}");
        assert_eq!(case["read"].as_str(), node.read_cap().as_deref(), "{case}");
        assert_eq!(case["allowed"], node.is_allowed_in_immutable_directory(), "{case}");
    }
}

#[test]
fn json_is_pythons() {
    for case in cases("json") {
        let given = case["given"].as_str().unwrap();
        let out = Json::parse(given).ok().map(|value| value.to_string());
        assert_eq!(case["out"].as_str(), out.as_deref(), "{given:?}");
    }
}

#[test]
fn metadata_are_brought_up_to_date_as_in_tahoe() {
    for case in cases("metadata") {
        let parse = |field: &str| case[field].as_str().map(|text| Metadata::parse(text).unwrap());
        let now = case["now"].as_f64().unwrap();
        let out = Metadata::updated(parse("old"), parse("new"), now);
        assert_eq!(case["out"].as_str(), Some(out.to_string().as_str()), "{case}");
    }
}

#[test]
fn tables_are_tahoes() {
    for case in cases("table") {
        let packed = table(&case);
        let directory = Directory::unpack(&packed, access(case["held"].as_str().unwrap()));
        if case["fails"] == true {
            assert!(matches!(directory, Err(DirectoryError::Damaged { .. })), "{case}");
            continue;
        }
        let directory = directory.unwrap();
        let children: Vec<_> = directory.iter().collect();
        let expected = case["children"].as_array().unwrap();
        assert_eq!(children.len(), expected.len(), "{case}");
        for ((name, child), expected) in children.into_iter().zip(expected) {
            let Value::Array(expected) = expected else { panic!("{case}") };
            assert_eq!(expected[0], name.as_str(), "{case}");
            assert_eq!(expected[1].as_str(), child.node.write_cap().as_deref(), "{case}");
            assert_eq!(expected[2].as_str(), child.node.read_cap().as_deref(), "{case}");
            // Ours cannot have unpaired surrogates.
            let metadata = expected[3].as_str().unwrap().replace("\\ud800", "\\ufffd");
            assert_eq!(metadata, child.metadata.to_string(), "{case}");
        }
    }
}

/// Packing all children anew gives Tahoe's bytes, the write caps encrypted as it does.
#[test]
fn packing_is_tahoes() {
    for case in cases("table") {
        let held = case["held"].as_str().unwrap();
        let packed = table(&case);
        let Ok(directory) = Directory::unpack(&packed, access(held)) else { continue };
        let children: Vec<_> =
            directory.iter().map(|(name, child)| (name.clone(), child)).collect();
        if children.len() < 8 || held == "read" {
            continue;
        }
        let children = children.iter().map(|(name, child)| (name, child));
        let again = Directory::with_children(access(held), children).unwrap();
        assert_eq!(again.pack(), packed);
    }
}

#[test]
fn edits_are_tahoes() {
    let packed = table(&cases("edited")[0]);
    for case in cases("edit") {
        let mut directory = Directory::unpack(&packed, access("write")).unwrap();
        match edit(&mut directory, &case) {
            Err(error) => {
                let class = match error {
                    DirectoryError::NoSuchChild { .. } => "NoSuchChildError",
                    DirectoryError::ExistingChild { .. } => "ExistingChildError",
                    DirectoryError::WrongType { .. } => "ChildOfWrongTypeError",
                    error => panic!("{case}: {error}"),
                };
                assert_eq!(case["error"].as_str(), Some(class), "{case}");
            }
            Ok(()) => {
                let out = directory.pack_changes().map(|table| hex::encode(Sha256::digest(table)));
                assert_eq!(case.get("error"), None, "{case}");
                assert_eq!(case["sha256"].as_str(), out.as_deref(), "{case}");
            }
        }
    }
}

fn edit(directory: &mut Directory, case: &Value) -> Result<(), DirectoryError> {
    let name = ChildName::new(case["name"].as_str().unwrap());
    let now = case["now"].as_f64().unwrap();
    let metadata = case["metadata"].as_str().map(|text| Metadata::parse(text).unwrap());
    match case["what"].as_str().unwrap() {
        "set" => {
            let node = Node::from_caps(case["cap"].as_str(), None, Context::Any).unwrap();
            let overwrite = match case["overwrite"].as_str().unwrap() {
                "yes" => Overwrite::Yes,
                "no" => Overwrite::No,
                _ => Overwrite::OnlyFiles,
            };
            directory.set(&name, Link { node, metadata }, overwrite, now).map(drop)
        }
        "remove" => {
            let must_be = case["must_be"].as_str().map(|must_be| match must_be {
                "file" => ChildType::File,
                _ => ChildType::Directory,
            });
            let must_exist = case["must_exist"] == true;
            directory.remove(&name, Removal { must_exist, must_be }).map(drop)
        }
        _ => directory.set_metadata(&name, metadata.unwrap(), now).map(drop),
    }
}
