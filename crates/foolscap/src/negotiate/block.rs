//! Blocks: lines of `key: value` that an empty line ends.

use super::NegotiationError;

/// Longest block that is taken, with the empty line that ends it.
pub(crate) const BLOCK_LEN_MAX: usize = 4096;

/// What ends a block.
const END: &[u8] = b"\r\n\r\n";

/// Where the first block in what was received ends: the length of its content, and where what
/// follows it begins. Nothing as long as it may yet end.
pub(crate) fn block_end(received: &[u8]) -> Result<Option<(usize, usize)>, NegotiationError> {
    let window = &received[..received.len().min(BLOCK_LEN_MAX)];
    match window.windows(END.len()).position(|bytes| bytes == END) {
        Some(end) => Ok(Some((end, end + END.len()))),
        None if window.len() == BLOCK_LEN_MAX => Err(NegotiationError::TooLong),
        None => Ok(None),
    }
}

/// The lines of a block. Keys are in lower case; of two that are the same the later counts.
#[derive(Debug, Clone)]
pub(crate) struct Block(Vec<(String, String)>);

impl Block {
    /// Reads what came before the empty line.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, NegotiationError> {
        let text = std::str::from_utf8(content)
            .map_err(|_| NegotiationError::NotOurs("a block of it is no text"))?;
        let line = |line: &str| {
            let (key, value) = line
                .split_once(':')
                .ok_or(NegotiationError::NotOurs("a line of it has no colon"))?;
            Ok((key.to_ascii_lowercase(), value.trim_start().to_owned()))
        };
        text.split("\r\n").map(line).collect::<Result<_, _>>().map(Self)
    }

    /// The value of that key.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// Two numbers, the least and the most.
    pub(super) fn range(&self, key: &str) -> Result<Option<(u32, u32)>, NegotiationError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let mut numbers = value.split_ascii_whitespace().map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(least)), Some(Ok(most)), None) => Ok(Some((least, most))),
            _ => Err(NegotiationError::Bad("a range is two numbers")),
        }
    }
}
