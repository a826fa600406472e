//! A process that is killed: this program again, running one test, which says what it has done.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a test in a process of its own, told where to work by a variable, and kills it once it has
/// said so many lines that begin with `acknowledged`; gives all that it said before it died.
pub(crate) fn run_and_kill(
    test: &str,
    (variable, dir): (&str, &Path),
    kill_after: usize,
) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(variable, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let mut count = 0;
    while count < kill_after {
        let line = lines.next().expect("the child goes on").unwrap();
        count += usize::from(line.starts_with("acknowledged"));
        said.push(line);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it still said before it died counts as well; the last line may be cut.
    let mut rest: Vec<_> = lines.map_while(Result::ok).collect();
    rest.pop();
    said.extend(rest);
    said
}
