//! Tokens of Banana (specification section 6.4).

use bytes::BufMut;
use foolscap::banana::{ProtocolError, Token, Tokenizer};

/// Longest string that is taken here, in bytes.
const ROOM: usize = 1000;

/// Cuts any bytes into tokens: the same, however they come.
pub fn target(data: &[u8]) {
    for room in [Some(ROOM), None] {
        let whole = tokens(data, data.len(), room);
        for len in [1, 7] {
            assert_eq!(tokens(data, len, room), whole, "in pieces of {len} bytes");
        }
    }
}

/// The tokens of bytes that come in pieces of that length, and how it ended.
fn tokens(data: &[u8], len: usize, room: Option<usize>) -> (Vec<Token>, Option<ProtocolError>) {
    let (mut tokenizer, mut tokens) = (Tokenizer::new(), Vec::new());
    for piece in data.chunks(len.max(1)) {
        tokenizer.space().put_slice(piece);
        loop {
            match tokenizer.next(room) {
                // Not equal to itself, if it is not a number.
                Ok(Some(Token::Float(_))) => tokens.push(Token::Float(0.0)),
                Ok(Some(token)) => {
                    assert!(!matches!(&token, Token::Bytes(bytes) if bytes.len() > ROOM));
                    tokens.push(token);
                }
                Ok(None) => break,
                Err(error) => return (tokens, Some(error)),
            }
        }
    }
    (tokens, None)
}

/// One of each, and messages.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::banana_messages::seeds();
    seeds.push(
        b"\x05\x81\x03\x82abc\x05\x83\x84\x3f\xf8\0\0\0\0\0\0\x04\x85\x80\0\0\0\x04\x86\x80\0\0\x01\
        \x03\x87\x07\x88\x07\x89\x07\x8a\x07\x8e\x07\x8f\x03\x8dbye"
            .to_vec(),
    );
    seeds
}
