//! `tallac debug corrupt-share`: damages a share, to see what checks make of it.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

use super::super::Globals;
use super::dump_share::Share;

/// Flip a random bit in the blocks of a share, of any kind
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The file, like storage/shares/4v/4vozh77tsrw7mdhnj7qvp5ky74/0 in a node's directory
    #[arg(value_name = "SHARE_FILENAME")]
    file: PathBuf,
    /// Which bit to flip
    #[arg(short, long, value_enum, default_value = "block-random")]
    offset: Where,
}

/// Which bit is flipped.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Where {
    /// Any of the blocks.
    BlockRandom,
}

pub(super) fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let Where::BlockRandom = args.offset;
    let blocks = match Share::open(&args.file)? {
        Share::Immutable(share) => share.blocks()?,
        Share::Mutable(share) => share.blocks()?,
    };
    ensure!(blocks.start < blocks.end, "the share has no blocks: its file is empty");
    let mut random = [0; 9];
    getrandom::fill(&mut random).context("the system gave no random bytes")?;
    let [bit, place @ ..] = random;
    let bit = bit % 8;
    let offset = blocks.start + u64::from_be_bytes(place) % (blocks.end - blocks.start);
    let file = OpenOptions::new().read(true).write(true).open(&args.file)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).context("the share ends before its blocks do")?;
    globals.say(format!("[{}..{}):  {offset}.b{bit}", blocks.start, blocks.end))?;
    file.write_all_at(&[byte[0] ^ 1 << bit], offset)?;
    Ok(ExitCode::SUCCESS)
}
