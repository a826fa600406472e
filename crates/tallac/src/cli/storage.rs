//! `tallac storage`: what a storage node keeps, until when, and what a policy would delete. Our
//! own; Tahoe-LAFS has nothing like it. A node may run meanwhile.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tallac_storage::{Amount, Amounts, Clock, Day, ExpiryMode, ExpiryPolicy, LeaseIndex};

use super::units::space;
use super::{Globals, UsageError};
use crate::config::{NodeConfig, StorageConfig, parse_date, parse_duration};

/// See what a storage node keeps, until when, and what an expiry policy would delete
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Leases(LeasesArgs),
    Expire(ExpireArgs),
    Use(UseArgs),
}

/// Show when the leases of the shares end, and how much room that makes.
///
/// A share is counted on the day on which its last lease ends. Shares without a lease are not among
/// them, and are never deleted.
#[derive(Debug, Args)]
pub(super) struct LeasesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show what an expiry policy would delete now, and delete nothing.
///
/// Without options it is the policy of the node's tahoe.cfg, whether or not it is enabled there.
#[derive(Debug, Args)]
pub(super) struct ExpireArgs {
    /// Only show it; nothing else is possible, as the node deletes shares itself
    #[arg(long)]
    dry_run: bool,
    /// By age, or by a date: age or cutoff-date
    #[arg(long, value_name = "MODE", value_parser = ["age", "cutoff-date"])]
    mode: Option<String>,
    /// How long leases last whatever they say, such as "60 days"; with --mode age
    #[arg(long, value_name = "TIME")]
    override_lease_duration: Option<String>,
    /// Leases renewed before this day run out, such as 2026-01-31; with --mode cutoff-date
    #[arg(long, value_name = "DATE")]
    cutoff_date: Option<String>,
    /// Whether immutable shares are deleted: true or false
    #[arg(long, value_name = "BOOLEAN")]
    immutable: Option<bool>,
    /// Whether mutable shares are deleted: true or false
    #[arg(long, value_name = "BOOLEAN")]
    mutable: Option<bool>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show how many shares there are, what they take, and whose they are.
///
/// Clients prove who they are over Foolscap only. What came over HTTPS, and what was there before
/// the lease index, is nobody's.
#[derive(Debug, Args)]
pub(super) struct UseArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(command: Command, globals: &Globals) -> Result<ExitCode> {
    let directory = globals.directory();
    let config = NodeConfig::load(&directory)?;
    let storage = config
        .storage
        .with_context(|| format!("{} is no storage node: name one with -d", directory.display()))?;
    match command {
        Command::Leases(args) => leases(&args, &storage, globals)?,
        Command::Expire(args) => expire(&args, &storage, globals)?,
        Command::Use(args) => show_use(&args, &storage, globals)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn open(storage: &StorageConfig, globals: &Globals) -> Result<LeaseIndex> {
    let index = LeaseIndex::open_to_read(&storage.dir)?;
    if !index.is_complete()? {
        globals.note("The lease index is being made anew: there is more than what is shown.");
    }
    Ok(index)
}

fn leases(args: &LeasesArgs, storage: &StorageConfig, globals: &Globals) -> Result<()> {
    let index = open(storage, globals)?;
    let days = index.days()?;
    if args.json {
        let days: Vec<_> = days.iter().map(day_json).collect();
        let answer = json!({ "is-complete": index.is_complete()?, "days": days });
        return Ok(globals.say(format!("{answer:#}"))?);
    }
    globals.say("Last lease ends   Shares  Room on disk")?;
    for day in &days {
        let all = sum(&day.amounts);
        globals.say(format!(
            "{:<15}{:>9}  {:>12}",
            date(day),
            all.shares,
            space(all.disk_bytes)
        ))?;
    }
    Ok(())
}

fn expire(args: &ExpireArgs, storage: &StorageConfig, globals: &Globals) -> Result<()> {
    if !args.dry_run {
        let reason = "Must be given --dry-run: the node itself deletes shares, if [storage] \
                      expire.enabled is set in its tahoe.cfg";
        return Err(UsageError::new(reason).into());
    }
    let policy = policy(args, &storage.expiry)?;
    let index = open(storage, globals)?;
    let amounts = index.expired(&policy, Clock::system().now().as_secs())?;
    if args.json {
        let mut answer = amounts_json(&amounts);
        answer["is-complete"] = index.is_complete()?.into();
        answer["is-enabled"] = storage.expiry.is_enabled.into();
        return Ok(globals.say(format!("{answer:#}"))?);
    }
    globals.say(format!("Would be deleted: {}", described(&amounts)))?;
    if !storage.expiry.is_enabled {
        globals.say("Nothing is deleted, as [storage] expire.enabled is not set.")?;
    }
    Ok(())
}

fn policy(args: &ExpireArgs, own: &ExpiryPolicy) -> Result<ExpiryPolicy> {
    let wrong = |option: &str, problem: String| UsageError::new(format!("--{option} {problem}"));
    let duration = args.override_lease_duration.as_deref().map(parse_duration).transpose();
    let duration = duration.map_err(|problem| wrong("override-lease-duration", problem))?;
    let date = args.cutoff_date.as_deref().map(parse_date).transpose();
    let date = date.map_err(|problem| wrong("cutoff-date", problem))?;
    let mode = match (args.mode.as_deref(), date, duration) {
        (None, None, None) => own.mode,
        (Some("cutoff-date"), None, _) => {
            return Err(wrong("cutoff-date", "is missing".to_owned()).into());
        }
        (_, Some(_), Some(_)) | (Some("age"), Some(_), None) => {
            let problem = "belongs to another mode than the other options";
            return Err(wrong("cutoff-date", problem.to_owned()).into());
        }
        (_, Some(date_s), None) => ExpiryMode::CutoffDate { date_s },
        (_, None, duration) => {
            ExpiryMode::Age { override_lease_duration_s: duration.map(|time| time.as_secs()) }
        }
    };
    Ok(ExpiryPolicy {
        is_enabled: own.is_enabled,
        mode,
        immutable: args.immutable.unwrap_or(own.immutable),
        mutable: args.mutable.unwrap_or(own.mutable),
    })
}

fn show_use(args: &UseArgs, storage: &StorageConfig, globals: &Globals) -> Result<()> {
    let index = open(storage, globals)?;
    let (total, clients) = (index.total()?, index.clients()?);
    if args.json {
        let mut answer = amounts_json(&total);
        answer["is-complete"] = index.is_complete()?.into();
        let clients = clients.iter().map(|of| {
            let mut value = amounts_json(&of.amounts);
            value["client"] = of.client.clone().into();
            value
        });
        answer["clients"] = clients.collect();
        return Ok(globals.say(format!("{answer:#}"))?);
    }
    globals.say(format!("Kept: {}", described(&total)))?;
    for of in &clients {
        let client = of.client.as_deref().unwrap_or("clients who did not say who they are");
        globals.say(format!("  {client}: {}", described(&of.amounts)))?;
    }
    Ok(())
}

fn sum(amounts: &Amounts) -> Amount {
    let (one, other) = (amounts.immutable, amounts.mutable);
    Amount {
        shares: one.shares + other.shares,
        bytes: one.bytes + other.bytes,
        disk_bytes: one.disk_bytes + other.disk_bytes,
    }
}

/// `12 shares (10 immutable, 2 mutable), 30.5 kB in files, 48 kB on disk`
fn described(amounts: &Amounts) -> String {
    let all = sum(amounts);
    format!(
        "{} shares ({} immutable, {} mutable), {} in files, {} on disk",
        all.shares,
        amounts.immutable.shares,
        amounts.mutable.shares,
        space(all.bytes),
        space(all.disk_bytes)
    )
}

fn amounts_json(amounts: &Amounts) -> Value {
    let of = |amount: &Amount| {
        json!({
            "shares": amount.shares, "bytes": amount.bytes, "disk-bytes": amount.disk_bytes,
        })
    };
    json!({
        "immutable": of(&amounts.immutable),
        "mutable": of(&amounts.mutable),
        "total": of(&sum(amounts)),
    })
}

fn day_json(day: &Day) -> Value {
    let mut value = amounts_json(&day.amounts);
    value["date"] = date(day).into();
    value
}

fn date(day: &Day) -> String {
    let time = jiff::Timestamp::from_second(day.starts_s);
    time.map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
