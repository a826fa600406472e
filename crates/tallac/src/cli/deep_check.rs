//! `deep-check`: how all is that can be reached from somewhere (section 9.4).

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

use super::Globals;
use super::check::{Checking, corrupt_shares, is_healthy, push, repair_outcome, summary};
use super::node_lines::{self, Outcome};
use super::quote::{plain, quoted};
use super::remote::fail;

/// How often it is told how many objects were checked.
const PROGRESS_PERIOD: u64 = 100;

/// Check all files and directories reachable from the given starting point (which must be a
/// directory), like 'check' but for multiple files. Optionally repair any problems found.
#[derive(Debug, Args)]
pub(super) struct DeepCheckArgs {
    #[command(flatten)]
    what: Checking,
    /// Be noisy about what is happening
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the command.
pub(super) async fn run(args: DeepCheckArgs, globals: &Globals) -> Result<ExitCode> {
    let what = &args.what;
    let remote = what.remote.open(globals)?;
    let mut status = ExitCode::SUCCESS;
    for place in &what.places {
        let location = what.at(&remote, place, "stream-deep-check")?;
        let answer = remote.node.post(&location, "").await?;
        if !answer.status().is_success() {
            return Ok(fail(1, answer.failure("ERROR").await));
        }
        if what.raw {
            node_lines::show_raw(answer, globals).await?;
            continue;
        }
        let mut tally = Tally { repairs: what.repair, verbose: args.verbose, ..Tally::default() };
        let outcome = node_lines::show(answer, globals, |line| tally.line(line)).await?;
        match outcome {
            Outcome::Good => globals.say(tally.end().trim_end())?,
            Outcome::Failed => status = ExitCode::FAILURE,
        }
    }
    Ok(status)
}

/// What was counted so far.
#[derive(Debug, Default)]
struct Tally {
    repairs: bool,
    verbose: bool,
    checked: u64,
    healthy: u64,
    healthy_afterwards: u64,
    attempted: u64,
    successful: u64,
}

impl Tally {
    /// Counts what a line tells of, and says what is shown of it.
    fn line(&mut self, line: &[u8]) -> Result<String> {
        let object: Value =
            serde_json::from_slice(line).context("the node sent a line that is no JSON")?;
        let mut out = String::new();
        if !["file", "directory"].map(Value::from).contains(&object["type"]) {
            return Ok(out);
        }
        self.checked += 1;
        if self.checked.is_multiple_of(PROGRESS_PERIOD) {
            push(&mut out, format_args!("{} objects checked..\n", self.checked));
        }
        if self.repairs {
            self.repair(&mut out, &object)
        } else {
            self.check(&mut out, &object)
        }
        Ok(out)
    }

    fn check(&mut self, out: &mut String, object: &Value) {
        let found = &object["check-results"];
        self.healthy += u64::from(is_healthy(found));
        self.push(out, object, &plain(summary(found)), found);
    }

    fn repair(&mut self, out: &mut String, object: &Value) {
        let results = &object["check-and-repair-results"];
        let before = &results["pre-repair-results"];
        // What has no shares is literal.
        let is_literal = object["storage-index"] == "";
        let was_healthy = is_literal || is_healthy(before);
        let is_healthy_now = is_literal || is_healthy(&results["post-repair-results"]);
        self.healthy += u64::from(was_healthy);
        self.healthy_afterwards += u64::from(is_healthy_now);
        self.push(out, object, if was_healthy { "healthy" } else { "not healthy" }, before);
        if let Some(outcome) = repair_outcome(results) {
            self.attempted += 1;
            self.successful += u64::from(results["repair-successful"] == true);
            push(out, format_args!(" {outcome}\n"));
        }
    }

    fn push(&self, out: &mut String, object: &Value, state: &str, found: &Value) {
        if self.verbose {
            let names = object["path"].as_array().into_iter().flatten();
            let path = names.filter_map(Value::as_str).collect::<Vec<_>>().join("/");
            let path = if path.is_empty() { "<root>" } else { &*path };
            push(out, format_args!("{}: {state}\n", quoted(path)));
        }
        for share in corrupt_shares(&found["results"]) {
            push(out, format_args!(" corrupt: {share}\n"));
        }
    }

    /// What is said in the end.
    fn end(&self) -> String {
        let Self { checked, healthy, healthy_afterwards, attempted, successful, .. } = self;
        let unhealthy = checked - healthy;
        if !self.repairs {
            return format!(
                "done: {checked} objects checked, {healthy} healthy, {unhealthy} unhealthy\n"
            );
        }
        let (failed, unhealthy_afterwards) = (attempted - successful, checked - healthy_afterwards);
        format!(
            "done: {checked} objects checked\n pre-repair: {healthy} healthy, {unhealthy} \
             unhealthy\n {attempted} repairs attempted, {successful} successful, {failed} failed\n \
             post-repair: {healthy_afterwards} healthy, {unhealthy_afterwards} unhealthy\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(healthy: bool) -> Value {
        let corrupt = if healthy { json!([]) } else { json!([["v0-abc", "si", 4]]) };
        let results = json!({"healthy": healthy, "list-corrupt-shares": corrupt});
        json!({"storage-index": "si", "summary": "So", "results": results})
    }

    fn shown(tally: &mut Tally, objects: &[Value]) -> String {
        let line = |object: &Value| tally.line(object.to_string().as_bytes()).unwrap();
        let out: String = objects.iter().map(line).collect();
        out + &tally.end()
    }

    #[test]
    fn checks_are_shown_as_tahoe_shows_them() {
        let literal = json!({"storage-index": "", "results": {"healthy": true}});
        let objects = [
            json!({"type": "directory", "path": [], "check-results": results(true)}),
            json!({"type": "unknown", "path": ["u"], "check-results": literal}),
            json!({"type": "file", "path": ["l"], "check-results": literal}),
            json!({"type": "file", "path": ["a", "b"], "check-results": results(false)}),
            json!({"type": "stats", "stats": {}}),
        ];
        let corrupt = " corrupt: server v0-abc, SI si, shnum 4\n";
        let end = "done: 3 objects checked, 2 healthy, 1 unhealthy\n";
        assert_eq!(shown(&mut Tally::default(), &objects), format!("{corrupt}{end}"));
        let mut verbose = Tally { verbose: true, ..Tally::default() };
        let expected = format!("'<root>': So\n'l': Healthy (LIT)\n'a/b': So\n{corrupt}{end}");
        assert_eq!(shown(&mut verbose, &objects), expected);
        let hundred: Vec<_> = (0..100).map(|_| objects[0].clone()).collect();
        let shown = shown(&mut Tally::default(), &hundred);
        assert!(shown.starts_with("100 objects checked..\ndone: 100 objects"), "{shown}");
        assert!(Tally::default().line(b"no JSON").is_err());
    }

    #[test]
    fn repairs_are_shown_as_tahoe_shows_them() {
        let object = |attempted: bool, successful: bool| {
            let found = json!({"repair-attempted": attempted, "repair-successful": successful,
                "pre-repair-results": results(!attempted),
                "post-repair-results": results(!attempted || successful)});
            json!({"type": "file", "path": ["a"], "storage-index": "si",
                "check-and-repair-results": found})
        };
        let literal = json!({"type": "file", "path": ["l"], "storage-index": "",
            "check-and-repair-results": {"repair-attempted": false}});
        let objects = [object(false, false), object(true, true), object(true, false), literal];
        let mut tally = Tally { repairs: true, verbose: true, ..Tally::default() };
        let corrupt = " corrupt: server v0-abc, SI si, shnum 4\n";
        let expected = format!(
            "'a': healthy\n'a': not healthy\n{corrupt} repair successful\n\
             'a': not healthy\n{corrupt} repair failed\n'l': healthy\n\
             done: 4 objects checked\n pre-repair: 2 healthy, 2 unhealthy\n \
             2 repairs attempted, 1 successful, 1 failed\n post-repair: 3 healthy, 1 unhealthy\n"
        );
        assert_eq!(shown(&mut tally, &objects), expected);
    }
}
