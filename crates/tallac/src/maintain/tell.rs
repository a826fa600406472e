//! What the maintenance tells: on pages, to programs, as metrics, to its owner.

use std::path::Path;

use serde_json::{Value, json};
use tallac_gateway::metrics::Exposition;

use super::state::{Finding, Outcome, Round, State};
use crate::config::{MaintenanceConfig, NodeConfig};

/// Who is told: names are for the node's owner only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Whoever can reach the web server.
    Anyone,
    /// Whoever may read the node's private files.
    Owner,
}

/// How the maintenance of a node directory is set; nothing if it is off.
pub fn enabled(directory: &Path) -> anyhow::Result<Option<MaintenanceConfig>> {
    Ok(NodeConfig::load(directory)?.maintenance)
}

/// A time of the clock as people read it.
fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// How it is and what it found, a sentence each.
pub fn sentences(state: &State, config: &MaintenanceConfig, listener: Listener) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(reason) = state.waits.as_ref().filter(|_| listener == Listener::Owner) {
        told.push(format!("Waiting: {reason}."));
    } else if state.waits.is_some() {
        told.push("Waiting: see 'tallac maintain status'.".to_owned());
    }
    match (&state.current, &state.last) {
        (Some(round), _) => {
            told.push(format!("Round {} began at {}.", round.number, moment(round.started)));
        }
        (None, None) => told.push("No round has begun so far.".to_owned()),
        (None, Some(_)) => told.push(format!("Next round: {}.", moment(state.due(config.every)))),
    }
    for round in state.current.iter().chain(&state.last) {
        told.push(counted(round));
        told.extend(round.findings.iter().map(|finding| told_finding(finding, listener)));
    }
    told
}

fn counted(round: &Round) -> String {
    let counts = round.counts;
    let ended = match round.finished {
        Some(at) => format!("ended at {}", moment(at)),
        None => "so far".to_owned(),
    };
    format!(
        "Round {}, {ended}: {} objects {}, {} healthy, {} repaired, {} unhealthy, of these {} \
         unrecoverable; {} corrupt shares; {} directories unreadable; about {} bytes moved.",
        round.number,
        counts.checked,
        if round.verifies { "verified" } else { "checked" },
        counts.healthy,
        counts.repaired,
        counts.unhealthy,
        counts.unrecoverable,
        counts.corrupt_shares,
        counts.unreadable,
        counts.bytes
    )
}

fn told_finding(finding: &Finding, listener: Listener) -> String {
    let what = finding.storage_index.as_deref().unwrap_or("-");
    let word = finding.outcome.word();
    match listener {
        // A path, and what is said of one, may hold names.
        Listener::Anyone => format!("{word}: {what}, {}", finding.target),
        Listener::Owner => {
            let (target, path) = (&finding.target, &finding.path);
            format!("{word}: {target} {path} ({what}): {}", finding.text)
        }
    }
}

/// The same for programs.
pub fn json(state: &State, config: &MaintenanceConfig, listener: Listener) -> Value {
    let round = |round: &Option<Round>| {
        let mut value = serde_json::to_value(round).unwrap_or_default();
        if let Some(round) = value.as_object_mut() {
            round.remove("position");
            for finding in
                round.get_mut("findings").and_then(Value::as_array_mut).into_iter().flatten()
            {
                if let (Listener::Anyone, Some(finding)) = (listener, finding.as_object_mut()) {
                    finding.remove("path");
                    finding.remove("text");
                }
            }
        }
        value
    };
    json!({
        "enabled": true,
        "rounds": state.rounds,
        "waits": state.waits.is_some(),
        "next": state.current.is_none().then(|| state.due(config.every)),
        "current": round(&state.current),
        "last": round(&state.last),
    })
}

/// Adds the metrics.
pub fn metrics(state: &State, text: &mut Exposition) {
    let what = ("tallac_maintenance_rounds_total", "counter");
    text.single(what, "Rounds that were begun.", state.rounds);
    let what = ("tallac_maintenance_active", "gauge");
    text.single(what, "Whether a round goes on.", u64::from(state.current.is_some()));
    let what = ("tallac_maintenance_waiting", "gauge");
    text.single(what, "Whether something keeps it waiting.", u64::from(state.waits.is_some()));
    if let Some(finished) = state.last.as_ref().and_then(|last| last.finished) {
        let what = ("tallac_maintenance_last_end_timestamp_seconds", "gauge");
        text.single(what, "When the last round ended.", finished);
    }
    let counts = state.newest().map(|round| round.counts).unwrap_or_default();
    let what = "tallac_maintenance_objects";
    text.family(what, "gauge", "Objects of the round that goes on, or of the last one.");
    for (state, value) in [
        ("healthy", counts.healthy),
        (Outcome::Repaired.word(), counts.repaired),
        (Outcome::Unhealthy.word(), counts.unhealthy.saturating_sub(counts.unrecoverable)),
        (Outcome::Unrecoverable.word(), counts.unrecoverable),
        (Outcome::Unreadable.word(), counts.unreadable),
    ] {
        text.value(what, &[("state", state)], value);
    }
    let what = ("tallac_maintenance_corrupt_shares", "gauge");
    text.single(what, "Corrupt shares that the round found.", counts.corrupt_shares);
    let what = ("tallac_maintenance_bytes", "gauge");
    text.single(what, "Bytes that the round moved, estimated.", counts.bytes);
}
