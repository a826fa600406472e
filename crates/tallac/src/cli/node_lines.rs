//! What a node sends line by line while it walks through directories (section 8.5).

use std::io::{self, Write as _};

use anyhow::{Result, bail};
use futures_util::TryStreamExt as _;

use super::Globals;
use super::quote::plain;
use super::web_client::Answer;

/// Longest line that is taken: a path of long names, and more.
const LINE_LEN_MAX: usize = 16 << 20;

/// Whether the node has told of an error, after which nothing else comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has not.
    Good,
    /// It has, and so it was said on standard error.
    Failed,
}

/// Shows what the node sends as it is.
pub(super) async fn show_raw(answer: Answer, globals: &Globals) -> Result<()> {
    let mut out = io::stdout();
    let mut pieces = answer.pieces();
    while let Some(piece) = pieces.try_next().await? {
        if !globals.quiet {
            out.write_all(&piece)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Shows what `print` makes of each line, which ends with a newline unless it is empty. Errors that
/// the node tells of are told at once.
pub(super) async fn show(
    answer: Answer,
    globals: &Globals,
    mut print: impl FnMut(&[u8]) -> Result<String>,
) -> Result<Outcome> {
    let mut out = io::BufWriter::new(io::stdout());
    let mut outcome = Outcome::Good;
    let mut rest = Vec::new();
    let mut pieces = answer.pieces();
    while let Some(piece) = pieces.try_next().await? {
        rest.extend_from_slice(&piece);
        let lines_len = rest.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        for line in rest[..lines_len].split_inclusive(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if outcome == Outcome::Failed || line.starts_with(b"ERROR:") {
                outcome = Outcome::Failed;
                let _ = writeln!(io::stderr(), "{}", plain(&String::from_utf8_lossy(line)));
                continue;
            }
            let shown = print(line)?;
            if !globals.quiet {
                out.write_all(shown.as_bytes())?;
            }
        }
        rest.drain(..lines_len);
        if rest.len() > LINE_LEN_MAX {
            bail!("the node sent a line that has no end");
        }
        out.flush()?;
    }
    Ok(outcome)
}
