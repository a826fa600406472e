//! Mutable files of either program, read and changed by the other in turn.

use interop::{Kind, Node, NodeOptions, Web};

use crate::{file, gateway, playground, servers};

/// Five servers of each program, and a gateway of each: theirs, ours.
pub(crate) fn mixed_grid(
    commands: &interop::Commands,
    home: &std::path::Path,
) -> (Vec<Node>, Node, Node) {
    use Kind::{Tahoe, Tallac};
    let kinds = [Tahoe, Tallac, Tahoe, Tallac, Tahoe, Tallac, Tahoe, Tallac, Tahoe, Tallac];
    let storage = servers(commands, home, &kinds);
    let options = NodeOptions::gateway((3, 7, 10));
    let theirs = gateway(commands, home.join("theirs"), Tahoe, &options, &storage);
    let ours = gateway(commands, home.join("ours"), Tallac, &options, &storage);
    (storage, theirs, ours)
}

fn read_only(web: &Web, cap: &str) -> String {
    web.call("GET", &format!("/uri/{cap}?t=readonly-uri"), b"").unwrap()
}

/// Makes a file with one gateway, and has both change it in turn.
fn check_alternation(maker: &Web, other: &Web, format: &str, size: usize) {
    let what = format!("{format} of {size} bytes");
    let mut content = file(size);
    let cap = maker.call("PUT", &format!("/uri?format={format}"), &content).unwrap();
    assert_eq!(other.get(&cap).unwrap(), content, "{what}");
    let read_cap = read_only(maker, &cap);
    assert_eq!(read_cap, read_only(other, &cap), "{what}");
    for round in 0..2 {
        for (writer, reader) in [(other, maker), (maker, other)] {
            content = file(size + round + 1);
            writer.call("PUT", &format!("/uri/{cap}"), &content).unwrap();
            assert!(reader.get(&cap).unwrap() == content, "{what}: overwritten");
            assert!(reader.get(&read_cap).unwrap() == content, "{what}: by read cap");
            assert!(writer.get(&cap).unwrap() == content, "{what}: by its writer");
            // In place: in the middle, over an edge of segments where there is one, at the end.
            for offset in [size / 3, 131_000.min(content.len()), content.len()] {
                let change = file(777 + round);
                writer.call("PUT", &format!("/uri/{cap}?offset={offset}"), &change).unwrap();
                let end = (offset + change.len()).max(content.len());
                content.resize(end, 0);
                content[offset..offset + change.len()].copy_from_slice(&change);
                assert!(reader.get(&cap).unwrap() == content, "{what}: changed at {offset}");
            }
            if content.len() > 200 {
                let part = reader.get_range(&cap, 100, 199).unwrap();
                assert!(part == content[100..200], "{what}: a range");
            }
        }
    }
}

#[test]
fn mutable_files_change_hands() {
    let Some((commands, home)) = playground() else { return };
    let (storage, theirs, ours) = mixed_grid(&commands, home.path());
    let (theirs, ours) = (theirs.web(), ours.web());
    for (maker, other) in [(&theirs, &ours), (&ours, &theirs)] {
        for (format, sizes) in [("sdmf", [0, 10_000]), ("mdmf", [1000, 300_000])] {
            for size in &sizes {
                check_alternation(maker, other, format, *size);
            }
        }
    }
    drop(storage);
}

#[test]
fn the_same_private_key_gives_the_same_caps() {
    let Some((commands, home)) = playground() else { return };
    let storage = servers(&commands, home.path(), &[Kind::Tallac, Kind::Tahoe]);
    let options = NodeOptions::gateway((1, 1, 2));
    let theirs = gateway(&commands, home.path().join("theirs"), Kind::Tahoe, &options, &storage);
    let ours = gateway(&commands, home.path().join("ours"), Kind::Tallac, &options, &storage);
    let rows: serde_json::Value =
        serde_json::from_str(include_str!("../../../vectors/mutable_files.json")).unwrap();
    let key = rows[0]["private"].as_str().unwrap().replace('+', "-").replace('/', "_");
    let path = format!("/uri?format=sdmf&private-key={key}");
    let cap = ours.web().call("PUT", &path, b"made by ours").unwrap();
    assert_eq!(cap, rows[0]["write"].as_str().unwrap());
    assert_eq!(theirs.web().get(&cap).unwrap(), b"made by ours");
    let path = format!("/uri?format=mdmf&private-key={key}");
    let cap = theirs.web().call("PUT", &path, b"made by theirs");
    // One key is one storage index: the slot is taken by the SDMF file.
    assert!(cap.is_err() || theirs.web().get(&cap.unwrap()).is_ok());
}
