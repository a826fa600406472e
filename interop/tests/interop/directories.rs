//! Directories of every kind, made and changed by either program, read by the other.

use interop::Web;
use serde_json::{Value, json};

use crate::mutable::mixed_grid;
use crate::playground;

/// What a gateway says of a directory, without what only one program measures.
fn listing(web: &Web, cap: &str) -> Value {
    let text = web.call("GET", &format!("/uri/{cap}?t=json"), b"").unwrap();
    let mut node: Value = serde_json::from_str(&text).unwrap();
    let children = node[1]["children"].as_object_mut().unwrap();
    for child in children.values_mut() {
        let info = child[1].as_object_mut().unwrap();
        // Sizes and link times are compared where they matter.
        if info.get("mutable") == Some(&Value::Bool(true)) {
            info.remove("size");
        }
    }
    node
}

fn same_listing(theirs: &Web, ours: &Web, cap: &str, what: &str) -> Value {
    let (a, b) = (listing(theirs, cap), listing(ours, cap));
    assert_eq!(a, b, "{what}");
    a
}

fn names(listing: &Value) -> Vec<&str> {
    listing[1]["children"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn read_only(web: &Web, cap: &str) -> String {
    web.call("GET", &format!("/uri/{cap}?t=readonly-uri"), b"").unwrap()
}

/// A directory that both edit in turn.
fn check_edits(maker: &Web, other: &Web, format: &str) {
    let cap = maker.call("POST", &format!("/uri?t=mkdir&format={format}"), b"").unwrap();
    let mut expected = Vec::new();
    for (round, web) in [maker, other, maker, other].into_iter().enumerate() {
        let name = format!("fil\u{e9} {round}");
        let path = format!("/uri/{cap}/fil%C3%A9%20{round}");
        web.call("PUT", &path, format!("content {round}").as_bytes()).unwrap();
        expected.push(name);
        let path = format!("/uri/{cap}/sub{round}?t=mkdir");
        web.call("POST", &path, b"").unwrap();
        expected.push(format!("sub{round}"));
        let what = format!("{format}, round {round}");
        let seen = same_listing(maker, other, &cap, &what);
        let mut sorted = expected.clone();
        sorted.sort();
        assert_eq!(names(&seen), sorted, "{what}");
        same_listing(maker, other, &read_only(other, &cap), &what);
    }
    // Rename by one, unlink by the other, move between directories.
    other
        .call("POST", &format!("/uri/{cap}?t=rename&from_name=sub0&to_name=renamed"), b"")
        .unwrap();
    maker.call("POST", &format!("/uri/{cap}?t=unlink&name=sub1"), b"").unwrap();
    let moved = format!("/uri/{cap}?t=relink&from_name=sub2&to_dir={cap}/sub3&to_name=inner");
    other.call("POST", &moved, b"").unwrap();
    let seen = same_listing(maker, other, &cap, format);
    assert!(names(&seen).contains(&"renamed") && !names(&seen).contains(&"sub1"), "{seen}");
    let inner = maker.call("GET", &format!("/uri/{cap}/sub3?t=json"), b"").unwrap();
    assert!(inner.contains("\"inner\""), "{inner}");
    let path = format!("/uri/{cap}/sub3/inner/deep/file");
    other.call("PUT", &path, b"deep").unwrap();
    assert_eq!(maker.call("GET", &path, b"").unwrap(), "deep");
    // Both walk the same.
    let walk = |web: &Web| {
        let text = web.call("POST", &format!("/uri/{cap}?t=stream-manifest"), b"").unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(walk(maker), walk(other), "{format}: manifest");
}

#[test]
fn directories_of_every_kind_change_hands() {
    let Some((commands, home)) = playground() else { return };
    let (storage, theirs, ours) = mixed_grid(&commands, home.path());
    let (theirs, ours) = (theirs.web(), ours.web());
    for (maker, other) in [(&theirs, &ours), (&ours, &theirs)] {
        for format in ["sdmf", "mdmf"] {
            check_edits(maker, other, format);
        }
    }
    let file = theirs.put(&crate::file(3000)).unwrap();
    for (maker, other) in [(&theirs, &ours), (&ours, &theirs)] {
        let small =
            json!({"a": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp", "metadata": {"x": 1}}]});
        let large = json!({
            "a": ["filenode", {"ro_uri": file, "metadata": {"note": "\u{e9}\u{1f600}", "n": 1.5}}],
            "b": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}],
        });
        for (children, prefix) in [(small, "URI:DIR2-LIT:"), (large.clone(), "URI:DIR2-CHK:")] {
            let body = children.to_string();
            let make =
                |web: &Web| web.call("POST", "/uri?t=mkdir-immutable", body.as_bytes()).unwrap();
            let cap = make(maker);
            assert!(cap.starts_with(prefix), "{cap}");
            assert_eq!(make(other), cap, "the same children, the same cap");
            same_listing(&theirs, &ours, &cap, prefix);
        }
        let path = "/uri?t=mkdir-with-children";
        let cap = maker.call("POST", path, large.to_string().as_bytes()).unwrap();
        let before = same_listing(&theirs, &ours, &cap, "with children");
        let more = json!({"c": ["filenode", {"ro_uri": file, "metadata": {}}]});
        let path = format!("/uri/{cap}?t=set_children");
        other.call("POST", &path, more.to_string().as_bytes()).unwrap();
        let after = same_listing(&theirs, &ours, &cap, "more children");
        assert_eq!(names(&after), ["a", "b", "c"]);
        let children = |listing: &Value| listing[1]["children"]["a"].clone();
        assert_eq!(children(&after), children(&before), "what was not touched");
        // What neither knows stays.
        let unknown = json!({"future": ["unknown", {
            "rw_uri": "x-future-writeable:stuff", "ro_uri": "ro.x-future-readable:stuff",
            "metadata": {"keep": "me"}}]});
        let path = format!("/uri/{cap}?t=set_children");
        maker.call("POST", &path, unknown.to_string().as_bytes()).unwrap();
        other.call("POST", &format!("/uri/{cap}?t=unlink&name=b"), b"").unwrap();
        let kept = same_listing(&theirs, &ours, &cap, "with an unknown child");
        assert_eq!(names(&kept), ["a", "c", "future"]);
        assert_eq!(kept[1]["children"]["future"][1]["rw_uri"], "x-future-writeable:stuff");
    }
    drop(storage);
}

/// Several clients of both programs add names at the same time: ours end with all of theirs.
#[test]
fn our_gateways_add_at_the_same_time() {
    let Some((commands, home)) = playground() else { return };
    let storage = crate::servers(&commands, home.path(), &[interop::Kind::Tallac; 10]);
    let options = interop::NodeOptions::gateway((3, 7, 10));
    let gateways: Vec<_> = (0..4)
        .map(|i| {
            let dir = home.path().join(format!("gateway{i}"));
            crate::gateway(&commands, dir, interop::Kind::Tallac, &options, &storage)
        })
        .collect();
    let cap = gateways[0].web().call("POST", "/uri?t=mkdir", b"").unwrap();
    std::thread::scope(|scope| {
        for (i, gateway) in gateways.iter().enumerate() {
            let (web, cap) = (gateway.web(), cap.clone());
            scope.spawn(move || {
                for n in 0..5 {
                    web.call("PUT", &format!("/uri/{cap}/from{i}-{n}"), b"x").unwrap();
                }
            });
        }
    });
    let seen = listing(&gateways[0].web(), &cap);
    assert_eq!(names(&seen).len(), 20, "{:?}", names(&seen));
}
