//! Known answers of the specification.

use bytes::Bytes;

use super::*;
use crate::cap::{Context, WriteKey};

const WRITE: &str = "URI:SSK:aaaqeayeaudaocajbifqydiob4:\
                     aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";
const PACKED: &str = "3235303a323ac3a92c39303a5552493a53534b2d524f3a7a6c6e706e34326c75377865646f6e7578\
35336b72343268736d3a6161617165617965617564616f63616a626966717964696f623469626365717463716b726d66797964\
656e6277686135647970712c3133353a07d55b026a7de0331ddf2aec36d83946889924d448a9c53b1e481fb3f9d9a5679c1890\
473205598f58c9b1b6ea910d2d2c177b007b2ec448a1ac00354df28081f94cb8fb35449663cc08fd0aaab177b56cc6cba717f0\
1bbd06b422a8902a6a11327ced795bf4e2b397c441159012f0974306e1187b9db18c2be9d18c96d54c83496b3353beaf0a2c38\
3a7b2278223a20317d2c2c";

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
    let cap = crate::cap::LitCap::new(directory.pack().to_vec());
    let cap = crate::cap::DirectoryCap::new(crate::cap::FileCap::Lit(cap));
    let expected =
        "URI:DIR2-LIT:gm4dumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormha5hwityei5caml5fqwa";
    assert_eq!(cap.to_string(), expected);
}
