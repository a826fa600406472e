//! What a check or a repair found, as programs are told of it (section 8.5).

use std::collections::BTreeSet;

use tallac_core::dirnode::Json;
use tallac_core::ids::ServerId;
use tallac_grid::check::{BadShare, CheckResults, RepairResults, ShareMap};

use crate::wapi::json::{Members, number, text};

/// What a check found; nothing for what has no shares.
pub(super) fn check(results: Option<&CheckResults>) -> Json {
    let Some(results) = results else {
        return Members::default()
            .with("storage-index", text(""))
            .with("results", Members::default().with("healthy", Json::Bool(true)).end())
            .end();
    };
    Members::default()
        .with("storage-index", text(results.storage_index.to_string()))
        .with("summary", text(&*results.summary))
        .with("results", counts(results))
        .end()
}

/// What a check found and a repair did; nothing for what has no shares.
pub(super) fn repair(results: Option<&RepairResults>) -> Json {
    let Some(results) = results else {
        return Members::default()
            .with("storage-index", text(""))
            .with("repair-attempted", Json::Bool(false))
            .end();
    };
    Members::default()
        .with("storage-index", text(results.pre.storage_index.to_string()))
        .with("repair-attempted", Json::Bool(results.attempted))
        .with("repair-successful", Json::Bool(results.successful))
        .with("pre-repair-results", check(Some(&results.pre)))
        .with("post-repair-results", check(Some(&results.post)))
        .end()
}

fn counts(results: &CheckResults) -> Json {
    Members::default()
        .with("count-happiness", count(results.happiness))
        .with("count-shares-good", count(results.shares_good))
        .with("count-shares-needed", number(results.shares_needed))
        .with("count-shares-expected", number(results.shares_expected))
        .with("count-good-share-hosts", count(results.good_hosts))
        .with("count-corrupt-shares", count(results.corrupt.len()))
        .with("list-corrupt-shares", corrupt_shares(&results.corrupt))
        .with("servers-responding", servers(&results.servers_responding))
        .with("sharemap", sharemap(&results.sharemap))
        .with("count-wrong-shares", count(results.wrong_shares))
        .with("count-recoverable-versions", count(results.recoverable_versions))
        .with("count-unrecoverable-versions", count(results.unrecoverable_versions))
        .with("healthy", Json::Bool(results.healthy))
        .with("recoverable", Json::Bool(results.recoverable))
        .end()
}

/// Shares that are not what was stored: who has which, of what.
pub(super) fn corrupt_shares<'a>(shares: impl IntoIterator<Item = &'a BadShare>) -> Json {
    let share = |bad: &BadShare| {
        Json::Array(vec![
            text(bad.server.as_str()),
            text(bad.storage_index.to_string()),
            number(bad.share.get()),
        ])
    };
    Json::Array(shares.into_iter().map(share).collect())
}

fn servers(servers: &BTreeSet<ServerId>) -> Json {
    Json::Array(servers.iter().map(|server| text(server.as_str())).collect())
}

fn sharemap(sharemap: &ShareMap) -> Json {
    let members = sharemap.iter().map(|(share, hosts)| (share.to_string(), servers(hosts)));
    Json::Object(members.collect())
}

/// A number of things that are held in memory.
pub(super) fn count(count: usize) -> Json {
    number(count as u64)
}
