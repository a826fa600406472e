//! Known answers of the specification, bad input, and properties of every table.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::cap::{Cap, CapError, Context, DirectoryCap, FileCap, LitCap, WriteKey};
use crate::netstring;

const WRITE: &str = "URI:SSK:aaaqeayeaudaocajbifqydiob4:\
                     aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";
const PACKED: &str = "\
    3235303a323ac3a92c39303a5552493a53534b2d524f3a7a6c6e706e34326c75377865646f6e757835336b72343268\
    736d3a6161617165617965617564616f63616a626966717964696f623469626365717463716b726d66797964656e62\
    77686135647970712c3133353a07d55b026a7de0331ddf2aec36d83946889924d448a9c53b1e481fb3f9d9a5679c18\
    90473205598f58c9b1b6ea910d2d2c177b007b2ec448a1ac00354df28081f94cb8fb35449663cc08fd0aaab177b56c\
    c6cba717f01bbd06b422a8902a6a11327ced795bf4e2b397c441159012f0974306e1187b9db18c2be9d18c96d54c83\
    496b3353beaf0a2c383a7b2278223a20317d2c2c";

#[test]
fn the_entry_of_section_15_4() {
    let access = DirectoryAccess::Write(WriteKey::new([0; 16]));
    let node = Node::from_caps(Some(WRITE), None, Context::Any).unwrap();
    let child = Child { node, metadata: Metadata::parse(r#"{"x":1}"#).unwrap() };
    // Decomposed: it is stored composed.
    let name = ChildName::new("e\u{301}");
    let directory = Directory::with_children(access.clone(), [(&name, &child)]).unwrap();
    assert_eq!(hex::encode(directory.pack()), PACKED);

    let packed = Bytes::from(hex::decode(PACKED).unwrap());
    let directory = Directory::unpack(&packed, access).unwrap();
    assert_eq!(directory.get(&"é".into()), Some(child));
    assert_eq!(directory.len(), 1);
    let read = Directory::unpack(&packed, DirectoryAccess::Read).unwrap();
    let node = read.node(&"é".into()).unwrap();
    assert_eq!(node.write_cap(), None);
    assert!(node.read_cap().unwrap().starts_with("URI:SSK-RO:zlnpn42lu7xedonux53kr42hsm:"));
    assert_eq!(read.pack(), packed);
}

#[test]
fn the_literal_directory_of_section_15_7() {
    let node = Node::from_caps(None, Some("URI:LIT:nbswy3dp"), Context::Any).unwrap();
    let child = Child { node, metadata: Metadata::parse(r#"{"x":1}"#).unwrap() };
    let directory =
        Directory::with_children(DirectoryAccess::Immutable, [(&"a".into(), &child)]).unwrap();
    let cap = LitCap::new(directory.pack().to_vec());
    let cap = DirectoryCap::new(FileCap::Lit(cap));
    let expected =
        "URI:DIR2-LIT:gm4dumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormha5hwityei5caml5fqwa";
    assert_eq!(cap.to_string(), expected);
}

const READ: &str = "URI:SSK-RO:zlnpn42lu7xedonux53kr42hsm:\
                    aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";

fn write_access() -> DirectoryAccess {
    DirectoryAccess::Write(WriteKey::new([7; 16]))
}

fn node(write: &str, read: &str) -> Node {
    Node::from_caps(Some(write), Some(read), Context::Any).unwrap()
}

#[test]
fn any_text_is_a_name() {
    let long = "x".repeat(10_000);
    let names = ["", "a/b", "/", "..", "nul\0", "new\nline", "\u{10ffff}", &long];
    let mut directory = Directory::new(write_access());
    for name in names {
        directory.set(&name.into(), node(WRITE, "").into(), Overwrite::No, 1.0).unwrap();
    }
    let again = Directory::unpack(&directory.pack(), write_access()).unwrap();
    let mut found: Vec<_> = again.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found.len(), names.len());
    assert!(found.is_sorted());
    found.retain(|name| !names.contains(name));
    assert!(found.is_empty());
}

#[test]
fn names_that_look_alike_are_one() {
    let mut directory = Directory::new(write_access());
    let composed: ChildName = "\u{e9}".into();
    directory.set(&"e\u{301}".into(), node(WRITE, "").into(), Overwrite::No, 1.0).unwrap();
    let again = directory.set(&composed, node(WRITE, "").into(), Overwrite::No, 1.0);
    let existing = DirectoryError::ExistingChild { name: composed, is_directory: false };
    assert_eq!(again, Err(existing));
}

#[test]
fn what_cannot_be_written_is_not() {
    let name: ChildName = "a".into();
    let mut full = Directory::new(write_access());
    full.set(&name, node(WRITE, "").into(), Overwrite::Yes, 1.0).unwrap();
    let mut read = Directory::unpack(&full.pack(), DirectoryAccess::Read).unwrap();
    let immutable = Directory::new(DirectoryAccess::Immutable);
    let refused = Err(DirectoryError::NotWriteable);
    for directory in [&mut read, &mut immutable.clone()] {
        let link = Link::from(node("URI:LIT:nbswy3dp", ""));
        let set = directory.set(&name, link, Overwrite::Yes, 1.0);
        assert_eq!(set.map(drop), refused);
        assert_eq!(directory.remove(&name, Removal::default()).map(drop), refused);
        assert_eq!(directory.set_metadata(&name, Metadata::new(), 1.0).map(drop), refused);
        assert_eq!(directory.rename(&name, &"b".into(), Overwrite::Yes, 1.0).map(drop), refused);
        assert!(!directory.is_changed());
    }
    let verifier = Cap::parse(&WRITE.replace("URI:SSK:", "URI:DIR2:")).to_verifier().unwrap();
    let verifier = DirectoryCap::try_from(verifier).unwrap();
    assert!(matches!(DirectoryAccess::of(&verifier), Err(DirectoryError::NotReadable(_))));
}

#[test]
fn what_can_change_is_not_put_into_what_cannot() {
    let name: ChildName = "a".into();
    for node in [node(WRITE, ""), node(READ, ""), node("future", "ro.future")] {
        let child = Child { node, metadata: Metadata::new() };
        let made = Directory::with_children(DirectoryAccess::Immutable, [(&name, &child)]);
        assert_eq!(made.err(), Some(DirectoryError::DeepImmutable { name: name.clone() }));
    }
    for cap in [WRITE, READ] {
        let breach = Node::from_caps(Some(cap), None, Context::DeepImmutable);
        assert!(matches!(breach, Err(CapError::MustBeDeepImmutable { .. })));
    }
}

#[test]
fn secrets_are_not_shown() {
    let child = Child { node: node("secret", "ro.secret"), metadata: Metadata::new() };
    let name: ChildName = "a".into();
    let directory = Directory::with_children(write_access(), [(&name, &child)]).unwrap();
    let shown = format!("{child:?} {:?} {:?}", node(WRITE, ""), directory);
    assert!(!shown.contains("secret") && !shown.contains("aaaqeayeaudaocaj"), "{shown}");
    assert!(!shown.contains("7, 7, 7"), "{shown}");
}

#[test]
fn a_hidden_child_stays_until_its_name_is_used() {
    let entry = |name: &str, read: &str| {
        let mut entry = Vec::new();
        for field in [name, read, "", "{}"] {
            netstring::push(&mut entry, field.as_bytes());
        }
        netstring::netstring(&entry)
    };
    let hidden = entry("hidden", "URI:CHK:broken");
    let packed = Bytes::from([hidden.clone(), entry("z", "URI:LIT:nbswy3dp")].concat());
    let mut directory = Directory::unpack(&packed, write_access()).unwrap();
    assert_eq!((directory.len(), directory.hidden().count()), (1, 1));
    directory.remove(&"z".into(), Removal::default()).unwrap();
    assert_eq!(directory.pack(), hidden);
    let mut other = directory.clone();
    assert_eq!(other.remove(&"hidden".into(), Removal::default()), Ok(None));
    assert!(other.pack().is_empty());
    directory.set(&"hidden".into(), node(WRITE, "").into(), Overwrite::No, 1.0).unwrap();
    assert_eq!(directory.hidden().count(), 0);
}

/// Any node that a mutable directory may hold.
fn nodes() -> impl Strategy<Value = Node> {
    prop_oneof![
        Just(node(WRITE, "")),
        Just(node(READ, "")),
        Just(node("URI:LIT:nbswy3dp", "")),
        Just(Node::Unknown(UnknownNode::default())),
        "[a-z:]{1,20}".prop_map(|text| node("", &format!("imm.{text}"))),
        ("x[a-z:]{1,20}", "[a-z:]{1,20}").prop_map(|(write, read)| node(&write, &read)),
    ]
}

fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<f64>().prop_filter("one text", |value| !value.is_nan()).prop_map(Json::float),
        any::<i64>().prop_map(|value| Json::from(&serde_json::Value::from(value))),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            proptest::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn children() -> impl Strategy<Value = Vec<(ChildName, Child)>> {
    let metadata = proptest::collection::btree_map(any::<String>(), values(), 0..4);
    let metadata = metadata.prop_map(|members| {
        let mut metadata = Metadata::new();
        for (name, value) in members {
            metadata.set(&name, value);
        }
        metadata
    });
    let child = (nodes(), metadata).prop_map(|(node, metadata)| Child { node, metadata });
    let name = any::<String>().prop_map(|text| ChildName::new(&text));
    proptest::collection::btree_map(name, child, 0..8)
        .prop_map(|children| children.into_iter().collect())
}

proptest! {
    #[test]
    fn json_is_read_as_it_was_written(value in values()) {
        prop_assert_eq!(Json::parse(&value.to_string()), Ok(value));
    }

    #[test]
    fn floats_are_read_as_they_were_written(value: f64) {
        let Json::Number(text) = Json::float(value) else { unreachable!() };
        if value.is_finite() {
            prop_assert_eq!(text.parse(), Ok(value));
        }
    }

    #[test]
    fn a_table_is_unpacked_as_it_was_packed(children in children()) {
        let links = children.iter().map(|(name, child)| (name, child));
        let packed = Directory::with_children(write_access(), links).unwrap().pack();
        let directory = Directory::unpack(&packed, write_access()).unwrap();
        let found: Vec<_> = directory.iter().map(|(name, child)| (name.clone(), child)).collect();
        prop_assert_eq!(found, children);
        prop_assert_eq!(directory.pack(), packed);
    }

    /// Whatever is in it: entries with fields of later versions, caps that nobody knows, metadata
    /// that are none.
    #[test]
    fn what_is_not_touched_stays_as_it_is(
        entries in proptest::collection::btree_map("[a-m]{1,4}", any::<[Vec<u8>; 4]>(), 0..8),
        name in "[n-z]{1,4}",
    ) {
        let mut packed = Vec::new();
        for (name, [read, write, metadata, more]) in &entries {
            let mut entry = netstring::netstring(name.as_bytes());
            for field in [read, write, metadata] {
                netstring::push(&mut entry, field);
            }
            entry.extend_from_slice(more);
            netstring::push(&mut packed, &entry);
        }
        let packed = Bytes::from(packed);
        let mut directory = Directory::unpack(&packed, write_access()).unwrap();
        prop_assert_eq!(directory.pack_changes(), None);
        let name = ChildName::new(&name);
        directory.set(&name, node(WRITE, "").into(), Overwrite::No, 1.5).unwrap();
        let longer = directory.pack();
        prop_assert!(longer.starts_with(&packed), "the new name comes last");
        directory.remove(&name, Removal::default()).unwrap();
        prop_assert_eq!(directory.pack_changes(), Some(packed));
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>, valid in children(), at: prop::sample::Index) {
        let _ = Directory::unpack(&bytes.into(), write_access());
        let links = valid.iter().map(|(name, child)| (name, child));
        let mut packed = Directory::with_children(write_access(), links).unwrap().pack().to_vec();
        if !packed.is_empty() {
            let at = at.index(packed.len());
            packed[at] ^= 1;
        }
        if let Ok(directory) = Directory::unpack(&packed.into(), write_access()) {
            let _ = directory.iter().count();
        }
    }
}

#[test]
fn half_a_million_children_fit() {
    let mut packed = Vec::new();
    for i in 0..500_000 {
        let entry = format!("6:{i:06},16:URI:LIT:nbswy3dp,0:,2:{{}},");
        netstring::push(&mut packed, entry.as_bytes());
    }
    let packed = Bytes::from(packed);
    let mut directory = Directory::unpack(&packed, write_access()).unwrap();
    let name = "x".into();
    directory.set(&name, node(WRITE, "").into(), Overwrite::No, 1.0).unwrap();
    assert_eq!(directory.len(), 500_001);
    directory.remove(&name, Removal::default()).unwrap();
    assert_eq!(directory.pack(), packed);
}
