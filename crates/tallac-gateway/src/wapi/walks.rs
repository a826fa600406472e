//! Everything that can be reached from a directory: manifests, sizes and statistics, looked at
//! later or streamed (section 8.5).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tallac_core::cap::{DirectoryCap, FileCap};
use tallac_core::dirnode::{ChildName, Json, Node};
use tallac_grid::directory::{DeepStats, Visit, VisitStream};

use super::asked::Asked;
use super::body::Body;
use super::error::{WebError, failure_line};
use super::html::{self, escape};
use super::json::{self, Members, number, text};
use super::operations::{self, Findings};
use super::reply::{HTML, Reply, TEXT};
use super::unlinked::quoted;
use super::work;

/// Lines that are sent in one piece, if they are there.
const LINES_MAX: usize = 100;

/// Bytes that are printed for an object of a manifest, about.
const OBJECT_LEN: u64 = 500;

/// A walk whose results are looked at later.
#[derive(Debug)]
pub(super) struct Walk {
    kind: Kind,
    origin: Option<String>,
    progress: Mutex<Progress>,
    is_finished: AtomicBool,
}

/// What of a walk is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Manifest,
    DeepSize,
    DeepStats,
}

/// What a walk has found so far.
#[derive(Debug, Default)]
struct Progress {
    stats: DeepStats,
    /// Paths and caps, for a manifest.
    objects: Vec<(Vec<ChildName>, String)>,
    verify_caps: BTreeSet<String>,
    storage_indexes: BTreeSet<String>,
    /// As the walk's own, at the same moment as the rest.
    is_finished: bool,
    failure: Option<Arc<WebError>>,
}

/// Begins a walk and sends the client to where its results will be.
pub(super) fn start(
    asked: &Asked<'_>,
    cap: &DirectoryCap,
    operation: &str,
) -> Result<Reply, WebError> {
    operations::handle(asked)?;
    let kind = match operation {
        "start-manifest" => Kind::Manifest,
        "start-deep-size" => Kind::DeepSize,
        _ => Kind::DeepStats,
    };
    let origin = cap.storage_index().map(|storage_index| storage_index.to_string());
    let is_finished = AtomicBool::new(false);
    let walk = Arc::new(Walk { kind, origin, progress: Mutex::default(), is_finished });
    let visits = from(asked, cap)?;
    let findings = Findings::Walk(Arc::clone(&walk));
    let run = async move { walk.run(visits).await };
    asked.state.operations.start(asked, findings, run)?;
    operations::begun(asked)
}

/// A walk from a directory on. What the blacklist has when it begins is named and not entered.
pub(super) fn from(asked: &Asked<'_>, cap: &DirectoryCap) -> Result<VisitStream, WebError> {
    let prohibited = asked.state.blacklist.now()?;
    let is_shut = move |node: &Node| prohibited.reason(node).is_some();
    let root = Node::from(cap.clone());
    Ok(asked.state.grid.directories().walk_outside(&root, Arc::new(is_shut)))
}

impl Walk {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is over, well or not.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished.load(Ordering::Acquire)
    }

    /// Takes in all visits.
    async fn run(&self, mut visits: VisitStream) {
        let failure = loop {
            match visits.next().await {
                Some(Ok(visit)) => self.add(&visit),
                Some(Err(error)) => break Some(Arc::new(WebError::from(error))),
                None => break None,
            }
        };
        let mut progress = self.progress();
        progress.is_finished = true;
        progress.failure = failure;
        self.is_finished.store(true, Ordering::Release);
    }

    fn add(&self, visit: &Visit) {
        let mut progress = self.progress();
        progress.stats.add(visit);
        if self.kind == Kind::Manifest {
            let cap = visit.node.best_cap().unwrap_or_default();
            progress.objects.push((visit.path.clone(), cap));
            progress.verify_caps.extend(visit.node.to_verifier().map(|cap| cap.to_string()));
            progress.storage_indexes.extend(visit.node.storage_index().map(|si| si.to_string()));
        }
    }

    /// How far it is, in the form that the client wants.
    pub(super) async fn page(self: Arc<Self>, asked: &Asked<'_>) -> Result<Reply, WebError> {
        let output = asked.args.filled("output").unwrap_or("html").to_ascii_lowercase();
        let bytes = self.progress().objects.len() as u64 * OBJECT_LEN;
        work::with_bytes(bytes, move || self.print(&output)).await
    }

    fn print(&self, output: &str) -> Result<Reply, WebError> {
        let progress = self.progress();
        if let Some(failure) = &progress.failure {
            return Err(WebError::Operation(Arc::clone(failure)));
        }
        let (content_type, page) = match (self.kind, output) {
            (Kind::DeepStats, _) => (TEXT, json::indented(&progress.deep_stats())),
            (Kind::DeepSize, "json") => (TEXT, progress.size_json().to_string()),
            (Kind::DeepSize, "html" | "text") => (TEXT, progress.size_text()),
            (Kind::Manifest, "json") => {
                (TEXT, json::indented(&progress.manifest_json(self.origin.as_deref())))
            }
            (Kind::Manifest, "text") => (TEXT, progress.manifest_text()),
            (Kind::Manifest, "html") => (HTML, progress.manifest_page(self.origin.as_deref())),
            _ => return Err(WebError::UnknownOutput),
        };
        Ok(Reply::text(content_type, page))
    }
}

impl Progress {
    const fn finished(&self) -> &'static str {
        if self.is_finished { "finished: yes\n" } else { "finished: no\n" }
    }

    fn deep_stats(&self) -> Json {
        stats(&self.stats).with("finished", Json::Bool(self.is_finished)).end()
    }

    fn size_text(&self) -> String {
        let DeepStats { immutable_size, directory_size, .. } = &self.stats;
        let mut page = self.finished().to_owned();
        if self.is_finished {
            let _ = writeln!(page, "size: {}", immutable_size.saturating_add(*directory_size));
        }
        page
    }

    fn size_json(&self) -> Json {
        Members::default()
            .with("finished", Json::Bool(self.is_finished))
            .with("size", stats(&self.stats).end())
            .end()
    }

    fn manifest_text(&self) -> String {
        let mut page = self.finished().to_owned();
        for (path, cap) in &self.objects {
            let _ = writeln!(page, "{} {cap}", joined(path));
        }
        page
    }

    fn manifest_json(&self, origin: Option<&str>) -> Json {
        let members = Members::default()
            .with("stats", stats(&self.stats).end())
            .with("finished", Json::Bool(self.is_finished))
            .with("origin", text(origin.unwrap_or_default()));
        if !self.is_finished {
            return members.end();
        }
        let object = |(path, cap): &(Vec<ChildName>, String)| {
            Json::Array(vec![path_json(path), text(&**cap)])
        };
        let texts =
            |texts: &BTreeSet<String>| Json::Array(texts.iter().map(|t| text(&**t)).collect());
        members
            .with("manifest", Json::Array(self.objects.iter().map(object).collect()))
            .with("verifycaps", texts(&self.verify_caps))
            .with("storage-index", texts(&self.storage_indexes))
            .end()
    }

    fn manifest_page(&self, origin: Option<&str>) -> String {
        let origin = origin.map_or("&lt;LIT&gt;", |origin| &origin[..origin.len().min(6)]);
        let mut page = html::begin(&format!("Manifest of SI={origin}"));
        let _ = writeln!(page, "<h1>Manifest of SI={origin}</h1>");
        if !self.is_finished {
            page += "<p>Operation still running: <a href=\"?output=html\">Reload</a></p>\n\
                <form action=\"?t=cancel\" method=\"post\" enctype=\"multipart/form-data\">\
                <input type=\"submit\" value=\"Cancel\"></form>\n";
        }
        page += "<table>\n<tr><th>Path</th><th>cap</th></tr>\n";
        for (path, cap) in &self.objects {
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td><a href=\"/uri/{}\"><code>{}</code></a></td></tr>",
                escape(&joined(path)),
                quoted(cap),
                escape(cap)
            );
        }
        page + "</table>\n" + html::END
    }
}

/// What was counted, under Tahoe-LAFS's names and in its order.
pub(super) fn stats(stats: &DeepStats) -> Members {
    let histogram = stats
        .histogram()
        .map(|(min, max, count)| Json::Array(vec![number(min), number(max), number(count)]))
        .collect();
    Members::default()
        .with("api-version", number(1_u64))
        .with("count-immutable-files", number(stats.immutable_files))
        .with("count-mutable-files", number(stats.mutable_files))
        .with("count-literal-files", number(stats.literal_files))
        .with("count-files", number(stats.files()))
        .with("count-directories", number(stats.directories))
        .with("count-unknown", number(stats.unknown))
        .with("size-immutable-files", number(stats.immutable_size))
        .with("size-literal-files", number(stats.literal_size))
        .with("size-directories", number(stats.directory_size))
        .with("largest-directory", number(stats.largest_directory_size))
        .with("largest-directory-children", number(stats.largest_directory_children))
        .with("largest-immutable-file", number(stats.largest_immutable_file))
        .with("size-files-histogram", Json::Array(histogram))
}

/// The names of a path.
pub(super) fn path_json(path: &[ChildName]) -> Json {
    Json::Array(path.iter().map(|name| text(name.as_str())).collect())
}

/// A path as people write it.
pub(super) fn joined(path: &[ChildName]) -> String {
    path.iter().map(ChildName::as_str).collect::<Vec<_>>().join("/")
}

/// A line for each object, sent as the walk goes, no faster than the client takes them.
pub(super) fn stream_manifest(asked: &Asked<'_>, cap: &DirectoryCap) -> Result<Reply, WebError> {
    let visits = from(asked, cap)?;
    Ok(Reply::streamed(TEXT, Body::lines(lines(visits))))
}

/// The lines of a manifest, those that are there at the same time in one piece. The last one tells
/// the statistics, or why the walk ended early.
fn lines(visits: VisitStream) -> impl Stream<Item = Bytes> + Send + 'static {
    let lines = stream::unfold(Some((visits, DeepStats::new())), |walk| async move {
        let (mut visits, mut stats) = walk?;
        match visits.next().await {
            Some(Ok(visit)) => {
                stats.add(&visit);
                Some((line(&visit), Some((visits, stats))))
            }
            Some(Err(error)) => Some((failure_line(&error.into()), None)),
            None => Some((last_line(&stats), None)),
        }
    });
    lines.ready_chunks(LINES_MAX).map(|lines| Bytes::from(lines.concat()))
}

fn line(visit: &Visit) -> String {
    format!("{}\n", object(visit).end())
}

/// What is told of an object that was met on a walk.
pub(super) fn object(visit: &Visit) -> Members {
    let node = &visit.node;
    let kind = match node {
        Node::Unknown(_) => "unknown",
        node if node.is_directory() && !visit.is_shut => "directory",
        _ => "file",
    };
    let verify_cap = node.to_verifier().map(|cap| cap.to_string()).unwrap_or_default();
    let storage_index = node.storage_index().map(|si| si.to_string()).unwrap_or_default();
    Members::default()
        .with("path", path_json(&visit.path))
        .with("cap", text(node.best_cap().unwrap_or_default()))
        .with("type", text(kind))
        .with("verifycap", text(&*verify_cap))
        .with("repaircap", text(repair_cap(node, verify_cap)))
        .with("storage-index", text(storage_index))
}

/// The weakest cap that repairs: what is mutable needs the write cap for it.
fn repair_cap(node: &Node, verify_cap: String) -> String {
    match node.file() {
        Some(FileCap::ChkRead(_)) => verify_cap,
        _ if node.is_unknown() => String::new(),
        _ => node.write_cap().unwrap_or_default(),
    }
}

/// The last line of a walk that came to its end.
pub(super) fn last_line(found: &DeepStats) -> String {
    let line = Members::default().with("type", text("stats")).with("stats", stats(found).end());
    format!("{}\n", line.end())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn lines_are_made_no_faster_than_they_are_taken() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let visits = stream::repeat_with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let cap = "URI:LIT:nbswy3dp".parse::<tallac_core::cap::LitCap>();
            let node = FileCap::Lit(cap.unwrap()).into();
            Ok(Visit { path: vec![ChildName::new("a\nb")], node, listing: None, is_shut: false })
        });
        let mut lines = std::pin::pin!(lines(Box::pin(visits)));
        for taken in 1..5 {
            let piece = lines.next().await.unwrap();
            assert_eq!(piece.iter().filter(|byte| **byte == b'\n').count(), LINES_MAX);
            assert_eq!(made.load(Ordering::Relaxed), taken * LINES_MAX);
        }
    }
}
