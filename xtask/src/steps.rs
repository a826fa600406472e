//! Steps of a run, each passed, failed or skipped, and a table of them at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// The steps of one run.
#[derive(Debug)]
pub(crate) struct Steps {
    root: PathBuf,
    done: Vec<(String, Outcome, Duration)>,
}

impl Steps {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), done: Vec::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A step that is a cargo command.
    pub(crate) fn cargo(&mut self, name: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(arguments);
        self.command(name, command)
    }

    /// A step that is a program; it passes when that ends with 0.
    pub(crate) fn command(&mut self, name: &str, mut command: Command) -> bool {
        command.current_dir(&self.root);
        self.check(name, || match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{status}")),
            Err(error) => Err(format!("it could not be started: {error}")),
        })
    }

    /// A step that is a function.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Result<(), String>) -> bool {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = match check() {
            Ok(()) => Outcome::Passed,
            Err(why) => {
                println!("{why}");
                Outcome::Failed(why.lines().next().unwrap_or_default().to_owned())
            }
        };
        let passed = outcome == Outcome::Passed;
        self.done.push((name.to_owned(), outcome, started.elapsed()));
        passed
    }

    /// A step that cannot be done on this machine. Where nobody looks (`CI=true`) that is a
    /// failure.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name}\n*** SKIPPED *** {why}");
        self.done.push((name.to_owned(), Outcome::Skipped(why.to_owned()), Duration::ZERO));
    }

    /// Prints the table, and gives the exit status.
    pub(crate) fn finish(self) -> ExitCode {
        let strict = std::env::var("CI").is_ok_and(|ci| ci == "true");
        println!("\n=== summary");
        let mut bad = false;
        for (name, outcome, took) in &self.done {
            let took = took.as_secs_f64();
            match outcome {
                Outcome::Passed => println!("passed   {name} ({took:.0} s)"),
                Outcome::Failed(why) => {
                    bad = true;
                    println!("FAILED   {name} ({took:.0} s): {why}");
                }
                Outcome::Skipped(why) => {
                    bad |= strict;
                    println!("SKIPPED  {name}: {why}");
                }
            }
        }
        if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
