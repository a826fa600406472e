//! A deep check whose results are looked at later: `t=start-deep-check` (section 8.5).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::Json;
use tallac_core::ids::StorageIndex;
use tallac_grid::check::{DeepItem, DeepRepairCounts, DeepStream};
use tallac_grid::directory::{DeepStats, DirectoryIoError};

use super::kept::{Kept, Object};
use super::page::Names;
use super::{Found, Output, Wanted, deep_page, json, reply};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::json::{Members, indented, number, text};
use crate::wapi::operations::{self, Findings};
use crate::wapi::reply::{HTML, Reply, TEXT};
use crate::wapi::{walks, work};

/// A deep check under way, or done.
#[derive(Debug)]
pub(in crate::wapi) struct DeepCheck {
    /// Whether it repairs what is not healthy.
    pub(super) repairs: bool,
    /// The storage index of the directory that it began with.
    pub(super) root: String,
    progress: Mutex<Progress>,
    is_finished: AtomicBool,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    stats: DeepStats,
    /// Those before the repairs are all there are if nothing is repaired.
    pub(super) counts: DeepRepairCounts,
    pub(super) kept: Kept,
    /// As the operation's own, at the same moment as the rest.
    pub(super) is_finished: bool,
    failure: Option<Arc<WebError>>,
}

/// Begins a deep check and sends the client to where its results will be.
pub(in crate::wapi) fn start(asked: &Asked<'_>, cap: &DirectoryCap) -> Result<Reply, WebError> {
    operations::handle(asked)?;
    let (wanted, walk) = (Wanted::by(asked)?, walks::from(asked, cap)?);
    let storage_index = cap.storage_index().map(|storage_index| storage_index.to_string());
    let check = Arc::new(DeepCheck {
        repairs: wanted.repair,
        root: storage_index.unwrap_or_else(|| "<none>".to_owned()),
        progress: Mutex::default(),
        is_finished: AtomicBool::new(false),
    });
    let findings = Findings::Check(Arc::clone(&check));
    let checker = asked.state.grid.checker();
    if wanted.repair {
        let items = checker.deep_check_and_repair(walk, wanted.options);
        let run = async move { check.run(items, Found::repaired).await };
        asked.state.operations.start(asked, findings, run)?;
    } else {
        let items = checker.deep_check(walk, wanted.options);
        let run = async move { check.run(items, Found::checked).await };
        asked.state.operations.start(asked, findings, run)?;
    }
    operations::begun(asked)
}

impl DeepCheck {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is over, well or not.
    pub(in crate::wapi) fn is_finished(&self) -> bool {
        self.is_finished.load(Ordering::Acquire)
    }

    /// Takes in all results.
    async fn run<R>(&self, mut items: DeepStream<R>, found: fn(R) -> Found) {
        let failure = loop {
            match items.next().await {
                Some(Ok(item)) => self.progress().add(item, found),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        self.end(failure);
    }

    fn end(&self, failure: Option<DirectoryIoError>) {
        let mut progress = self.progress();
        progress.is_finished = true;
        progress.failure = failure.map(|error| Arc::new(WebError::from(error)));
        self.is_finished.store(true, Ordering::Release);
    }

    /// How far it is, or what is known of one object, in the form that the client wants.
    pub(in crate::wapi) async fn page(
        self: Arc<Self>,
        asked: &Asked<'_>,
        at: operations::At<'_>,
    ) -> Result<Reply, WebError> {
        let output = Output::by(asked)?;
        if let Some(object) = at.detail {
            return self.detail(asked, object, output);
        }
        let links = deep_page::Links::new(asked, at.handle);
        let names = Names::of(&asked.state.grid);
        let len = {
            let progress = self.progress();
            if let Some(failure) = &progress.failure {
                return Err(WebError::Operation(Arc::clone(failure)));
            }
            progress.kept.len() as u64
        };
        let print = move || {
            let progress = self.progress();
            Ok(match output {
                Output::Json => Reply::text(TEXT, indented(&self.json(&progress)) + "\n"),
                Output::Html => {
                    Reply::text(HTML, deep_page::page(&self, &progress, &names, &links))
                }
            })
        };
        work::with_bytes(len, print).await
    }

    /// What is known of one object, by its storage index.
    fn detail(&self, asked: &Asked<'_>, object: &str, output: Output) -> Result<Reply, WebError> {
        let (kept, left_out) = {
            let progress = self.progress();
            let storage_index = object.parse::<StorageIndex>().ok();
            let kept = storage_index.and_then(|storage_index| progress.kept.get(&storage_index));
            let Kept { healthy_left_out, unhealthy_left_out, .. } = &progress.kept;
            (kept, healthy_left_out + unhealthy_left_out)
        };
        match kept {
            Some(object) => Ok(reply(asked, Some(&object.found), output)),
            None => Err(WebError::NoDetails { storage_index: object.to_owned(), left_out }),
        }
    }

    fn json(&self, progress: &Progress) -> Json {
        let members = Members::default()
            .with("finished", Json::Bool(progress.is_finished))
            .with("root-storage-index", text(&*self.root));
        let members = if self.repairs {
            progress.repair_counts(members)
        } else {
            progress.check_counts(members)
        };
        let unhealthy = |object: &Object| {
            let path = walks::path_json(&object.path);
            Json::Array(vec![path, json::check(Some(object.before()))])
        };
        let unhealthy = progress.kept.unhealthy().map(unhealthy).collect();
        let mut members = members.with("list-unhealthy-files", Json::Array(unhealthy));
        // Ours: nobody shall take a list for whole that is not.
        for (name, left_out) in [
            ("count-unhealthy-files-left-out", progress.kept.unhealthy_left_out),
            ("count-corrupt-shares-left-out", progress.kept.corrupt_left_out),
        ] {
            if left_out > 0 {
                members = members.with(name, number(left_out));
            }
        }
        members.with("stats", walks::stats(&progress.stats).end()).end()
    }
}

impl Progress {
    fn add<R>(&mut self, item: DeepItem<R>, found: fn(R) -> Found) {
        self.stats.add(&item.visit);
        let Some(found) = item.results.map(found) else { return };
        match &found {
            Found::Checked(results) => self.counts.pre.add(results),
            Found::Repaired(results) => self.counts.add(results),
        }
        self.kept.add(Object { path: item.visit.path, found });
    }

    fn check_counts(&self, members: Members) -> Members {
        let counts = &self.counts.pre;
        members
            .with("count-objects-checked", number(counts.checked))
            .with("count-objects-healthy", number(counts.healthy))
            .with("count-objects-unhealthy", number(counts.unhealthy))
            .with("count-corrupt-shares", number(counts.corrupt_shares))
            .with("list-corrupt-shares", json::corrupt_shares(&self.kept.corrupt))
    }

    /// Tahoe-LAFS repeats the corrupt shares from before the repairs as those after them.
    fn repair_counts(&self, members: Members) -> Members {
        let DeepRepairCounts { pre, post, attempted, successful, unsuccessful } = &self.counts;
        members
            .with("count-objects-checked", number(pre.checked))
            .with("count-objects-healthy-pre-repair", number(pre.healthy))
            .with("count-objects-unhealthy-pre-repair", number(pre.unhealthy))
            .with("count-objects-healthy-post-repair", number(post.healthy))
            .with("count-objects-unhealthy-post-repair", number(post.unhealthy))
            .with("count-repairs-attempted", number(*attempted))
            .with("count-repairs-successful", number(*successful))
            .with("count-repairs-unsuccessful", number(*unsuccessful))
            .with("count-corrupt-shares-pre-repair", number(pre.corrupt_shares))
            .with("count-corrupt-shares-post-repair", number(post.corrupt_shares))
            .with("list-corrupt-shares", json::corrupt_shares(&self.kept.corrupt))
            .with("list-remaining-corrupt-shares", json::corrupt_shares(&self.kept.remaining))
    }
}
