//! What tubs say before they exchange messages (specification section 6.3).

/// Reads any bytes as all that a peer may say.
pub fn target(data: &[u8]) {
    foolscap::fuzzing::negotiation(data);
}

/// What a dialler, a listener and a master say.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    // The two tubs that the target plays.
    let ids = ["one", "other"].map(|certificate| {
        foolscap::TubId::of_certificate(certificate.as_bytes()).to_string()
    });
    let decision = "banana-decision-version: 3\r\ncurrent-connection: 0123456789abcdef 1\r\n\
        initial-vocab-table-index: 1 bb33\r\n\r\n";
    let mut seeds = vec![
        format!("GET /id/{} HTTP/1.1\r\nHost: h\r\nUpgrade: TLS/1.0\r\n", ids[0]),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, PB/1.0".to_owned(),
        "HTTP/1.1 500 Internal Server Error: unknown TubID x".to_owned(),
        "error: Duplicate connection\r\n\r\n".to_owned(),
    ];
    seeds.extend(ids.iter().map(|id| {
        format!(
            "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\n\
             last-connection: none 0\r\nmy-incarnation: 0123456789abcdef\r\n\
             my-tub-id: {id}\r\n\r\n{decision}"
        )
    }));
    seeds.into_iter().map(String::into_bytes).collect()
}
