//! The name that the program is called by: `tallac`, or `tahoe` (section 9.1).
//!
//! A link of that name to the program is all it takes: `ln -s tallac tahoe`. It then is a drop-in
//! for scripts: it prints Tahoe-LAFS's version, and calls itself `tahoe` in what it says.

use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;

/// What it is called by those who know what it is.
const TALLAC: &str = "tallac";

/// The name that scripts know.
const TAHOE: &str = "tahoe";

/// The version of Tahoe-LAFS that the program stands in for.
const TAHOE_VERSION: &str = "tahoe-lafs/1.20.0";

static NAME: OnceLock<&str> = OnceLock::new();

/// Takes the name from the arguments of the process; only the first call counts.
pub(super) fn learn(args: &[OsString]) {
    let called = args.first().and_then(|arg| Path::new(arg).file_stem());
    let is_tahoe = called.is_some_and(|name| name == TAHOE);
    let _ = NAME.set(if is_tahoe { TAHOE } else { TALLAC });
}

/// The name, as messages say it.
pub(crate) fn name() -> &'static str {
    NAME.get().copied().unwrap_or(TALLAC)
}

/// Whether it stands in for Tahoe-LAFS's program.
pub(super) fn is_drop_in() -> bool {
    name() == TAHOE
}

/// What `--version` prints.
pub(super) fn version() -> String {
    match name() {
        TAHOE => TAHOE_VERSION.to_owned(),
        _ => format!("{TALLAC}/{}", env!("CARGO_PKG_VERSION")),
    }
}
