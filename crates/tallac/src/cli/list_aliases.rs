//! `list-aliases`: the names that directories have (section 9.4).

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use tallac_core::cap::Cap;

use super::Globals;
use super::quote::quoted;
use super::remote::RemoteArgs;

/// Display a table of all configured aliases.
#[derive(Debug, Args)]
pub(super) struct ListAliasesArgs {
    /// Show read-only capabilities instead of those that can write
    #[arg(long)]
    readonly_uri: bool,
    /// Show JSON output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// An alias, as it is shown.
struct Row {
    name: String,
    readwrite: String,
    readonly: String,
}

/// Runs the command.
pub(super) fn run(args: &ListAliasesArgs, globals: &Globals) -> Result<ExitCode> {
    let rows: Vec<Row> = args
        .remote
        .aliases(globals)?
        .iter()
        .map(|(name, cap)| row(name, cap))
        .collect::<Result<_>>()?;
    let shown = if args.json { json(&rows) } else { table(&rows, args.readonly_uri) };
    if !shown.is_empty() {
        globals.say(shown)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(name: &str, cap: &str) -> Result<Row> {
    let cap = Cap::parse(cap);
    let readonly = cap.clone().into_known().map(|cap| cap.to_readonly());
    let readonly = readonly.with_context(|| format!("the alias {} is bad", quoted(name)))?;
    let readonly = readonly.unwrap_or_else(|| cap.clone());
    let (readwrite, readonly) = (cap.to_string(), readonly.to_string());
    Ok(Row { name: name.to_owned(), readwrite, readonly })
}

/// Names to the right, as wide as the widest is in quotation marks.
fn table(rows: &[Row], readonly: bool) -> String {
    let width = rows.iter().map(|row| quoted(&row.name).chars().count()).max().unwrap_or(0);
    let line = |row: &Row| {
        let cap = if readonly { &row.readonly } else { &row.readwrite };
        format!("{:>width$}: {cap}", row.name)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn json(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "{}".to_owned();
    }
    let entry = |row: &Row| {
        format!(
            "    {}: {{\n        \"readwrite\": {},\n        \"readonly\": {}\n    }}",
            ascii(&row.name),
            ascii(&row.readwrite),
            ascii(&row.readonly)
        )
    };
    format!("{{\n{}\n}}", rows.iter().map(entry).collect::<Vec<_>>().join(",\n"))
}

/// A JSON string of ASCII characters.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shown_as_tahoe_shows_them() {
        let rows = [row("tahoe", "URI:DIR2-LIT:").unwrap(), row("Zoë😀", "URI:DIR2-LIT:").unwrap()];
        let expected = "          tahoe: URI:DIR2-LIT:\n           Zoë😀: URI:DIR2-LIT:";
        // As wide as the second is with its escapes.
        assert_eq!(table(&rows, true), expected);
        let expected = concat!(
            "{\n    \"Zo\\u00eb\\ud83d\\ude00\": {\n        \"readwrite\": \"URI:DIR2-LIT:\",\n",
            "        \"readonly\": \"URI:DIR2-LIT:\"\n    }\n}"
        );
        assert_eq!(json(&rows[1..]), expected);
        assert_eq!(json(&[]), "{}");
        assert!(row("bad", "URI:DIR2:x").is_err());
    }
}
