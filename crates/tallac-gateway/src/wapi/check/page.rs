//! What a check or a repair found, for people (section 8.5).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use tallac_core::ids::ServerId;
use tallac_grid::check::{CheckResults, RepairResults, ShareId};
use tallac_grid::grid::Grid;

use super::Found;
use crate::wapi::html::{self, escape};

/// What servers are called.
#[derive(Debug)]
pub(super) struct Names {
    grid: Grid,
    nicknames: HashMap<ServerId, String>,
}

impl Names {
    /// Those of the servers of a grid.
    pub(super) fn of(grid: &Grid) -> Self {
        let name = |server: &std::sync::Arc<tallac_grid::servers::GridServer>| {
            (server.info().id.clone(), server.info().nickname.clone())
        };
        Self { grid: grid.clone(), nicknames: grid.servers().all().iter().map(name).collect() }
    }

    /// The cell of a table in which a server stands.
    pub(super) fn cell(&self, server: &ServerId) -> String {
        let nickname = self.nicknames.get(server).map_or("", String::as_str);
        format!("<td>{} <code>{}</code></td>", escape(nickname), escape(server.short_name()))
    }
}

/// The page about one object; nothing was found of one that has no shares.
pub(super) fn one(found: Option<&Found>, names: &Names, return_to: Option<&str>) -> String {
    let mut page = html::begin("Check Results - Tallac");
    match found {
        None => {
            page += "<h1>File Check Results for LIT file</h1>\n<p>Literal files are always \
                healthy: their data is contained in the URI</p>\n";
        }
        Some(Found::Checked(results)) => {
            let _ = writeln!(
                page,
                "<h1>File Check Results for SI={}</h1>\n<p>{}</p>",
                results.storage_index,
                summary(results)
            );
            push_results(&mut page, results, names);
        }
        Some(Found::Repaired(results)) => push_repair(&mut page, results, names),
    }
    push_return(&mut page, return_to);
    page + html::END
}

/// The way back to where the client came from.
pub(super) fn push_return(page: &mut String, return_to: Option<&str>) {
    // What a browser would run instead of following is no place to go back to.
    let is_place = |url: &&str| {
        let scheme = url.split(['/', '?', '#']).next().unwrap_or_default();
        !scheme.contains(':') || scheme.starts_with("http")
    };
    if let Some(url) = return_to.filter(is_place) {
        let _ = writeln!(page, "<p><a href=\"{}\">Return to file/directory.</a></p>", escape(url));
    }
}

/// How an object is, in a few words.
fn summary(results: &CheckResults) -> String {
    let state = match (results.healthy, results.recoverable) {
        (true, _) => "Healthy",
        (false, true) => "Not Healthy!",
        (false, false) => "Not Recoverable!",
    };
    format!("{state} : {}", escape(&results.summary))
}

fn push_repair(page: &mut String, results: &RepairResults, names: &Names) {
    let outcome = match (results.attempted, results.successful) {
        (false, _) if results.problem.is_some() => "No repair was possible",
        (false, _) => "No repair necessary",
        (true, true) => "Repair successful",
        (true, false) => "Repair unsuccessful",
    };
    let _ = writeln!(
        page,
        "<h1>File Check-And-Repair Results for SI={}</h1>\n<p>{}</p>\n<p>{outcome}</p>",
        results.pre.storage_index,
        summary(&results.post)
    );
    if let Some(problem) = &results.problem {
        let _ = writeln!(page, "<p>{}</p>", escape(&problem.to_string()));
    }
    *page += "<h2>Post-Repair Checker Results:</h2>\n";
    push_results(page, &results.post, names);
    if results.attempted {
        *page += "<h2>Pre-Repair Checker Results:</h2>\n";
        push_results(page, &results.pre, names);
    }
}

fn push_results(page: &mut String, results: &CheckResults, names: &Names) {
    let _ = write!(
        page,
        "<ul>\n<li>Report: <pre>{}</pre></li>\n\
         <li>Share Counts: need {}-of-{}, have {}</li>\n\
         <li>Happiness Level: {}</li>\n<li>Hosts with good shares: {}</li>\n",
        escape(&results.report.join("\n")),
        results.shares_needed,
        results.shares_expected,
        results.shares_good,
        results.happiness,
        results.good_hosts
    );
    if results.corrupt.is_empty() {
        *page += "<li>Corrupt shares: none</li>\n";
    } else {
        *page += "<li>Corrupt shares: <table>\n<tr><th>Share ID</th><th>Server</th></tr>\n";
        for bad in &results.corrupt {
            let server = names.cell(&bad.server);
            let _ = writeln!(page, "<tr><td>sh#{}</td>{server}</tr>", bad.share);
        }
        *page += "</table></li>\n";
    }
    let _ = writeln!(page, "<li>Wrong Shares: {}</li>", results.wrong_shares);
    *page += "<li>Good Shares (sorted in share order): <table>\n\
        <tr><th>Share ID</th><th>Server</th></tr>\n";
    for (share, servers) in &results.sharemap {
        for (at, server) in servers.iter().enumerate() {
            let share = if at == 0 { share.to_string() } else { String::new() };
            let _ = writeln!(page, "<tr><td>{share}</td>{}</tr>", names.cell(server));
        }
    }
    let _ = write!(
        page,
        "</table></li>\n<li>Recoverable Versions: {}</li>\n<li>Unrecoverable Versions: {}</li>\n",
        results.recoverable_versions, results.unrecoverable_versions
    );
    push_balance(page, results, names);
    *page += "</ul>\n";
}

/// Who has what, in the order in which servers are asked, up to the last one that has something.
fn push_balance(page: &mut String, results: &CheckResults, names: &Names) {
    let mut held: BTreeMap<&ServerId, BTreeSet<&ShareId>> = BTreeMap::new();
    for (share, servers) in &results.sharemap {
        servers.iter().for_each(|server| _ = held.entry(server).or_default().insert(share));
    }
    *page += "<li>Share Balancing (servers in permuted order): <table>\n\
        <tr><th>Server</th><th>Share IDs</th></tr>\n";
    for server in names.grid.servers().whole_ring(&results.storage_index) {
        if held.is_empty() {
            break;
        }
        let id = &server.info().id;
        let shares = held.remove(id).unwrap_or_default();
        let shares: Vec<_> = shares.into_iter().map(ShareId::to_string).collect();
        let _ = writeln!(page, "<tr>{}<td>{}</td></tr>", names.cell(id), shares.join(" "));
    }
    *page += "</table></li>\n";
}
