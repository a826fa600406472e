//! The syntax of `tahoe.cfg` (specification section 10.1).

use ini::Ini;

/// The parser itself, without all that the crate it belongs to would bring along.
#[path = "../../crates/tallac/src/config/ini.rs"]
pub mod ini;

/// Reads any text as a configuration file, and asks for every value in it.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(ini) = Ini::parse(text) else { return };
    for section in ini.sections() {
        for key in ini.keys(section) {
            let _ = ini.get(section, key);
        }
    }
}

/// A configuration as Tahoe-LAFS writes it, and the odder parts of the syntax.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([
        "[node]\nnickname = a node\nweb.port = tcp:3456:interface=127.0.0.1\n\n[client]\n\
         shares.needed = 3\n#shares.happy = 7\n[storage]\nenabled = true\n",
        "\u{feff}[DEFAULT]\r\nx: 100%%\r\n[a] b\r\n  y = <%(x)s>\r\n   more\r\n\r\n  ; no\r\n",
        "[a]\nx = %(y)s\ny = %(x)s\n",
        "[a]\nx = %(y)s%(y)s%(y)s%(y)s\ny = %(z)s%(z)s%(z)s%(z)s\nz = zzzzzzzzzzzzzzzz\n",
    ])
}
