//! Messages of Banana (specification section 6.5).

use bytes::BufMut;
use foolscap::banana::{Decoder, Event, Incoming, Limits};

/// Small, so that they are met.
const LIMITS: Limits = Limits { weight_max: 100_000, depth_max: 12 };

/// Reads any bytes as messages: the same, however they come.
pub fn target(data: &[u8]) {
    let whole = messages(data, data.len());
    for len in [1, 7] {
        assert_eq!(messages(data, len), whole, "in pieces of {len} bytes");
    }
}

/// What bytes bring that come in pieces of that length, without the values.
fn messages(data: &[u8], len: usize) -> Vec<String> {
    let (mut decoder, mut told) = (Decoder::new(LIMITS), Vec::new());
    for piece in data.chunks(len.max(1)) {
        decoder.space().put_slice(piece);
        loop {
            match decoder.next() {
                Ok(Some(incoming)) => told.push(tell(&incoming)),
                Ok(None) => break,
                Err(error) => {
                    told.push(error.to_string());
                    return told;
                }
            }
        }
    }
    told
}

fn tell(incoming: &Incoming) -> String {
    if let Event::Call { arguments, .. } = &incoming.event {
        let _ = arguments.clone().bind(["a", "b"]);
    }
    let told = format!("{incoming:?}");
    assert!(!told.contains("hush"), "a secret is in its Debug");
    told
}

/// What Foolscap sends.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let rows: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/banana.json")).unwrap_or_default();
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let bytes = rows.iter().filter_map(|row| hex::decode(row["bytes"].as_str()?).ok());
    bytes.filter(|bytes| bytes.len() < 1000).collect()
}
