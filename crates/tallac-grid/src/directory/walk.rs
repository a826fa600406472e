//! Deep traversal (section 5.4): everything that can be reached from a node, each object once.
//!
//! The order is Tahoe's: a directory, then what in it is unknown, its files, and its directories
//! with all below them, each sorted by name. Directories that come soon are read ahead. Kept in
//! memory are a short hash of every object that was met, the directories that are still to come in
//! those on the way to the present one, and what was read ahead.

#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_core::Stream;
use tallac_core::cap::{Cap, DirectoryCap};
use tallac_core::dirnode::{ChildName, Directory, Node};
use tallac_core::hash::{sha256d, truncate};
use tallac_core::storage::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{Directories, DirectoryIoError};
use crate::blocking::blocking_if;

/// How many of the directories that come next are read ahead.
const AHEAD: usize = 8;

/// Directories that are being read at the same time, at most.
const READS_MAX: usize = 16;

/// While tables of more bytes than this wait to be visited, nothing more is read ahead.
const WAITING_SIZE_MAX: u64 = 32 << 20;

/// Something that can be reached.
#[derive(Debug, Clone)]
pub struct Visit {
    /// How: names from the root on, none for the root.
    pub path: Vec<ChildName>,
    /// What it is.
    pub node: Node,
    /// What is in it, if it is a directory that could be read.
    pub listing: Option<Listing>,
    /// Whether nobody is to look into it: it is named, and nothing else is done with it.
    pub is_shut: bool,
}

/// A directory that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Its children.
    pub children: usize,
    /// Bytes of its table.
    pub size: u64,
}

/// Says of a node whether nobody is to look into it.
pub type IsShut = Arc<dyn Fn(&Node) -> bool + Send + Sync>;

/// Visits in order. After an error there are no more. Dropping it ends the walk.
pub type VisitStream = Pin<Box<dyn Stream<Item = Result<Visit, DirectoryIoError>> + Send>>;

impl Directories {
    /// Walks everything that can be reached from a node, the node itself first. A directory that
    /// cannot be read is still visited, without a listing, and then its error ends the walk.
    #[must_use]
    pub fn walk(&self, root: &Node) -> VisitStream {
        walk(Arc::new(self.clone()), root, Unreadable::Ends, Arc::new(|_| false))
    }

    /// The same, and directories that are shut are not entered: they come with the files.
    #[must_use]
    pub fn walk_outside(&self, root: &Node, is_shut: IsShut) -> VisitStream {
        walk(Arc::new(self.clone()), root, Unreadable::Ends, is_shut)
    }

    /// The same, and a directory that cannot be read, which has no listing, ends nothing.
    #[must_use]
    pub fn walk_on(&self, root: &Node) -> VisitStream {
        walk(Arc::new(self.clone()), root, Unreadable::IsLeftOut, Arc::new(|_| false))
    }
}

/// What a directory that cannot be read does to a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unreadable {
    Ends,
    IsLeftOut,
}

/// Reads directories for a walk.
trait Reader: Send + Sync + 'static {
    fn read(self: Arc<Self>, cap: DirectoryCap) -> BoxFuture<'static, ReadResult>;
}

type ReadResult = Result<Arc<Directory>, DirectoryIoError>;

impl Reader for Directories {
    fn read(self: Arc<Self>, cap: DirectoryCap) -> BoxFuture<'static, ReadResult> {
        Box::pin(async move { Self::read(&self, &cap).await })
    }
}

fn walk<R: Reader>(
    reader: Arc<R>,
    root: &Node,
    unreadable: Unreadable,
    is_shut: IsShut,
) -> VisitStream {
    let walk = Walk::new(reader, root, unreadable, is_shut);
    Box::pin(futures_util::stream::unfold(walk, |mut walk| async move {
        let visit = walk.next().await?;
        Some((visit, walk))
    }))
}

/// A walk under way.
struct Walk<R> {
    reads: Arc<Reads<R>>,
    /// Hashes of the verify caps of what was met.
    met: HashSet<[u8; 16]>,
    /// What is next: the rest of the present directory that is no directory.
    leaves: VecDeque<(ChildName, Node)>,
    leaves_path: Vec<ChildName>,
    /// A root that is no directory.
    single: Option<Node>,
    /// Directories to come, the next one last.
    pending: Vec<Pending>,
    unreadable: Unreadable,
    is_shut: IsShut,
    /// What ends the walk.
    error: Option<DirectoryIoError>,
}

/// A directory to come.
struct Pending {
    path: Arc<Path>,
    cap: DirectoryCap,
    read: Option<AbortOnDropHandle<(ReadResult, Waiting)>>,
}

impl<R: Reader> Walk<R> {
    fn new(reader: Arc<R>, root: &Node, unreadable: Unreadable, is_shut: IsShut) -> Self {
        let reads = Reads {
            reader,
            running: Semaphore::new(READS_MAX),
            waiting: Arc::new(AtomicU64::new(0)),
        };
        let mut walk = Self {
            reads: Arc::new(reads),
            met: HashSet::new(),
            leaves: VecDeque::new(),
            leaves_path: Vec::new(),
            single: None,
            pending: Vec::new(),
            unreadable,
            is_shut,
            error: None,
        };
        match root.directory().filter(|_| !(walk.is_shut)(root)) {
            None => walk.single = Some(root.clone()),
            Some(cap) => {
                walk.meets(root);
                let path = Arc::new(Path { parent: None, name: None });
                walk.pending.push(Pending { path, cap: cap.clone(), read: None });
            }
        }
        walk
    }

    /// Whether this is met for the first time. What has no verify cap always is.
    fn meets(&mut self, node: &Node) -> bool {
        let hash = |cap: Cap| truncate(&sha256d(&[cap.to_string().as_bytes()]));
        node.to_verifier().is_none_or(|cap| self.met.insert(hash(cap)))
    }

    async fn next(&mut self) -> Option<Result<Visit, DirectoryIoError>> {
        if let Some(error) = self.error.take() {
            self.pending.clear();
            return Some(Err(error));
        }
        if let Some(node) = self.single.take() {
            return Some(Ok(self.leaf(Vec::new(), node)));
        }
        while let Some((name, node)) = self.leaves.pop_front() {
            if self.meets(&node) {
                let path = self.leaves_path.iter().cloned().chain([name]).collect();
                return Some(Ok(self.leaf(path, node)));
            }
        }
        self.read_ahead();
        let next = self.pending.pop()?;
        Some(Ok(self.enter(next).await))
    }

    /// Visits what is not entered.
    fn leaf(&self, path: Vec<ChildName>, node: Node) -> Visit {
        let is_shut = (self.is_shut)(&node);
        Visit { path, node, listing: None, is_shut }
    }

    fn read_ahead(&mut self) {
        for pending in self.pending.iter_mut().rev().take(AHEAD) {
            if pending.read.is_none() && self.reads.has_room() {
                let read = Arc::clone(&self.reads).ahead(pending.cap.clone());
                pending.read = Some(AbortOnDropHandle::new(tokio::spawn(read.in_current_span())));
            }
        }
    }

    /// Visits a directory: what is in it comes next.
    async fn enter(&mut self, pending: Pending) -> Visit {
        let read = match pending.read {
            None => Arc::clone(&self.reads.reader).read(pending.cap.clone()).await,
            Some(handle) => match handle.await {
                Ok((read, _)) => read,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        };
        let (path, node) = (pending.path.names(), pending.cap.into());
        let mut visit = Visit { path, node, listing: None, is_shut: false };
        match read {
            Err(_) if self.unreadable == Unreadable::IsLeftOut => {}
            Err(error) => self.error = Some(error),
            Ok(directory) => {
                let size = directory.size();
                let contents = Contents::sort(directory, Arc::clone(&self.is_shut)).await;
                visit.listing = Some(Listing { children: contents.count, size });
                self.leaves = contents.leaves;
                self.leaves_path.clone_from(&visit.path);
                self.descend(&pending.path, contents.directories);
                self.read_ahead();
            }
        }
        visit
    }

    /// Adds the directories of one that is visited, without those that were met elsewhere.
    fn descend(&mut self, parent: &Arc<Path>, directories: Vec<(ChildName, DirectoryCap)>) {
        let first = self.pending.len();
        for (name, cap) in directories {
            if self.meets(&cap.clone().into()) {
                let path = Path { parent: Some(Arc::clone(parent)), name: Some(name) };
                self.pending.push(Pending { path: Arc::new(path), cap, read: None });
            }
        }
        self.pending[first..].reverse();
    }
}

/// What is in a directory, in the order of the walk.
struct Contents {
    count: usize,
    leaves: VecDeque<(ChildName, Node)>,
    directories: Vec<(ChildName, DirectoryCap)>,
}

impl Contents {
    async fn sort(directory: Arc<Directory>, is_shut: IsShut) -> Self {
        let is_long = directory.size() > super::INLINE_SIZE_MAX as u64;
        blocking_if(is_long, move || Self::sort_now(&directory, &is_shut)).await
    }

    fn sort_now(directory: &Directory, is_shut: &IsShut) -> Self {
        let (mut unknown, mut files) = (VecDeque::new(), VecDeque::new());
        let (mut count, mut directories) = (0, Vec::new());
        for (name, node) in directory.nodes() {
            count += 1;
            match node {
                node if is_shut(&node) => files.push_back((name.clone(), node)),
                Node::Known(Cap::Directory(cap)) => directories.push((name.clone(), cap)),
                Node::Known(_) => files.push_back((name.clone(), node)),
                Node::Unknown(_) => unknown.push_back((name.clone(), node)),
            }
        }
        unknown.append(&mut files);
        Self { count, leaves: unknown, directories }
    }
}

/// Reads that are under way, and what they brought.
struct Reads<R> {
    reader: Arc<R>,
    running: Semaphore,
    /// Bytes of tables that were read ahead and wait to be visited.
    waiting: Arc<AtomicU64>,
}

/// Counts a table as waiting until it is dropped.
struct Waiting(Arc<AtomicU64>, u64);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl<R: Reader> Reads<R> {
    fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < WAITING_SIZE_MAX
    }

    async fn ahead(self: Arc<Self>, cap: DirectoryCap) -> (ReadResult, Waiting) {
        let _permit = self.running.acquire().await;
        let read = Arc::clone(&self.reader).read(cap).await;
        let size = read.as_ref().map_or(0, |directory| directory.size());
        self.waiting.fetch_add(size, Ordering::Relaxed);
        (read, Waiting(Arc::clone(&self.waiting), size))
    }
}

/// A path, sharing its beginning with its neighbours'.
struct Path {
    parent: Option<Arc<Self>>,
    name: Option<ChildName>,
}

impl Path {
    fn names(&self) -> Vec<ChildName> {
        let mut names: Vec<_> = self.name.iter().cloned().collect();
        let mut at = self.parent.as_ref();
        while let Some(path) = at {
            names.extend(path.name.iter().cloned());
            at = path.parent.as_ref();
        }
        names.reverse();
        names
    }
}

/// One after the other: a path may be longer than the stack is deep.
impl Drop for Path {
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut path) = parent.and_then(Arc::into_inner) {
            parent = path.parent.take();
        }
    }
}
