//! `/storage` and `/helper_status`: what this node does for others.

use std::fmt::Write as _;

use tallac_core::dirnode::Json;

use super::{
    Form, as_u64, begin, end, find, form, member, node, object, pretty, shown, size, span,
    unknown_form,
};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::html::escape;
use crate::wapi::json::Members;
use crate::wapi::node_view::{ClientUse, Named, StorageView};
use crate::wapi::reply::{HTML, Reply, TEXT};

/// Answers a request for `/storage`.
pub(super) async fn storage(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let form = form(asked)?;
    let view = node(asked).storage().await;
    match (form, view) {
        (Form::OpenMetrics, _) => Err(unknown_form(asked)),
        (Form::Page, None) => Ok(Reply::text(HTML, end(begin("No Storage Server Running")))),
        (Form::Json, None) => Err(WebError::NoStorage),
        (Form::Page, Some(view)) => {
            Ok(Reply::text(HTML, storage_page(&view, &asked.state.config.nickname)))
        }
        (Form::Json, Some(view)) => {
            let members = Members::default()
                .with("stats", object(view.stats))
                .with("bucket-counter", view.bucket_counter)
                .with("lease-checker", view.lease_checker)
                .with("lease-checker-progress", view.lease_checker_progress)
                .with("use-by-client", by_client(&view.clients));
            Ok(Reply::text(TEXT, pretty(&members.end())))
        }
    }
}

fn storage_page(view: &StorageView, nickname: &str) -> String {
    let mut page = begin("Storage Server Status");
    page += "<table>\n";
    for (what, name, note) in [
        ("Total disk space", "disk_total", ""),
        ("Disk space used", "disk_used", ""),
        ("Disk space free (root)", "disk_free_for_root", "[see 1]"),
        ("Disk space free (non-root)", "disk_free_for_nonroot", "[see 2]"),
        ("Reserved space", "reserved_space", ""),
        ("Space Available to Tahoe", "disk_avail", ""),
    ] {
        let value = find(&view.stats, &format!("storage_server.{name}"));
        let short = value.map_or_else(|| "?".to_owned(), |_| size(as_u64(value)));
        let _ = writeln!(
            page,
            "<tr><td>{what}:</td><td>{short}</td><td>({})</td><td>{note}</td></tr>",
            shown(value)
        );
    }
    let accepting = find(&view.stats, "storage_server.accepting_immutable_shares");
    let buckets = member(&view.bucket_counter, "last-complete-bucket-count");
    let buckets = match buckets {
        None | Some(Json::Null) => "Not computed yet".to_owned(),
        count => shown(count),
    };
    let _ = writeln!(
        page,
        "</table>\n<ul>\n<li>Server Nickname: {}</li>\n\
         <li>Server Nodeid: <code>{}</code></li>\n<li>Accepting new shares: {}</li>\n\
         <li>Total buckets: {buckets} (the number of files and directories for which this server \
         is holding a share)</li>\n</ul>",
        escape(nickname),
        escape(&view.node_id),
        if as_u64(accepting) > 0 { "Yes" } else { "No" }
    );
    leases(&mut page, view);
    clients(&mut page, &view.clients);
    page += "<p>[1]: Some of this space may be reserved for the superuser.</p>\n\
        <p>[2]: This reports the space available to non-root users, including this node.</p>\n\
        <p>See this page <a href=\"?t=json\">in JSON</a></p>\n";
    end(page)
}

/// What the crawler of the leases does and has done.
fn leases(page: &mut String, view: &StorageView) {
    if view.expiration.is_empty() && view.lease_checker == Json::Null {
        return;
    }
    *page += "<h2>Lease Expiration Crawler</h2>\n<ul>\n";
    for sentence in &view.expiration {
        let _ = writeln!(page, "<li>{}</li>", escape(sentence));
    }
    let _ = writeln!(page, "<li>{}</li>", progress(&view.lease_checker_progress));
    let recovered = |cycle: &Json| member(cycle, "space-recovered").map(recovered);
    let current = member(&view.lease_checker, "cycle-to-date");
    if let Some(text) = current.and_then(recovered) {
        let _ = writeln!(page, "<li>So far, this cycle has recovered: {text}</li>");
    }
    let last = match member(&view.lease_checker, "history") {
        Some(Json::Object(cycles)) => {
            let number = |(name, _): &&(String, Json)| name.parse::<u64>().unwrap_or(0);
            cycles.iter().max_by_key(number).map(|(_, cycle)| cycle)
        }
        _ => None,
    };
    if let Some(text) = last.and_then(recovered) {
        let _ = writeln!(page, "<li>The last complete cycle recovered: {text}</li>");
    }
    *page += "</ul>\n";
}

/// Whose the shares are. Tahoe-LAFS tells nothing of it.
fn clients(page: &mut String, clients: &[ClientUse]) {
    if clients.is_empty() {
        return;
    }
    *page += "<h2>Use by Client</h2>\n<table>\n<tr><th>Client</th><th>Shares</th>\
        <th>Size</th></tr>\n";
    for of in clients {
        let client = of.client.as_deref().unwrap_or("(those who did not say who they are)");
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(client),
            of.shares,
            size(of.bytes)
        );
    }
    *page += "</table>\n";
}

fn by_client(clients: &[ClientUse]) -> Json {
    let clients = clients.iter().map(|of| {
        let client = of.client.clone().map_or(Json::Null, Json::String);
        let number = |number: u64| Json::Number(number.to_string());
        Members::default()
            .with("client", client)
            .with("shares", number(of.shares))
            .with("bytes", number(of.bytes))
            .end()
    });
    Json::Array(clients.collect())
}

/// How far a crawler is, in a sentence.
fn progress(progress: &Json) -> String {
    let seconds = |name| match member(progress, name) {
        Some(Json::Number(text)) => text.parse::<f64>().ok(),
        _ => None,
    };
    let time = |name| seconds(name).map_or_else(|| "?".to_owned(), span);
    if member(progress, "cycle-in-progress") == Some(&Json::Bool(true)) {
        let part = seconds("cycle-complete-percentage").unwrap_or(0.0);
        let next = time("remaining-sleep-time");
        format!("Current crawl {part:.1}% complete (next work in {next})")
    } else {
        format!("Next crawl in {}", time("remaining-wait-time"))
    }
}

fn recovered(space: &Json) -> String {
    let count = |name: &str| as_u64(member(space, &format!("actual-{name}")));
    format!(
        "{} shares, {} buckets, {}",
        count("shares"),
        count("buckets"),
        size(count("diskbytes"))
    )
}

/// Answers a request for `/helper_status`.
pub(super) async fn helper(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let form = form(asked)?;
    let stats = node(asked).helper().await;
    match form {
        Form::OpenMetrics => Err(unknown_form(asked)),
        Form::Json => Ok(Reply::text(TEXT, pretty(&object(stats.unwrap_or_default())))),
        Form::Page => Ok(Reply::text(
            HTML,
            match stats {
                Some(stats) => helper_page(&stats),
                None => end(begin("No helper is running")),
            },
        )),
    }
}

fn helper_page(stats: &Named) -> String {
    let value = |name: &str| as_u64(find(stats, &format!("chk_upload_helper.{name}")));
    let held = |name: &str| {
        let (bytes, count) = (value(&format!("{name}_size")), value(&format!("{name}_count")));
        format!("{bytes} bytes in {count} files")
    };
    let mut page = begin("Helper Status");
    let _ = writeln!(
        page,
        "<h2>Immutable Uploads</h2>\n<ul>\n<li>Active: {}</li>\n<li>Bytes Fetched: {}</li>\n\
         <li>Incoming: {}</li>\n<li>Encoding: {}</li>\n<li>Bytes Encoded: {}</li>\n\
         <li>Total Requests: {}\n<ul>\n<li>Already Present: {}</li>\n<li>Need Upload: {}</li>\n\
         </ul></li>\n</ul>",
        value("active_uploads"),
        value("fetched_bytes"),
        held("incoming"),
        held("encoding"),
        value("encoded_bytes"),
        value("upload_requests"),
        value("upload_already_present"),
        value("upload_need_upload")
    );
    end(page)
}
