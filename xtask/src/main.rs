//! The project's own checks, each a command: `cargo xtask test` runs them all.

#![expect(clippy::print_stdout, reason = "it is a command: what it prints is its result")]

mod browser;
mod interop;
mod steps;
mod tidy;
mod vectors;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use self::steps::Steps;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--quick]    formatting, tidy, lints, all tests, and the tests in a real browser and with
                    the real Tahoe-LAFS; --quick leaves the last two out
  tidy              layers, sizes of files, words that must not be there
  browser [FILTER]  the tests of the interface in a real browser alone
  pictures          makes the pictures of docs/guide anew, in that browser
  interop [FILTER]  the tests with the real Tahoe-LAFS 1.20 alone
  vectors           makes the vectors anew with Tahoe-LAFS, and compares them
  bench [ARGS]      speed and memory beside Tahoe-LAFS 1.20 (release build)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<ExitCode> {
    let root = root()?;
    let mut steps = Steps::new(&root);
    match words {
        ["test"] => test(&mut steps, false)?,
        ["test", "--quick"] => test(&mut steps, true)?,
        ["tidy"] => check_tidy(&mut steps),
        ["browser", filter @ ..] => browser::run(&mut steps, filter)?,
        ["pictures"] => browser::pictures(&mut steps)?,
        ["interop", filter @ ..] => interop::run(&mut steps, filter)?,
        ["vectors"] => interop::vectors(&mut steps)?,
        ["bench", rest @ ..] => interop::bench(&mut steps, rest)?,
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        _ => bail!("'{}' is no command\n\n{USAGE}", words.join(" ")),
    }
    Ok(steps.finish())
}

fn test(steps: &mut Steps, quick: bool) -> Result<()> {
    steps.cargo("formatting", &["fmt", "--all", "--check"]);
    check_tidy(steps);
    // The fuzz targets with libFuzzer's glue too: that they compile is seen here.
    let lints = ["clippy", "--workspace", "--all-targets", "--features", "tallac-fuzz/libfuzzer"];
    steps.cargo("lints", &[&lints[..], &["--", "-D", "warnings"]].concat());
    steps.cargo("tests", &["test", "--workspace", "--exclude", "interop"]);
    if !quick {
        browser::run(steps, &[])?;
        interop::run(steps, &[])?;
    }
    Ok(())
}

fn check_tidy(steps: &mut Steps) {
    let root = steps.root().to_owned();
    steps.check("tidy", || tidy::check(&root));
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> String {
    let dir = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    root.join(dir).to_string_lossy().into_owned()
}

/// The root of the workspace.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("the xtask crate is in the workspace")?.to_owned())
}
