//! `backup`: an immutable mirror of a local directory, which shares with earlier ones whatever has
//! not changed (sections 9.4 and 9.7).
//!
//! Files go up many at once, and each directory when all that is in it is there. What is done is
//! in the database at once, so that a backup that was interrupted goes on where it was. Only a
//! whole backup gets its name under `Archives` and `Latest`.

mod database;
mod exclude;
mod run;
mod walk;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use hyper::StatusCode;
use jiff::Timestamp;

use self::database::Database;
use self::exclude::Patterns;
use self::run::{Backup, Counts};
use self::walk::Walk;
use super::Globals;
use super::local_file::absolute;
use super::location::Location;
use super::quote::quoted_path;
use super::remote::{Remote, RemoteArgs, fail};

/// Exit status when something was left out that could not be read.
const SKIPPED: u8 = 2;

/// Add a versioned backup of a local directory to the grid.
///
/// It goes to a timestamped subdirectory of TO/Archives, and shares as many files and directories
/// as possible with earlier backups. TO/Latest refers to the latest one. Links and special files
/// are left out with a warning, and the exit status is then 2. A backup that was interrupted goes
/// on when the same command is run again.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Local directory
    #[arg(value_name = "FROM")]
    from: String,
    /// Directory on the grid: a path that may begin with an alias
    #[arg(value_name = "ALIAS:TO")]
    to: String,
    /// Be noisy about what is happening
    #[arg(short, long)]
    verbose: bool,
    /// Leave out files and directories whose name is like this shell pattern (may be repeated)
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// File with such patterns, one a line
    #[arg(long = "exclude-from-utf-8", value_name = "FILE")]
    exclude_from: Vec<String>,
    /// Leave out what version control systems keep: CVS, RCS, SCCS, Git, SVN, Arch, Bazaar, Hg,
    /// Darcs
    #[arg(long)]
    exclude_vcs: bool,
    /// Take every file as changed, whatever its times say
    #[arg(long)]
    ignore_timestamps: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

impl BackupArgs {
    fn patterns(&self) -> Result<Patterns> {
        let mut patterns = Patterns::default();
        self.exclude.iter().for_each(|pattern| patterns.add(pattern));
        for path in &self.exclude_from {
            patterns.add_file(&absolute(path)?)?;
        }
        if self.exclude_vcs {
            patterns.add_vcs();
        }
        Ok(patterns)
    }
}

/// Runs the command.
pub(super) async fn run(args: BackupArgs, globals: &Globals) -> Result<ExitCode> {
    let start = Instant::now();
    let patterns = args.patterns()?;
    let remote = args.remote.open(globals)?;
    let database = Database::open(&globals.directory())?;
    let mut place = remote.aliases.resolve(&args.to)?;
    place.path.truncate(place.path.trim_end_matches('/').len());
    let to = place.location();
    let archives = to.clone().child("Archives");
    if let Some(message) = make_archives(&remote, &archives).await? {
        return Ok(fail(1, message));
    }
    let from = absolute(&args.from)?;
    let walk = {
        let (from, patterns) = (from.clone(), patterns);
        tokio::task::spawn_blocking(move || Walk::new(&from, &patterns)).await?
    };
    for warning in &walk.warnings {
        tell(warning);
    }
    if walk.items.is_empty() {
        return Ok(fail(1, format!("{} cannot be listed", quoted_path(&from))));
    }
    let backup = Backup {
        remote: &remote,
        database: &database,
        globals,
        use_timestamps: !args.ignore_timestamps,
        verbose: args.verbose,
        show_lines: !io::stderr().is_terminal(),
        start,
    };
    let (cap, counts) = backup.run(&walk).await?;
    let Some(cap) = cap else {
        return Ok(fail(
            1,
            format!(
                "{} files or directories could not be put onto the grid, so this backup gets no \
                 name. Run the same command again: what is there already is not put again.",
                counts.failed
            ),
        ));
    };
    let now = Timestamp::now().strftime("%Y-%m-%d_%H:%M:%SZ").to_string();
    put_child(&remote, archives.child(&now), &cap).await?;
    put_child(&remote, to.child("Latest"), &cap).await?;
    globals.say(report(&counts, args.verbose, start.elapsed()))?;
    let skipped = counts.files_skipped + counts.directories_skipped;
    Ok(if skipped > 0 { ExitCode::from(SKIPPED) } else { ExitCode::SUCCESS })
}

/// Makes the directory that the backups go to, if it is not there; or why it cannot be made.
async fn make_archives(remote: &Remote, archives: &Location) -> Result<Option<String>> {
    let answer = remote.node.get(&archives.clone().t("json")).await?;
    if answer.status() != StatusCode::NOT_FOUND {
        answer.expect_success("Unable to look at the target directory").await?;
        return Ok(None);
    }
    let answer = remote.node.post(&archives.clone().t("mkdir"), "").await?;
    if answer.status().is_success() {
        return Ok(None);
    }
    Ok(Some(answer.failure("Unable to create target directory").await))
}

async fn put_child(remote: &Remote, location: Location, cap: &str) -> Result<()> {
    let answer = remote.node.put(&location.t("uri"), cap.to_owned()).await?;
    answer.expect_success("Error during put_child").await.context("the backup has no name yet")?;
    Ok(())
}

/// Says something to whoever watches.
fn tell(line: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "{line}");
}

fn report(counts: &Counts, verbose: bool, took: Duration) -> String {
    let mut out = format!(
        " {} files uploaded ({} reused), {} files skipped, {} directories created ({} reused), {} \
         directories skipped",
        counts.files_created,
        counts.files_reused,
        counts.files_skipped,
        counts.directories_created,
        counts.directories_reused,
        counts.directories_skipped
    );
    if verbose {
        let (files, directories) = (counts.files_checked, counts.directories_checked);
        out.push_str(&format!("\n {files} files checked, {directories} directories checked"));
    }
    let (seconds, minutes) = (took.as_secs() % 60, took.as_secs() / 60 % 60);
    let hours = took.as_secs() / 3600;
    let hours = match (hours / 24, hours % 24) {
        (0, hours) => hours.to_string(),
        (1, hours) => format!("1 day, {hours}"),
        (days, hours) => format!("{days} days, {hours}"),
    };
    out.push_str(&format!("\n backup done, elapsed time: {hours}:{minutes:02}:{seconds:02}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_tahoes() {
        let counts = Counts { files_created: 2, directories_reused: 1, ..Counts::default() };
        let expected = " 2 files uploaded (0 reused), 0 files skipped, 0 directories created (1 \
                        reused), 0 directories skipped\n backup done, elapsed time: 2 days, \
                        1:02:03";
        assert_eq!(report(&counts, false, Duration::from_secs(49 * 3600 + 123)), expected);
    }
}
