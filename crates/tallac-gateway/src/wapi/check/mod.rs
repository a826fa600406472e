//! Check, verify and repair of one object, and of all that can be reached from a directory
//! (sections 8.3 to 8.5).

mod deep;
mod deep_page;
mod json;
mod kept;
mod page;

pub(super) use deep::{DeepCheck, start};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt as _;
use futures_util::stream;
use tallac_core::cap::{DirectoryCap, FileCap};
use tallac_core::dirnode::Json;
use tallac_grid::check::{CheckOptions, CheckResults, DeepItem, DeepStream, RepairResults};
use tallac_grid::directory::DeepStats;

use self::page::Names;
use super::asked::Asked;
use super::body::Body;
use super::error::{WebError, failure_line};
use super::json::indented;
use super::reply::{HTML, Reply, TEXT};
use super::walks;

/// Lines that are sent in one piece, if they are there.
const LINES_MAX: usize = 100;

/// What is to be done with an object.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    options: CheckOptions,
    /// Whether what is not healthy is repaired.
    repair: bool,
}

impl Wanted {
    fn by(asked: &Asked<'_>) -> Result<Self, WebError> {
        let verify = asked.args.is_on("verify")?;
        let repair = asked.args.is_on("repair")?;
        let add_lease = asked.args.is_on("add-lease")?;
        Ok(Self { options: CheckOptions { verify, add_lease }, repair })
    }
}

/// What is known of an object afterwards.
#[derive(Debug, Clone)]
enum Found {
    /// It was only looked at.
    Checked(Box<CheckResults>),
    /// It was repaired where there was need.
    Repaired(Box<RepairResults>),
}

impl Found {
    fn checked(results: CheckResults) -> Self {
        Self::Checked(Box::new(results))
    }

    fn repaired(results: RepairResults) -> Self {
        Self::Repaired(Box::new(results))
    }
}

/// In which form results are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Html,
    Json,
}

impl Output {
    fn by(asked: &Asked<'_>) -> Result<Self, WebError> {
        match asked.args.filled("output").unwrap_or("html").to_ascii_lowercase().as_str() {
            "html" => Ok(Self::Html),
            "json" => Ok(Self::Json),
            _ => Err(WebError::UnknownOutput),
        }
    }
}

/// Whether the request is one to check a single object, for which a verify cap is enough.
pub(super) fn is_asked_for(asked: &Asked<'_>) -> bool {
    *asked.method() == http::Method::POST && asked.args.operation() == "check"
}

/// `t=check` of a file, or of the file that keeps a directory.
pub(super) async fn answer(asked: &Asked<'_>, cap: &FileCap) -> Result<Reply, WebError> {
    let (wanted, output) = (Wanted::by(asked)?, Output::by(asked)?);
    let found = find(asked, cap, wanted).await;
    if let Some(location) = asked.args.when_done() {
        return Reply::when_done(location);
    }
    Ok(reply(asked, found.as_ref(), output))
}

async fn find(asked: &Asked<'_>, cap: &FileCap, wanted: Wanted) -> Option<Found> {
    let checker = asked.state.grid.checker();
    if wanted.repair {
        checker.check_and_repair(cap, wanted.options).await.map(Found::repaired)
    } else {
        checker.check(cap, wanted.options).await.map(Found::checked)
    }
}

/// What is known of an object, in the form that is wanted; of a literal one if it is nothing.
fn reply(asked: &Asked<'_>, found: Option<&Found>, output: Output) -> Reply {
    match output {
        Output::Json => {
            let value = match found {
                // Whether repair was asked for makes no difference to Tahoe-LAFS here.
                None => json::check(None),
                Some(Found::Checked(results)) => json::check(Some(results)),
                Some(Found::Repaired(results)) => json::repair(Some(results)),
            };
            Reply::text(TEXT, indented(&value) + "\n")
        }
        Output::Html => {
            let return_to = asked.args.filled("return_to");
            Reply::text(HTML, page::one(found, &Names::of(&asked.state.grid), return_to))
        }
    }
}

/// `t=stream-deep-check`: a line for each object, sent as the walk goes, no faster than the client
/// takes them.
pub(super) fn stream(asked: &Asked<'_>, cap: &DirectoryCap) -> Result<Reply, WebError> {
    let (wanted, walk) = (Wanted::by(asked)?, walks::from(asked, cap)?);
    let checker = asked.state.grid.checker();
    let body = if wanted.repair {
        Body::lines(lines(checker.deep_check_and_repair(walk, wanted.options), |results| {
            ("check-and-repair-results", json::repair(results))
        }))
    } else {
        Body::lines(lines(checker.deep_check(walk, wanted.options), |results| {
            ("check-results", json::check(results))
        }))
    };
    Ok(Reply::streamed(TEXT, body))
}

/// The lines of a deep check, those that are there at the same time in one piece. The last one
/// tells the statistics, or why the walk ended early.
fn lines<R: Send + 'static>(
    items: DeepStream<R>,
    print: fn(Option<&R>) -> (&'static str, Json),
) -> impl Stream<Item = Bytes> + Send + 'static {
    let lines = stream::unfold(Some((items, DeepStats::new())), move |walk| async move {
        let (mut items, mut stats) = walk?;
        match items.next().await {
            Some(Ok(DeepItem { visit, results })) => {
                stats.add(&visit);
                let (name, results) = print(results.as_ref());
                let line = walks::object(&visit).with(name, results).end();
                Some((format!("{line}\n"), Some((items, stats))))
            }
            Some(Err(error)) => Some((failure_line(&error.into()), None)),
            None => Some((walks::last_line(&stats), None)),
        }
    });
    lines.ready_chunks(LINES_MAX).map(|lines| Bytes::from(lines.concat()))
}
