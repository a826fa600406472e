//! Ways in for fuzzing: what strangers send, through the parsers that read it.

use crate::code::Code;
use crate::key::Exchange;
use crate::messages::{Response, TEXT_LEN_MAX};
use crate::url::Url;

/// Any bytes as what a rendezvous server says, as the other side's half of a key exchange, as a
/// code, and as an address.
pub fn messages(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        if text.len() <= TEXT_LEN_MAX {
            let _ = Response::parse(text);
        }
        let _ = text.parse::<Code>();
        let _ = Url::parse(text);
    }
    if data.first() == Some(&b'{')
        && let Ok(code) = "7-any-code".parse()
    {
        let (exchange, _) = Exchange::start(&code, "example.org/fuzz");
        let _ = exchange.finish(data);
    }
}
