//! The tests in a real browser: Debian's Chromium, its driver, and axe-core from npm.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::steps::Steps;
use crate::target;

/// Which axe-core, and the SHA-256 of its script.
const AXE: &str = "axe-core@4.14.1";
const AXE_HASH: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";

/// Packages of Debian that are needed, each with a program of it.
const PACKAGES: [(&str, &str); 3] =
    [("chromium", "chromium"), ("chromium-driver", "chromedriver"), ("npm", "npm")];

/// Runs the flows whose name has the filter in it.
pub(crate) fn run(steps: &mut Steps, filter: &[&str]) -> Result<()> {
    flows(steps, filter, None)
}

/// Makes the pictures of the guide.
pub(crate) fn pictures(steps: &mut Steps) -> Result<()> {
    let dir = steps.root().join("docs/guide/pictures");
    flows(steps, &["pictures for the guide"], Some(&dir))
}

fn flows(steps: &mut Steps, filter: &[&str], pictures: Option<&Path>) -> Result<()> {
    let Some(driver) = driver(steps) else { return Ok(()) };
    let Some(axe) = axe(steps)? else { return Ok(()) };
    if !steps.cargo(
        "build for the browser",
        &["build", "--workspace", "--bin", "tallac", "--test", "browser"],
    ) {
        return Ok(());
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command
        .args(["test", "--workspace", "--test", "browser", "--"])
        .args(filter)
        .env("TALLAC_BROWSER_DRIVER", driver)
        .env("TALLAC_BROWSER_AXE", axe)
        .env("TALLAC_BROWSER_TALLAC", Path::new(&target(steps.root())).join("debug/tallac"));
    if let Some(dir) = pictures {
        command.env("TALLAC_BROWSER_PICTURES", dir);
    }
    steps.command("browser", command);
    Ok(())
}

/// The driver of the browser. What is missing is installed, where that may be done.
fn driver(steps: &mut Steps) -> Option<PathBuf> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, program)| found(program).is_none()).map(|(p, _)| *p).collect();
    if !missing.is_empty() {
        let why = format!("as root: apt-get install {}", missing.join(" "));
        if !is_root() || found("apt-get").is_none() {
            steps.skip("browser", &format!("Chromium, its driver or npm is missing; {why}"));
            return None;
        }
        let mut update = Command::new("apt-get");
        update.args(["update", "--quiet"]);
        let mut install = Command::new("apt-get");
        install.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(&missing);
        install.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        if !(steps.command("lists of packages", update) && steps.command("Chromium", install)) {
            return None;
        }
    }
    found("chromedriver")
}

/// The script of axe-core, fetched if it is not there yet.
fn axe(steps: &mut Steps) -> Result<Option<PathBuf>> {
    let dir = Path::new(&target(steps.root())).join("browser").join(AXE);
    let script = dir.join("package/axe.min.js");
    if !script.exists() {
        if found("npm").is_none() {
            steps.skip("axe-core from npm", "there is no npm; install Debian's package npm");
            return Ok(None);
        }
        std::fs::create_dir_all(&dir)?;
        let mut fetch = Command::new("sh");
        fetch.args(["-c", "cd \"$1\" && tar xzf \"$(npm pack --silent \"$2\")\"", "sh"]);
        fetch.arg(&dir).arg(AXE);
        if !steps.command("axe-core from npm", fetch) {
            return Ok(None);
        }
    }
    let intact = steps.check("axe-core is what it was", || {
        let output = Command::new("sha256sum").arg(&script).output();
        let text = output.map_err(|error| error.to_string())?.stdout;
        match String::from_utf8_lossy(&text).starts_with(AXE_HASH) {
            true => Ok(()),
            false => Err(format!("{} is another file", script.display())),
        }
    });
    Ok(intact.then_some(script))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Where a program is.
fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}
