//! `status`: what a node does and has done (section 9.6).

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use hyper::StatusCode;
use serde_json::Value;

use super::Globals;
use super::location::Location;
use super::quote::plain_line;
use super::remote::fail;
use super::units::{duration, space};
use super::web_client::WebClient;
use crate::files;

/// Cells that the bar of an operation's progress has.
const BAR_LEN: usize = 15;

/// Show what the node does and has done lately.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Include publish, retrieve, mapupdate in operations
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the command.
pub(super) async fn run(args: StatusArgs, globals: &Globals) -> Result<ExitCode> {
    let (status, statistics) = match retrieve(globals).await {
        Ok(data) => data,
        Err(error) => return Ok(fail(2, format!("failed to retrieve data: {error:#}"))),
    };
    let (counters, stats) = (&statistics["counters"], &statistics["stats"]);
    let count = |name: &str| counters[name].as_u64().unwrap_or(0);
    let uptime = stats["node.uptime"].as_f64().map_or_else(|| "unknown".to_owned(), duration);
    globals.say(format!("Statistics (for last {uptime}):"))?;
    for (what, who) in [("  uploaded", "uploader"), ("downloaded", "downloader")] {
        let bytes = space(count(&format!("{who}.bytes_{}", what.trim())));
        let files = count(&format!("{who}.files_{}", what.trim()));
        globals.say(format!("  {what} {bytes} in {files} files"))?;
    }
    globals.say("")?;
    globals.say(active(&operations(&status, "active")))?;
    globals.say(recent(&operations(&status, "recent"), args.verbose))?;
    Ok(ExitCode::SUCCESS)
}

/// The operations and the numbers.
async fn retrieve(globals: &Globals) -> Result<(Value, Value)> {
    let directory = globals.directory();
    let path = directory.join("private").join("api_auth_token");
    let token = files::read_text(&path)?
        .with_context(|| format!("there is no {}; the node makes it", path.display()))?;
    let node = WebClient::new(None, &directory)?;
    let body = format!("t=json&token={}", token.trim());
    let status = ask(&node, "/status", &body).await?;
    Ok((status, ask(&node, "/statistics", &body).await?))
}

async fn ask(node: &WebClient, page: &str, body: &str) -> Result<Value> {
    let answer = node.post(&Location::new(page).t("json"), body.to_owned()).await?;
    match answer.status() {
        StatusCode::OK => answer.json().await,
        StatusCode::NOT_FOUND => bail!("this node has no {page} page"),
        StatusCode::UNAUTHORIZED => {
            bail!("the node does not take our token: is the node directory another node's?")
        }
        _ => bail!("{}", answer.failure("the node refused").await),
    }
}

fn operations(status: &Value, which: &str) -> Vec<Value> {
    status[which].as_array().cloned().unwrap_or_default()
}

fn text(operation: &Value, key: &str) -> String {
    plain_line(operation[key].as_str().unwrap_or_default())
}

/// A kind of operation, in the width of its column.
const fn kind(name: &str) -> &'static str {
    match name.as_bytes() {
        b"upload" => " put ",
        b"download" => " get ",
        b"retrieve" => "retr ",
        b"publish" => " pub ",
        b"mapupdate" => "mapup",
        _ => " ??? ",
    }
}

fn active(operations: &[Value]) -> String {
    if operations.is_empty() {
        return "No active operations.".to_owned();
    }
    let mut lines = vec![
        "Active operations:".to_owned(),
        format!("╓ {:<5} ╥ {:<26} ╥ {:<22} ╥ status message", "type", "storage index", "progress"),
        rule('╟', '╫', 22),
    ];
    for operation in operations {
        let name = operation["type"].as_str().unwrap_or_default();
        let (bar, total) = match progress(operation, name) {
            Some(progress) => (bar(progress), format!("{:3.0}", progress * 100.0)),
            None => (String::new(), "???".to_owned()),
        };
        lines.push(format!(
            "║ {} ║ {} ║ {bar:15} ({total}%) ║ {}",
            kind(name),
            text(operation, "storage-index-string"),
            text(operation, "status"),
        ));
    }
    lines.push(rule('╙', '╨', 22));
    lines.join("\n")
}

/// How far an operation is, from 0 to 1, where it tells.
fn progress(operation: &Value, name: &str) -> Option<f64> {
    let part = |key: &str| operation[key].as_f64();
    match name {
        "upload" => {
            let parts = ["progress-hash", "progress-ciphertext", "progress-encode-push"];
            let sum: f64 = parts.iter().filter_map(|key| part(key)).sum();
            Some(sum / 3.0)
        }
        "download" => part("progress"),
        _ => None,
    }
}

/// A bar of full blocks and one that is in part full.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "held between 0 and the length of the bar"
)]
fn bar(progress: f64) -> String {
    let eighths = (progress.clamp(0.0, 1.0) * BAR_LEN as f64 * 8.0) as usize;
    let (full, part) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(full);
    if full < BAR_LEN {
        bar.push(char::from_u32(0x258f - part as u32).unwrap_or(' '));
    }
    bar.extend(std::iter::repeat_n(' ', (BAR_LEN - 1).saturating_sub(full)));
    bar
}

fn recent(operations: &[Value], verbose: bool) -> String {
    let is_shown = |operation: &&Value| {
        verbose || matches!(operation["type"].as_str(), Some("upload" | "download"))
    };
    let shown: Vec<&Value> = operations.iter().filter(is_shown).collect();
    let mut lines = Vec::new();
    if operations.is_empty() {
        lines.push("No recent operations.".to_owned());
    }
    lines.push("\nRecent operations:".to_owned());
    if !shown.is_empty() || verbose {
        let (si, size) = ("storage index", "size");
        lines.push(format!("╓ {:<5} ╥ {si:<26} ╥ {size:<10} ╥ status message", "type"));
    }
    for operation in &shown {
        let name = operation["type"].as_str().unwrap_or_default();
        let size = match (name, operation["total-size"].as_u64()) {
            ("mapupdate", _) => text(operation, "mode"),
            (_, Some(size)) => space(size),
            (_, None) => "unknown".to_owned(),
        };
        lines.push(format!(
            "║ {} ║ {} ║ {size:<10} ║ {}",
            kind(name),
            text(operation, "storage-index-string"),
            text(operation, "status"),
        ));
    }
    if !shown.is_empty() || verbose {
        lines.push(rule('╙', '╨', 10));
    }
    let skipped = operations.len() - shown.len();
    if skipped > 0 {
        lines.push(format!(
            "   Skipped {skipped} non-upload/download operations; use --verbose to see"
        ));
    }
    lines.join("\n")
}

fn rule(first: char, inner: char, third: usize) -> String {
    let widths = [5, 26, third, 20];
    let cells = widths.map(|width| "─".repeat(width));
    format!("{first}─{}", cells.join(&format!("─{inner}─")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        assert_eq!(bar(0.0), "▏              ");
        assert_eq!(bar(0.5), "███████▋       ");
        assert_eq!(bar(1.0), "███████████████");
        assert_eq!(bar(7.0).chars().count(), BAR_LEN);
    }

    #[test]
    fn tables() {
        assert_eq!(active(&[]), "No active operations.");
        let put = serde_json::json!({
            "type": "upload", "total-size": 1_000_000, "storage-index-string": "a".repeat(26),
            "status": "Finished",
        });
        let map = serde_json::json!({"type": "mapupdate", "mode": "MODE_READ"});
        let expected = "
Recent operations:
╓ type  ╥ storage index              ╥ size       ╥ status message
║  put  ║ aaaaaaaaaaaaaaaaaaaaaaaaaa ║ 1.00 MB    ║ Finished
╙───────╨────────────────────────────╨────────────╨─────────────────────
   Skipped 1 non-upload/download operations; use --verbose to see";
        assert_eq!(recent(&[put, map], false), expected);
    }
}
