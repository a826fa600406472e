//! What the maintenance remembers: how far its round is, and what it found. It is kept in
//! `private/maintenance.json`, which is replaced as a whole, so that a node that is killed goes on
//! where it was some seconds before.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tallac_core::ids::StorageIndex;

use crate::files::{self, Access, FileError};

/// Findings that are kept of a round.
const FINDINGS_MAX: usize = 500;

/// Longest text of a finding.
const TEXT_LEN_MAX: usize = 300;

/// Largest state that is read.
const STATE_LEN_MAX: u64 = 16 << 20;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Rounds that were begun.
    pub rounds: u64,
    /// The round that goes on.
    pub current: Option<Round>,
    /// The last one that was ended.
    pub last: Option<Round>,
    /// Why nothing goes on that should.
    pub waits: Option<String>,
}

/// One round over everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Round {
    /// 1 for the first one.
    pub number: u64,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// When it ended.
    pub finished: Option<u64>,
    /// Whether shares are read and proved in it.
    pub verifies: bool,
    /// How far it is.
    pub position: Option<Position>,
    /// What was counted so far.
    pub counts: Counts,
    /// What was not as it should be; of very many, some.
    pub findings: Vec<Finding>,
}

/// How far a round is: all before this is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which thing is looked after.
    pub target: String,
    /// Storage index of the last object that is done in it, in the order of the walk.
    pub last: Option<String>,
}

/// What was counted in a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Objects that have shares.
    pub checked: u64,
    /// Those that were as they should be.
    pub healthy: u64,
    /// Those that were not, and now are.
    pub repaired: u64,
    /// Those that are not as they should be.
    pub unhealthy: u64,
    /// Those of these that cannot be read.
    pub unrecoverable: u64,
    /// Shares that are not what was stored.
    pub corrupt_shares: u64,
    /// Directories, and things to look after, whose content could not be read.
    pub unreadable: u64,
    /// Bytes of shares that were moved for it, as far as can be told.
    pub bytes: u64,
}

/// How something is that was not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is healthy again.
    Repaired,
    /// It is not, and can be read.
    Unhealthy,
    /// It cannot be read.
    Unrecoverable,
    /// It is a directory whose content is not known now, so that it could not be gone through.
    Unreadable,
}

impl Outcome {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Unhealthy => "unhealthy",
            Self::Unrecoverable => "unrecoverable",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Something that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which thing that is looked after it belongs to.
    pub target: String,
    /// Where in it. Names are told to the node's owner only.
    pub path: String,
    /// Its storage index, if it has one.
    pub storage_index: Option<String>,
    /// How it is.
    pub outcome: Outcome,
    /// What was found.
    pub text: String,
}

impl State {
    /// What a file remembers; nothing if there is none.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        let Some(text) = files::read_text_up_to(file, STATE_LEN_MAX)? else {
            return Ok(Self::default());
        };
        serde_json::from_str(&text)
            .map_err(|error| FileError::new("understand", file, std::io::Error::other(error)))
    }

    /// Puts it into a file, for the node's owner only.
    pub(super) fn save(&self, file: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| FileError::new("write", file, std::io::Error::other(error)))?;
        files::write(file, &(text + "\n"), Access::Private)
    }

    /// The round that goes on, or else the last one.
    pub fn newest(&self) -> Option<&Round> {
        self.current.as_ref().or(self.last.as_ref())
    }

    /// When the next round begins, unless one goes on: at once if there was none.
    pub fn due(&self, every: Duration) -> u64 {
        self.last.as_ref().map_or(0, |last| last.started.saturating_add(every.as_secs()))
    }

    /// Begins a round.
    pub(super) fn begin(&mut self, now: u64, verify_every: Option<u64>) {
        self.rounds += 1;
        let number = self.rounds;
        let verifies = verify_every.is_some_and(|every| number.is_multiple_of(every));
        self.current = Some(Round { number, started: now, verifies, ..Round::default() });
    }

    /// Ends it.
    pub(super) fn end(&mut self, now: u64) {
        if let Some(mut round) = self.current.take() {
            (round.finished, round.position) = (Some(now), None);
            self.last = Some(round);
        }
    }
}

impl Round {
    /// Keeps a finding. Of too many, those stay that say that something is still to be done.
    pub(super) fn note(&mut self, mut finding: Finding) {
        if let Some((end, _)) = finding.text.char_indices().nth(TEXT_LEN_MAX) {
            finding.text.truncate(end);
        }
        if self.findings.len() >= FINDINGS_MAX {
            let is_repaired = |found: &Finding| found.outcome == Outcome::Repaired;
            match self.findings.iter().position(is_repaired) {
                Some(index) if finding.outcome != Outcome::Repaired => self.findings.remove(index),
                _ => return,
            };
        }
        self.findings.push(finding);
    }

    /// After which object of a thing to look after the round goes on.
    pub(super) fn last_of(&self, target: &str) -> Option<StorageIndex> {
        let position = self.position.as_ref().filter(|position| position.target == target)?;
        position.last.as_ref()?.parse().ok()
    }
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(outcome: Outcome) -> Finding {
        Finding {
            target: "tahoe:".to_owned(),
            path: "a/b".to_owned(),
            storage_index: None,
            outcome,
            text: "x".repeat(1000),
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state");
        assert_eq!(State::load(&file).unwrap(), State::default());
        let mut state = State::default();
        state.begin(7, Some(1));
        let round = state.current.as_mut().unwrap();
        round.note(finding(Outcome::Unhealthy));
        round.position = Some(Position { target: "tahoe:".to_owned(), last: None });
        state.save(&file).unwrap();
        assert_eq!(State::load(&file).unwrap(), state);
        std::fs::write(&file, "{\"rounds\": [").unwrap();
        assert!(State::load(&file).unwrap_err().to_string().starts_with("cannot understand "));
    }

    #[test]
    fn findings_are_bounded_and_what_is_to_be_done_stays() {
        let mut round = Round::default();
        for _ in 0..FINDINGS_MAX + 5 {
            round.note(finding(Outcome::Repaired));
        }
        round.note(finding(Outcome::Unrecoverable));
        assert_eq!(round.findings.len(), FINDINGS_MAX);
        let last = round.findings.last().unwrap();
        assert_eq!((last.outcome, last.text.len()), (Outcome::Unrecoverable, TEXT_LEN_MAX));
    }

    #[test]
    fn rounds_that_verify() {
        let mut state = State::default();
        let mut verifies = |every| {
            state.begin(0, every);
            state.current.as_ref().unwrap().verifies
        };
        assert_eq!([(); 4].map(|()| verifies(Some(2))), [false, true, false, true]);
        assert!(!verifies(None));
    }
}
