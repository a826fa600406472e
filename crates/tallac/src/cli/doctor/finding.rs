//! What was found.

use std::fmt;

use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Something works less well than it could.
    Warning,
    /// Something does not work.
    Error,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Debug)]
pub(super) struct Finding {
    level: Level,
    about: &'static str,
    /// What is so, and what it means.
    what: String,
    /// What to do; empty if nothing.
    advice: String,
    /// The line of `tahoe.cfg` that it is about.
    line: Option<usize>,
}

impl Finding {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "level": self.level.word(),
            "about": self.about,
            "finding": self.what,
            "advice": self.advice,
            "line": self.line,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {}: ", self.level.word(), self.about)?;
        if let Some(line) = self.line {
            write!(f, "tahoe.cfg, line {line}: ")?;
        }
        f.write_str(&self.what)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "\n         -> {}", self.advice) }
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, about: &'static str, what: impl Into<String>) {
        self.add((Level::Ok, about), what, "");
    }

    pub(super) fn note(&mut self, about: &'static str, what: impl Into<String>) {
        self.add((Level::Note, about), what, "");
    }

    pub(super) fn warning(
        &mut self,
        about: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add((Level::Warning, about), what, advice);
    }

    pub(super) fn error(
        &mut self,
        about: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add((Level::Error, about), what, advice);
    }

    fn add(
        &mut self,
        (level, about): (Level, &'static str),
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (what, advice) = (what.into(), advice.into());
        self.0.push(Finding { level, about, what, advice, line: None });
    }

    /// The last finding is about this line of `tahoe.cfg`.
    pub(super) fn at_line(&mut self, line: Option<usize>) {
        if let Some(last) = self.0.last_mut() {
            last.line = line;
        }
    }

    pub(super) fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }
}
