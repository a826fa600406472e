//! The same file, secret and encoding give the same cap, whichever program makes it.

use interop::{Kind, NodeOptions};

use crate::{file, gateway, playground, servers};

/// Shares needed, happiness and shares; largest segment; sizes of files.
type Case = ((u16, u16, u16), Option<u64>, &'static [usize]);

#[test]
fn the_same_secret_gives_the_same_cap() {
    let Some((commands, home)) = playground() else { return };
    let storage = servers(&commands, home.path(), &[Kind::Tallac; 3]);
    let cases: [Case; 4] = [
        ((1, 1, 1), None, &[56, 1000]),
        ((2, 1, 5), Some(1000), &[56, 999, 1000, 1001, 1999, 2000, 2001, 50_000]),
        ((3, 1, 10), Some(128 << 10), &[131_070, 131_071, 131_072, 131_073, 131_074, 400_000]),
        ((7, 1, 20), None, &[57, 1_048_575, 1_048_576, 1_048_577, 1_048_579, 2_500_000]),
    ];
    for (i, (encoding, segment_size_max, sizes)) in cases.into_iter().enumerate() {
        let options = NodeOptions { segment_size_max, ..NodeOptions::gateway(encoding) };
        let make = |name: String, kind| {
            gateway(&commands, home.path().join(name), kind, &options, &storage)
        };
        let theirs = make(format!("theirs{i}"), Kind::Tahoe);
        let ours = make(format!("ours{i}"), Kind::Tallac);
        for &len in sizes {
            let data = file(len);
            let cap = ours.web().put(&data).unwrap();
            assert_eq!(theirs.web().put(&data).unwrap(), cap, "{encoding:?}, {len} bytes");
            assert_eq!(theirs.web().get(&cap).unwrap(), data, "{encoding:?}, {len} bytes");
        }
    }
}
