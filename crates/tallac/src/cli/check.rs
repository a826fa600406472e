//! `check`: how a file or directory is (section 9.4).

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

use super::Globals;
use super::location::Location;
use super::quote::plain;
use super::remote::{Remote, RemoteArgs, fail};

/// Check a single file or directory: count how many shares are available and verify their hashes.
/// Optionally repair the file if any problems were found.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    what: Checking,
    /// Taken, and without effect
    #[arg(short, long, hide = true)]
    verbose: bool,
}

/// What `check` and `deep-check` have in common.
#[derive(Debug, Args)]
pub(super) struct Checking {
    /// What to check: paths that may begin with an alias
    #[arg(value_name = "ALIAS:PATH", default_value = "", hide_default_value = true)]
    pub(super) places: Vec<String>,
    /// Display raw JSON data instead of parsed
    #[arg(long)]
    pub(super) raw: bool,
    /// Verify all hashes, instead of merely querying share presence
    #[arg(long)]
    verify: bool,
    /// Automatically repair any problems found
    #[arg(long)]
    pub(super) repair: bool,
    /// Add/renew lease on all shares
    #[arg(long)]
    add_lease: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

impl Checking {
    /// Where in the web API a place is checked.
    pub(super) fn at(&self, remote: &Remote, place: &str, operation: &str) -> Result<Location> {
        let switches =
            [("verify", self.verify), ("repair", self.repair), ("add-lease", self.add_lease)];
        let location = remote.locate_root(place)?.t(operation);
        let with = |location: Location, name| location.with(name, "true");
        let on = switches.into_iter().filter(|(_, is_on)| *is_on);
        Ok(on.fold(location, |location, (name, _)| with(location, name)))
    }
}

/// Runs the command.
pub(super) async fn run(args: CheckArgs, globals: &Globals) -> Result<ExitCode> {
    let args = args.what;
    let remote = args.remote.open(globals)?;
    for place in &args.places {
        let location = args.at(&remote, place, "check")?.with("output", "JSON");
        let answer = remote.node.post(&location, "").await?;
        if !answer.status().is_success() {
            return Ok(fail(1, answer.failure("ERROR").await));
        }
        let json = answer.json_bytes().await?;
        if args.raw {
            globals.say(String::from_utf8_lossy(&json))?;
            continue;
        }
        let found: Value = serde_json::from_slice(&json).context("the node sent no JSON")?;
        let shown = if args.repair { show_repair(&found) } else { show_check(&found) };
        globals.say(shown.trim_end_matches('\n'))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_check(found: &Value) -> String {
    let mut out = String::new();
    push(&mut out, format_args!("Summary: {}\n", plain(summary(found))));
    push(&mut out, format_args!(" storage index: {}\n", plain(storage_index(found))));
    push_counts(&mut out, &found["results"]);
    out
}

fn show_repair(found: &Value) -> String {
    let mut out = String::new();
    // A literal file is never repaired.
    let before = found.get("pre-repair-results").unwrap_or(found);
    let state = if is_healthy(before) { "healthy" } else { "not healthy" };
    push(&mut out, format_args!("Summary: {state}\n"));
    push(&mut out, format_args!(" storage index: {}\n", plain(storage_index(found))));
    push_counts(&mut out, &before["results"]);
    if let Some(outcome) = repair_outcome(found) {
        push(&mut out, format_args!(" {outcome}\n"));
    }
    out
}

/// What is said of a repair, if one was tried.
pub(super) fn repair_outcome(found: &Value) -> Option<&'static str> {
    let is_successful = found["repair-successful"] == true;
    let outcome = if is_successful { "repair successful" } else { "repair failed" };
    (found["repair-attempted"] == true).then_some(outcome)
}

/// What was found, in a few words.
pub(super) fn summary(found: &Value) -> &str {
    found["summary"].as_str().unwrap_or("Healthy (LIT)")
}

/// Whether what was found is as it should be.
pub(super) fn is_healthy(found: &Value) -> bool {
    found["results"]["healthy"] == true
}

fn storage_index(found: &Value) -> &str {
    found["storage-index"].as_str().unwrap_or_default()
}

fn push_counts(out: &mut String, results: &Value) {
    let count = |name: &str| results[name].as_u64();
    if let (Some(good), Some(needed), Some(expected), Some(wrong)) = (
        count("count-shares-good"),
        count("count-shares-needed"),
        count("count-shares-expected"),
        count("count-wrong-shares"),
    ) {
        push(out, format_args!(" good-shares: {good} (encoding is {needed}-of-{expected})\n"));
        push(out, format_args!(" wrong-shares: {wrong}\n"));
    }
    let mut corrupt = corrupt_shares(results).peekable();
    if corrupt.peek().is_some() {
        *out += " corrupt shares:\n";
    }
    for share in corrupt {
        push(out, format_args!("  {share}\n"));
    }
}

/// Each corrupt share: who has it, of what it is, and which it is.
pub(super) fn corrupt_shares(results: &Value) -> impl Iterator<Item = String> {
    let shares = results["list-corrupt-shares"].as_array().into_iter().flatten();
    shares.map(|share| {
        let text = |at: usize| plain(share[at].as_str().unwrap_or_default());
        format!("server {}, SI {}, shnum {}", text(0), text(1), share[2])
    })
}

pub(super) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all that is written");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(healthy: bool) -> Value {
        json!({"storage-index": "si", "summary": "Not Healthy: 6 shares (enc 3-of-10)", "results": {
            "healthy": healthy, "count-shares-good": 6, "count-shares-needed": 3,
            "count-shares-expected": 10, "count-wrong-shares": 0,
            "list-corrupt-shares": [["v0-abc", "si", 4]]}})
    }

    const COUNTS: &str = " storage index: si\n good-shares: 6 (encoding is 3-of-10)\n \
        wrong-shares: 0\n corrupt shares:\n  server v0-abc, SI si, shnum 4\n";

    #[test]
    fn a_check_is_shown_as_tahoe_shows_it() {
        let expected = format!("Summary: Not Healthy: 6 shares (enc 3-of-10)\n{COUNTS}");
        assert_eq!(show_check(&results(false)), expected);
        let literal = json!({"storage-index": "", "results": {"healthy": true}});
        assert_eq!(show_check(&literal), "Summary: Healthy (LIT)\n storage index: \n");
        assert_eq!(show_repair(&literal), "Summary: healthy\n storage index: \n");
    }

    #[test]
    fn a_repair_is_shown_as_tahoe_shows_it() {
        let mut found = json!({"storage-index": "si", "repair-attempted": true,
            "repair-successful": true, "pre-repair-results": results(false)});
        let expected = format!("Summary: not healthy\n{COUNTS} repair successful\n");
        assert_eq!(show_repair(&found), expected);
        found["repair-successful"] = json!(false);
        assert!(show_repair(&found).ends_with("\n repair failed\n"));
        found["repair-attempted"] = json!(false);
        found["pre-repair-results"] = results(true);
        assert_eq!(show_repair(&found), format!("Summary: healthy\n{COUNTS}"));
    }
}
