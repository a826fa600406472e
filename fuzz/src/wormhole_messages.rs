//! What a rendezvous server says, and the other side of an invitation through it (specification
//! section 11.4).

/// Reads any bytes as each of them.
pub fn target(data: &[u8]) {
    wormhole::fuzzing::messages(data);
}

/// Answers of each kind, and half a key exchange.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts([
        r#"{"type": "welcome", "welcome": {"motd": "hello", "error": "come later"}}"#,
        r#"{"type": "allocated", "nameplate": "7", "server_tx": 1.5}"#,
        r#"{"type": "claimed", "mailbox": "zyxw"}"#,
        r#"{"type": "message", "side": "a1b2", "phase": "pake", "body": "7b7d"}"#,
        r#"{"type": "error", "error": "crowded", "orig": {"type": "claim"}}"#,
        r#"{"pake_v1": "53e1f3a5b7c9dbed0f21436587a9cbed0f21436587a9cbed0f21436587a9cbed0f"}"#,
        "7-crossover-clockwork",
        "ws://[::1]:4000/v1",
    ])
}
