//! How much is logged, which may change while a process runs.

use std::sync::OnceLock;

use tracing_subscriber::{EnvFilter, Registry, reload};

/// What decides how much is logged when nobody says anything.
const USUAL: &str = "warn";

/// The filter of this process's log; nothing if the command line or the environment decides.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// The filter to begin with. `fixed` is what was asked for by the environment or the command line;
/// without it, [`set`] may change the filter later.
pub(crate) fn filter(fixed: Option<EnvFilter>) -> reload::Layer<EnvFilter, Registry> {
    let is_fixed = fixed.is_some();
    let (filter, handle) = reload::Layer::new(fixed.unwrap_or_else(|| EnvFilter::new(USUAL)));
    if !is_fixed {
        // Only a test that runs several commands in one process has set one before.
        let _ = FILTER.set(handle);
    }
    filter
}

/// Logs as much from now on as this lets through, or as usual. `false` if the command line or the
/// environment has decided.
pub(crate) fn set(filter: Option<EnvFilter>) -> bool {
    let Some(handle) = FILTER.get() else { return false };
    handle.reload(filter.unwrap_or_else(|| EnvFilter::new(USUAL))).is_ok()
}
