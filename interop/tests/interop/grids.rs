//! Grids of ten servers: theirs, ours, and half and half. Either gateway puts, either gets.

use interop::{Kind, NodeOptions};

use crate::{file, gateway, playground, servers};

/// Puts and gets files of many sizes through both gateways over servers of these kinds; then
/// stops seven servers and gets them again.
fn check_grid(kinds: [Kind; 10]) {
    let Some((commands, home)) = playground() else { return };
    let mut storage = servers(&commands, home.path(), &kinds);
    let options = NodeOptions::gateway((3, 7, 10));
    let make =
        |name: &str, kind| gateway(&commands, home.path().join(name), kind, &options, &storage);
    let (theirs, ours) = (make("theirs", Kind::Tahoe), make("ours", Kind::Tallac));
    let mut caps = Vec::new();
    for (i, len) in
        [0, 1, 55, 56, 57, 10_000, 1 << 20, (1 << 20) + 1, 3_500_000].into_iter().enumerate()
    {
        let data = file(len);
        // The first to put decides nothing: both name the file alike.
        let (first, second) = if i % 2 == 0 { (&theirs, &ours) } else { (&ours, &theirs) };
        let cap = first.web().put(&data).unwrap();
        assert_eq!(second.web().put(&data).unwrap(), cap, "a file of {len} bytes");
        assert_eq!(theirs.web().get(&cap).unwrap(), data, "theirs, a file of {len} bytes");
        assert_eq!(ours.web().get(&cap).unwrap(), data, "ours, a file of {len} bytes");
        caps.push((cap, data));
    }
    // What only one of them has ever put.
    for (putter, getter) in [(&theirs, &ours), (&ours, &theirs)] {
        let data = file(if std::ptr::eq(putter, &ours) { 2_000_000 } else { 2_000_001 });
        let cap = putter.web().put(&data).unwrap();
        assert_eq!(getter.web().get(&cap).unwrap(), data);
        let part = getter.web().get_range(&cap, 1_048_570, 1_048_585).unwrap();
        assert_eq!(part, data[1_048_570..1_048_586]);
        caps.push((cap, data));
    }
    // Every other server goes, then more: three are left.
    for at in [0, 2, 4, 6, 8, 1, 3] {
        storage[at].stop().unwrap();
    }
    for (cap, data) in &caps {
        assert!(ours.web().get(cap).unwrap() == *data, "from three servers");
    }
    let (cap, data) = caps.last().unwrap();
    assert!(theirs.web().get(cap).unwrap() == *data, "theirs, from three servers");
}

#[test]
fn ten_of_their_servers() {
    check_grid([Kind::Tahoe; 10]);
}

#[test]
fn ten_of_our_servers() {
    check_grid([Kind::Tallac; 10]);
}

#[test]
fn half_and_half() {
    use Kind::{Tahoe, Tallac};
    check_grid([Tahoe, Tallac, Tahoe, Tallac, Tahoe, Tallac, Tahoe, Tallac, Tahoe, Tallac]);
}
