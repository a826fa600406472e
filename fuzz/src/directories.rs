//! Directories, with the caps and the metadata in them (specification section 5).

use bytes::Bytes;
use tallac_core::cap::WriteKey;
use tallac_core::dirnode::{
    ChildName, Directory, DirectoryAccess, Json, Link, Metadata, Node, Overwrite, Removal,
};

/// Unpacks any bytes as each kind of directory. What is unpacked must be packed and unpacked again
/// as the same, and an edit must leave the rest alone.
pub fn target(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(value) = Json::parse(text)
    {
        assert_eq!(Json::parse(&value.to_string()), Ok(value), "other JSON when printed");
    }
    let table = Bytes::copy_from_slice(data);
    let write = DirectoryAccess::Write(WriteKey::new([7; 16]));
    for access in [write, DirectoryAccess::Read, DirectoryAccess::Immutable] {
        let is_immutable = access == DirectoryAccess::Immutable;
        let Ok(directory) = Directory::unpack(&table, access.clone()) else { continue };
        let again = Directory::unpack(&directory.pack(), access).expect("what was packed");
        assert!(again.iter().eq(directory.iter()), "other children when packed");
        let is_allowed = |node: Node| node.is_allowed_in_immutable_directory();
        assert!(!is_immutable || directory.nodes().all(|(_, node)| is_allowed(node)));
        edit(directory);
    }
}

fn edit(directory: Directory) {
    let name = ChildName::new("a name that is in no seed");
    let mut edited = directory.clone();
    let link = Link { node: Node::Unknown(Default::default()), metadata: Some(Metadata::new()) };
    if edited.set(&name, link, Overwrite::No, 1.5).is_err() {
        return;
    }
    edited.remove(&name, Removal::default()).expect("it was just put there");
    assert_eq!(edited.pack(), directory.pack(), "an edit changed what it did not touch");
}

/// What Tahoe-LAFS packed, and what it reads though it would not pack it.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/directories.json")).unwrap_or_default();
    let cases = cases.as_array().map(Vec::as_slice).unwrap_or_default();
    let tables = cases.iter().filter_map(|case| hex::decode(case["packed"].as_str()?).ok());
    let texts = crate::texts(cases.iter().filter_map(|case| case["given"].as_str()));
    tables.chain(texts).collect()
}
