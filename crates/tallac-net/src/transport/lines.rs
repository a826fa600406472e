//! Lines of text to and from a program that carries connections: Tor's control port and I2P's SAM
//! both speak so.

use std::io;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

/// Longest line that is taken, in bytes; the longest that either program sends is some 3 KiB.
const LEN_MAX: u64 = 16 * 1024;

/// A stream that is spoken to in lines.
#[derive(Debug)]
pub(super) struct Lines<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// The next line, without its end.
    pub(super) async fn read(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.stream).take(LEN_MAX).read_until(b'\n', &mut line).await?;
        if line.pop() != Some(b'\n') {
            let too_long = line.len() as u64 + 1 >= LEN_MAX;
            return Err(match too_long {
                true => io::Error::new(io::ErrorKind::InvalidData, "it sends endless lines"),
                false => io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"),
            });
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it sends no text"))
    }

    /// Sends a line, whose end is among `text`.
    pub(super) async fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    /// The stream, with what was read of it and not taken yet.
    pub(super) fn into_stream(self) -> BufReader<S> {
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(bytes: &[u8]) -> (Vec<String>, String) {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let bytes = bytes.to_vec();
        tokio::spawn(async move { ours.write_all(&bytes).await });
        let (mut lines, mut read) = (Lines::new(theirs), Vec::new());
        loop {
            match lines.read().await {
                Ok(line) => read.push(line),
                Err(error) => return (read, error.to_string()),
            }
        }
    }

    #[tokio::test]
    async fn lines_end_in_either_way() {
        let (read, end) = read_all(b"250 OK\r\n\nHELLO\nhalf").await;
        assert_eq!(read, ["250 OK", "", "HELLO"]);
        assert_eq!(end, "it closed the connection");
    }

    #[tokio::test]
    async fn what_is_no_line() {
        assert_eq!(read_all(&[b'x'; 20_000]).await.1, "it sends endless lines");
        assert_eq!(read_all(b"\xff\n").await.1, "it sends no text");
    }
}
