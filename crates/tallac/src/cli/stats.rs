//! `stats`: how many and how large the things are that can be reached from somewhere (section 9.4).

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::Value;
use tallac_core::base32;

use super::Globals;
use super::location::Location;
use super::quote::quoted_bytes;
use super::remote::{Remote, RemoteArgs, fail};
use super::units::both;

/// When the node is asked how far it is, in seconds since the start; later, every
/// [`LAST_PERIOD_S`].
const FIRST_POLLS_S: [u64; 6] = [1, 5, 10, 30, 60, 90];
const LAST_PERIOD_S: u64 = 120;

/// What is shown, in this order.
const KEYS: [&str; 11] = [
    "count-immutable-files",
    "count-mutable-files",
    "count-literal-files",
    "count-files",
    "count-directories",
    "size-immutable-files",
    "size-mutable-files",
    "size-literal-files",
    "size-directories",
    "largest-directory",
    "largest-immutable-file",
];

/// Print statistics about all files and directories reachable from the given starting point.
#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    /// Where to begin: a path that may begin with an alias
    #[arg(value_name = "ALIAS:PATH", default_value = "", hide_default_value = true)]
    place: String,
    /// Display raw JSON data instead of parsed
    #[arg(short, long)]
    raw: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: StatsArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let mut handle = [0; 16];
    getrandom::fill(&mut handle).map_err(|e| anyhow!("no random bytes: {e}"))?;
    let handle = base32::encode(&handle);
    let start = remote.locate_root(&args.place)?.t("start-deep-stats").with("ophandle", &handle);
    let answer = remote.node.post(&start, "").await?;
    if !answer.status().is_success() && !answer.status().is_redirection() {
        return Ok(fail(1, answer.failure("ERROR").await));
    }
    let json = match wait(&remote, &handle).await? {
        Ok(json) => json,
        Err(status) => return Ok(status),
    };
    if args.raw {
        if !json.iter().all(|b| matches!(b, b'\n' | b'\r' | b' '..=b'~')) {
            let message = "The JSON response contained unprintable characters:";
            return Ok(fail(1, format!("{message}\n{}", quoted_bytes(&json))));
        }
        globals.say(String::from_utf8_lossy(&json))?;
    } else {
        let stats: Value = serde_json::from_slice(&json)?;
        globals.say(show(&stats).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The JSON of the operation once it is done, or the exit status, once it was said why.
async fn wait(remote: &Remote, handle: &str) -> Result<Result<bytes::Bytes, ExitCode>> {
    let location = Location::new("/operations").child(handle).t("status");
    let location = location.with("output", "JSON").with("release-after-complete", "true");
    let later = (1..).map(|count| count * LAST_PERIOD_S);
    let mut last = 0;
    for at in FIRST_POLLS_S.into_iter().chain(later) {
        // What is small is done at once: ask before Tahoe's own first time, too.
        if let Some(outcome) = poll(remote, &location).await? {
            return Ok(outcome);
        }
        tokio::time::sleep(Duration::from_secs(at - last)).await;
        last = at;
    }
    Err(anyhow!("the operation has no end"))
}

async fn poll(
    remote: &Remote,
    location: &Location,
) -> Result<Option<Result<bytes::Bytes, ExitCode>>> {
    let answer = remote.node.get(location).await?;
    if !answer.status().is_success() {
        return Ok(Some(Err(fail(1, answer.failure("ERROR").await))));
    }
    let json = answer.json_bytes().await?;
    let value: Value = serde_json::from_slice(&json).context("the node sent no JSON")?;
    Ok((value["finished"] == true).then_some(Ok(json)))
}

fn show(stats: &Value) -> String {
    let mut out = String::from("Counts and Total Sizes:\n");
    for key in KEYS {
        let Some(value) = stats[key].as_u64() else { continue };
        push(&mut out, format_args!("{key:>22}: {value}"));
        if !key.starts_with("count-") && value > 1000 {
            push(&mut out, format_args!("    {}", both(value)));
        }
        out.push('\n');
    }
    let rows: Vec<[u64; 3]> = stats["size-files-histogram"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| Some([row[0].as_u64()?, row[1].as_u64()?, row[2].as_u64()?]))
        .collect();
    if rows.is_empty() {
        return out;
    }
    out.push_str("Size Histogram:\n");
    let digits = |index: usize| rows.iter().map(|row| row[index].to_string().len()).max();
    let (width, count_width) = (digits(1).unwrap_or(1), digits(2).unwrap_or(1));
    let mut last = None;
    for [min, max, count] in &rows {
        if last.is_some_and(|last: u64| last.checked_add(1) != Some(*min)) {
            push(&mut out, format_args!("{:1$}...\n", "", width - 1));
        }
        last = Some(*max);
        let row = format_args!("{min:>width$}-{max:<width$} : {count:<count_width$}");
        push(&mut out, format_args!("{row}    {}\n", both(*max)));
    }
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_are_shown_as_tahoe_shows_them() {
        let stats = serde_json::json!({
            "count-files": 12, "size-directories": 1000, "largest-directory": 1001,
            "size-files-histogram": [[1, 3, 10], [4, 10, 1], [3163, 10000, 1]],
        });
        let expected = "Counts and Total Sizes:
           count-files: 12
      size-directories: 1000
     largest-directory: 1001    (1001 B, 1001 B)
Size Histogram:
    1-3     : 10    (3 B, 3 B)
    4-10    : 1     (10 B, 10 B)
    ...
 3163-10000 : 1     (10.00 kB, 9.77 kiB)
";
        assert_eq!(show(&stats), expected);
    }
}
