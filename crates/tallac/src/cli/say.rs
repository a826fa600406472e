//! What commands print: results on standard output, remarks on standard error.

use std::io::Write;

use super::Globals;

/// A line of a result; nothing with `--quiet`. That nobody reads it is no error.
pub(crate) fn line(globals: &Globals, text: &str) {
    if !globals.quiet {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// A remark for whoever watches.
pub(crate) fn note(globals: &Globals, text: &str) {
    if !globals.quiet {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// What went wrong, for the user.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
