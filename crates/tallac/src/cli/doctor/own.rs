//! Whether the node can be reached where it tells others that it is.

use std::collections::BTreeSet;

use tallac_net::identity::Furl;
use tallac_net::transport::Ways;

use super::finding::Findings;
use super::grid::reach;
use crate::config::NodeDirectory;
use crate::files;

/// What a node offers to others: the files with the addresses of it.
const OFFERED: [&str; 3] = ["storage.furl", "helper.furl", "introducer.furl"];

/// Connects to each place that the node's own addresses name.
pub(super) async fn check(
    directory: &NodeDirectory,
    ways: &Ways,
    runs: bool,
    findings: &mut Findings,
) {
    let furls = OFFERED.iter().filter_map(|name| {
        let text = files::read_text(&directory.private(name)).ok().flatten()?;
        text.trim().parse::<Furl>().ok()
    });
    let hints: BTreeSet<String> = furls.flat_map(|furl| furl.hints().to_vec()).collect();
    if hints.is_empty() {
        return;
    }
    if !runs {
        let shown: Vec<_> = hints.into_iter().collect();
        let what = format!(
            "the node tells others to find it at {}: whether it can be reached there is tried \
             while it runs",
            shown.join(", ")
        );
        return findings.note("location", what);
    }
    for hint in hints {
        match reach(ways, std::slice::from_ref(&hint)).await {
            Ok(()) => findings.ok("location", format!("the node can be reached at {hint}")),
            Err(why) => findings.warning(
                "location",
                format!("others are told that the node is at {hint}; from here, {why}"),
                "see that tub.location names the address and the port by which others reach this \
                 machine, and that a firewall or router lets them in; some routers do so for \
                 others only",
            ),
        }
    }
}
