//! `tallac man`: writes manual pages, made from the same definitions as `--help`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Globals;
use crate::files::{self, Access};

/// Print the manual page, or write one for each command
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let mut command = super::definition();
    command.build();
    match &args.out_dir {
        Some(dir) => {
            files::make_dir(dir, Access::Umask)?;
            write_pages(&command, dir)?;
        }
        None => globals.say(page(command)?.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The pages of a command and of all under it.
fn write_pages(command: &clap::Command, dir: &std::path::Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    files::write(&dir.join(format!("{name}.1")), &page(command.clone())?, Access::Umask)?;
    command.get_subcommands().try_for_each(|inner| write_pages(inner, dir))
}

fn page(command: clap::Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8(page)?)
}
