//! What Tor and I2P say to a node, and hints that lead through them (specification sections 11.2
//! and 11.3).

/// Reads any text as each of them.
pub fn target(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        tallac_net::fuzzing::hidden_networks(text);
    }
}

/// Some of each.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([
        "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL,COOKIE COOKIEFILE=\"/\\303\\251\"\r\n250 OK",
        "250-net/listeners/socks=\"127.0.0.1:9050\" \"unix:/run/tor/socks\"\r\n250 OK\r\n",
        "250+config/names=\r\nSocksPort\r\n..x\r\n.\r\n650 HS_DESC UPLOADED a b\r\n551 no\r\n",
        "SESSION STATUS RESULT=I2P_ERROR MESSAGE=\"not now\"",
        "ED25519-V3:ab+/==",
        "AAAAkey~-=",
        "tcp:127.0.0.1:9050",
        "tcp:host=localhost:port=9051:timeout=3",
        "unix:/var/run/tor/control",
        "tor:x.onion:3457",
        "i2p:x.b32.i2p:3457",
        "[::1]:65535",
    ])
}
