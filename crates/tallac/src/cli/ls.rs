//! `ls`: what is in a directory (section 9.4).

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use hyper::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Globals;
use super::node_json::{Kind, Node};
use super::quote::{plain, quoted_bytes};
use super::remote::{Remote, RemoteArgs, fail};
use super::web_client::Unreachable;

/// Age at which a file is old, and its date is shown with the year, in seconds.
const OLD_S: f64 = 6.0 * 30.0 * 24.0 * 3600.0;

/// List the contents of some portion of the grid.
///
/// If PATH is omitted, "tahoe:" is assumed. With --long, each line is `drwx SIZE DATE NAME`. The
/// first letter is 'd' for a directory, '-' for a file, '?' for what this version does not know.
/// 'w' is there if the object can be written through its link in this directory, 'x' if it can be
/// listed. The size is '-' for a directory, and '?' where it is not known. The date says when the
/// object got its name in the directory.
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    /// File or directory: a path that may begin with an alias
    #[arg(value_name = "PATH", default_value = "", hide_default_value = true)]
    place: String,
    /// Use long format: show file sizes, and timestamps
    #[arg(short, long)]
    long: bool,
    /// Show file and directory capabilities
    #[arg(long)]
    uri: bool,
    /// Show read-only file and directory capabilities
    #[arg(long)]
    readonly_uri: bool,
    /// Append '/' to directory names, and '*' to mutable
    #[arg(short = 'F', long)]
    classify: bool,
    /// Show the raw JSON output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: LsArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let place = args.place.strip_suffix('/').unwrap_or(&args.place);
    let place = remote.aliases.resolve(place)?;
    let json = match ask(&remote, &place.path, &place.cap).await? {
        Ok(json) => json,
        Err(status) => return Ok(status),
    };
    if args.json {
        if !json.iter().all(|b| matches!(b, b'\n' | b'\r' | b' '..=b'~')) {
            let shown = quoted_bytes(&json);
            let message = "The JSON response contained unprintable characters:";
            return Ok(fail(1, format!("{message}\n{shown}")));
        }
        globals.say(String::from_utf8_lossy(&json))?;
        return Ok(ExitCode::SUCCESS);
    }
    let node: Node = serde_json::from_slice(&json).context("Could not parse JSON response")?;
    let now = Timestamp::now();
    let own_name = place.path.rsplit('/').next().unwrap_or_default();
    let children = match node.kind {
        Kind::Dirnode => node.facts.children,
        _ => BTreeMap::from([(own_name.to_owned(), node)]),
    };
    let rows: Vec<_> = children.iter().map(|(name, node)| args.row(name, node, now)).collect();
    let lines = align(&rows);
    if !lines.is_empty() {
        globals.say(lines.join("\n"))?;
    }
    if children.values().any(|node| node.kind == Kind::Unknown) {
        globals.note(
            "\nThis listing included unknown objects. Using a webapi server that supports\na \
             later version of Tahoe may help.",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The JSON of a place, or the exit status, once it was said why.
async fn ask(remote: &Remote, path: &str, cap: &str) -> Result<Result<bytes::Bytes, ExitCode>> {
    let path = path.trim_end_matches('/');
    let location = super::location::Location::cap(cap).descend(path).t("json");
    let answer = match remote.node.get(&location).await {
        Ok(answer) => answer,
        Err(error) if error.is::<Unreachable>() => {
            return Ok(Err(fail(255, format!("Error during GET: {error}"))));
        }
        Err(error) => return Err(error),
    };
    match answer.status() {
        StatusCode::OK => Ok(Ok(answer.json_bytes().await?)),
        StatusCode::NOT_FOUND => Ok(Err(fail(2, "No such file or directory"))),
        status => {
            let [_, low] = status.as_u16().to_be_bytes();
            Ok(Err(fail(low.max(1), answer.failure("Error during GET").await)))
        }
    }
}

impl LsArgs {
    /// The cells of a line.
    fn row(&self, name: &str, node: &Node, now: Timestamp) -> Vec<String> {
        let facts = &node.facts;
        let (letter, size, mark) = match node.kind {
            Kind::Dirnode => ('d', "-".to_owned(), "/"),
            Kind::Filenode => (
                '-',
                facts.size.map_or_else(|| "?".to_owned(), |size| size.to_string()),
                if facts.rw_uri.is_some() { "*" } else { "" },
            ),
            Kind::Unknown => ('?', "?".to_owned(), "?"),
        };
        let mut row = Vec::new();
        if self.long {
            let flag = |is_set, letter| if is_set { letter } else { '-' };
            row.push(String::from_iter([
                letter,
                flag(facts.ro_uri.is_some(), 'r'),
                flag(facts.rw_uri.is_some(), 'w'),
                flag(node.kind == Kind::Dirnode, 'x'),
            ]));
            row.push(size);
            row.push(facts.linked_at().map_or_else(|| "-".to_owned(), |at| date(at, now)));
        }
        row.push(format!("{name}{}", if self.classify { mark } else { "" }));
        if self.uri {
            row.push(node.best_cap().unwrap_or("-").to_owned());
        }
        if self.readonly_uri {
            row.push(plain(facts.ro_uri.as_deref().unwrap_or("-")));
        }
        row
    }
}

/// A time in seconds, as it is on the user's clock.
fn date(at: f64, now: Timestamp) -> String {
    let age = now.as_duration().as_secs_f64() - at;
    let format = if age > OLD_S { "%b %d  %Y" } else { "%b %d %H:%M" };
    #[expect(clippy::cast_possible_truncation, reason = "a float that is too large saturates")]
    let second = at.floor() as i64;
    match Timestamp::from_second(second) {
        Ok(time) => time.to_zoned_datetime(TimeZone::system()).strftime(format).to_string(),
        Err(_) => "-".to_owned(),
    }
}

/// Lines of cells in columns: caps and a single column to the left, all else to the right.
fn align(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let column = |index: usize| rows.iter().filter_map(move |row| row.get(index));
    let widths: Vec<usize> = (0..columns)
        .map(|index| column(index).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let to_the_left: Vec<bool> = (0..columns)
        .map(|index| columns == 1 || column(index).any(|cell| cell.starts_with("URI")))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(widths.iter().zip(&to_the_left));
        let cells =
            cells.map(
                |(cell, (width, left))| {
                    if *left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            );
        let line = cells.collect::<Vec<_>>().join(" ");
        let line = line.trim_end();
        // A name must not steer the terminal.
        if line.contains(char::is_control) { super::quote::quoted(line) } else { line.to_owned() }
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let rows = [row(&["-r--", "5", "a", "URI:LIT:x"]), row(&["drwx", "-", "longer", "URI:D"])];
        assert_eq!(align(&rows), ["-r-- 5      a URI:LIT:x", "drwx - longer URI:D"]);
        assert_eq!(align(&[row(&["b"]), row(&["two\x1b"])]), ["b", "\"two\\x1b\""]);
    }
}
