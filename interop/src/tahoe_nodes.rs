//! Node directories of Tahoe-LAFS, made by one process of its Python.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Calls the command line of Tahoe-LAFS once for each line of arguments that it reads.
const RUNNER: &str = "\
import io, json, sys
from allmydata.scripts import runner
for line in sys.stdin:
    out, err, results = io.StringIO(), io.StringIO(), []
    config = runner.Options()
    config.stdout, config.stderr = out, err
    runner.parse_options(json.loads(line), config=config)
    done = runner.dispatch(config, None, stdin=io.StringIO(), stdout=out, stderr=err)
    done.addBoth(results.append)
    # It ends with SystemExit, whether or not all was well.
    code = getattr(getattr(results[0], 'value', None), 'code', 'unknown') if results else 'late'
    if code not in (0, None):
        sys.exit('%s: %s %s %s' % (line, results, out.getvalue(), err.getvalue()))
";

/// Runs several `tahoe` commands that only make files, in one process, which is much faster.
///
/// # Errors
/// When one of them fails.
pub fn create_all(tahoe: &Path, commands: &[Vec<String>]) -> Result<()> {
    let python = tahoe.with_file_name("python");
    let mut child = Command::new(python)
        .args(["-c", RUNNER])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .context("cannot start Tahoe-LAFS's Python")?;
    {
        use std::io::Write as _;
        let mut stdin = child.stdin.take().context("it has a standard input")?;
        for command in commands {
            writeln!(stdin, "{}", serde_json::to_string(command)?)?;
        }
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "Tahoe-LAFS could not make the nodes: {text}");
    Ok(())
}
