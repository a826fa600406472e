//! The welcome page: whether the node stands well with its grid, at a glance (section 8.2).

use std::fmt::Write as _;

use tallac_grid::servers::{GridServer, Health};

use super::html::{self, escape};
use super::{State, json};

/// The page.
pub(super) fn page(state: &State) -> String {
    let config = &state.config;
    let nickname = escape(&config.nickname);
    let mut page = html::begin(&format!("{nickname} - Tallac"));
    let version = escape(&config.application_version);
    let _ = writeln!(page, "<h1>{nickname}</h1>\n<p>{version}</p>");
    introducers(&mut page, state);
    helper(&mut page, state);
    servers(&mut page, state);
    page + html::END
}

fn introducers(page: &mut String, state: &State) {
    let statuses = state.config.introducers.statuses();
    let connected = statuses.iter().filter(|status| status.is_connected).count();
    let _ = writeln!(page, "<h2>Connected to {connected} of {} introducers</h2>", statuses.len());
    if !statuses.is_empty() {
        *page += "<ul>\n";
        for status in statuses {
            let _ = writeln!(page, "<li>{}</li>", escape(&status.text));
        }
        *page += "</ul>\n";
    }
}

fn helper(page: &mut String, state: &State) {
    if let Some(helper) = state.config.node.used_helper() {
        let how = if helper.is_connected { "Connected to helper" } else { "Helper not connected" };
        let _ = writeln!(page, "<p>{how}: {}</p>", escape(&helper.address));
    }
    *page += "<p><a href=\"/status\">Operations</a> <a href=\"/statistics\">Statistics</a> \
        <a href=\"/storage\">Storage server</a> <a href=\"/helper_status\">Helper</a></p>\n\
        <form action=\"/report_incident\" method=\"post\" enctype=\"multipart/form-data\">\
        <label>What went wrong? <input type=\"text\" name=\"details\"></label> \
        <input type=\"submit\" value=\"Save\"></form>\n";
}

fn servers(page: &mut String, state: &State) {
    let servers = state.grid.servers().all();
    let connected = servers.iter().filter(|server| server.is_connected()).count();
    let config = state.grid.config();
    let _ = writeln!(
        page,
        "<h2>Connected to {connected} of {} storage servers</h2>\n\
         <p>New files: {}, on at least {} servers.</p>",
        servers.len(),
        config.encoding,
        config.happy
    );
    if servers.is_empty() {
        return;
    }
    *page += "<table>\n<tr><th>Server</th><th>Connection</th><th>Space</th><th>Version</th></tr>\n";
    for server in servers {
        row(page, &server);
    }
    *page += "</table>\n";
}

fn row(page: &mut String, server: &GridServer) {
    let health = server.health();
    let (space, version) = match &health {
        Health::Connected { version, .. } => {
            (space(version.available_space), version.application_version.as_str())
        }
        _ => (String::new(), ""),
    };
    let info = server.info();
    let permit = match server.may_take_shares() {
        true => "",
        false => "<br>given no new shares: no valid certificate of a grid manager",
    };
    let _ = writeln!(
        page,
        "<tr><td>{}<br><code>{}</code></td><td>{}{permit}</td><td>{space}</td><td>{}</td></tr>",
        escape(&info.nickname),
        escape(info.id.as_str()),
        escape(&json::connection_status(&health)),
        escape(version)
    );
}

/// Bytes as people read them.
fn space(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut left = bytes;
    while left >= 10_000 && unit + 1 < units.len() {
        left /= 1000;
        unit += 1;
    }
    format!("{left} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_short() {
        assert_eq!(space(9_999), "9999 bytes");
        assert_eq!(space(75_576_836_096), "75 GB");
        assert_eq!(space(u64::MAX), "18446 PB");
    }
}
