//! The tests with the real Tahoe-LAFS: its virtual environment, and where tests find it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::steps::Steps;
use crate::target;

/// Tells tests where the command of Tahoe-LAFS is.
const TAHOE: &str = "TALLAC_INTEROP_TAHOE";

/// Tells tests where our own command is.
const TALLAC: &str = "TALLAC_INTEROP_TALLAC";

/// Marks a virtual environment that was installed to the end, and with what.
const COMPLETE: &str = "complete";

/// Runs the tests, those whose name has the filter in it.
pub(crate) fn run(steps: &mut Steps, filter: &[&str]) -> Result<()> {
    let Some(tahoe) = tahoe(steps)? else { return Ok(()) };
    // Of the whole workspace, whose other tests use the same builds of everything.
    let build = ["build", "--workspace", "--bin", "tallac", "--test", "interop"];
    if !steps.cargo("build for interop", &build) {
        return Ok(());
    }
    let mut command = cargo();
    // Two at a time: each starts a grid, and more are too much for two cores.
    command
        .args(["test", "--workspace", "--test", "interop", "--"])
        .args(["--test-threads=2", "--nocapture"])
        .args(filter)
        .env(TAHOE, tahoe)
        .env(TALLAC, binary(steps.root(), "debug"));
    steps.command("interop", command);
    Ok(())
}

/// Runs the benchmark.
pub(crate) fn bench(steps: &mut Steps, arguments: &[&str]) -> Result<()> {
    let Some(tahoe) = tahoe(steps)? else { return Ok(()) };
    let build = ["build", "--release", "--package", "tallac", "--package", "bench"];
    if !steps.cargo("build", &build) {
        return Ok(());
    }
    let mut command = cargo();
    command
        .args(["run", "--release", "--quiet", "--package", "bench", "--"])
        .args(arguments)
        .env(TAHOE, tahoe)
        .env(TALLAC, binary(steps.root(), "release"));
    steps.command("bench", command);
    Ok(())
}

/// Makes the vectors anew, and compares them.
pub(crate) fn vectors(steps: &mut Steps) -> Result<()> {
    let Some(tahoe) = tahoe(steps)? else { return Ok(()) };
    let root = steps.root().to_owned();
    steps.check("vectors", || crate::vectors::check(&root, &tahoe));
    Ok(())
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
}

/// Our command, as built with a profile.
fn binary(root: &Path, profile: &str) -> PathBuf {
    Path::new(&target(root)).join(profile).join("tallac")
}

/// The command of Tahoe-LAFS, installed into a virtual environment of our own if it is not there
/// yet. `None` when that cannot be done here, which is told.
fn tahoe(steps: &mut Steps) -> Result<Option<PathBuf>> {
    let root = steps.root().to_owned();
    let requirements = root.join("interop/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let venv = Path::new(&target(&root)).join("interop/venv");
    let tahoe = venv.join("bin/tahoe");
    let complete = venv.join(COMPLETE);
    if std::fs::read_to_string(&complete).is_ok_and(|text| text == wanted) {
        return Ok(Some(tahoe));
    }
    let python = Command::new("python3").arg("-c").arg("import venv, ensurepip").status();
    if !python.is_ok_and(|status| status.success()) {
        let why = "there is no python3 with venv; install python3 and python3-venv";
        steps.skip("Tahoe-LAFS from PyPI", why);
        return Ok(None);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    let mut install = Command::new(venv.join("bin/python"));
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements)
        .stdin(Stdio::null());
    let done = steps.command("virtual environment", make)
        && steps.command("Tahoe-LAFS from PyPI", install);
    if !done {
        return Ok(None);
    }
    std::fs::write(&complete, wanted)?;
    Ok(Some(tahoe))
}
