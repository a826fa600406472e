//! Walks over directories that are made when they are read.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tallac_core::cap::{FileCap, Fingerprint, LitCap, MutableFormat, ReadKey, SskReadCap};
use tallac_core::dirnode::{DirectoryAccess, DirectoryError};
use tallac_core::netstring;
use tokio::sync::{Barrier, mpsc};

use super::*;
use crate::directory::DeepStats;

fn file_cap(number: u32) -> FileCap {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&number.to_be_bytes());
    let fingerprint = Fingerprint::new([0; 32]);
    FileCap::SskRead(SskReadCap::new(MutableFormat::Sdmf, ReadKey::new(key), fingerprint))
}

fn directory(number: u32) -> Node {
    DirectoryCap::new(file_cap(number)).into()
}

fn file(number: u32) -> Node {
    file_cap(1_000_000_000 + number).into()
}

fn literal(content: &str) -> Node {
    FileCap::Lit(LitCap::new(content.into())).into()
}

fn unknown(read: &str) -> Node {
    Node::from_caps(None, Some(read), tallac_core::cap::Context::Any).unwrap()
}

fn number(cap: &DirectoryCap) -> u32 {
    let FileCap::SskRead(cap) = cap.file() else { panic!("another kind") };
    u32::from_be_bytes(cap.read_key().expose()[..4].try_into().unwrap())
}

/// The directory with these children, as its reader finds it. Packed by hand, as that is quick.
fn table<S: AsRef<str>>(children: impl IntoIterator<Item = (S, Node)>) -> Arc<Directory> {
    let mut packed = Vec::new();
    for (name, node) in children {
        let mut entry = Vec::new();
        let read = node.read_cap().unwrap();
        for field in [name.as_ref(), read.trim_start_matches("ro."), "", "{}"] {
            netstring::push(&mut entry, field.as_bytes());
        }
        netstring::push(&mut packed, &entry);
    }
    Arc::new(Directory::unpack(&packed.into(), DirectoryAccess::Read).unwrap())
}

/// Makes the directory of a number when it is read.
struct Fake<F> {
    make: F,
    read: AtomicU64,
}

impl<F: Fn(u32) -> ReadResult + Send + Sync + 'static> Reader for Fake<F> {
    fn read(self: Arc<Self>, cap: DirectoryCap) -> BoxFuture<'static, ReadResult> {
        self.read.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { (self.make)(number(&cap)) })
    }
}

fn fake<F: Fn(u32) -> ReadResult>(make: F) -> Arc<Fake<F>> {
    Arc::new(Fake { make, read: AtomicU64::new(0) })
}

fn walk<R: Reader>(reader: Arc<R>, root: &Node) -> VisitStream {
    super::walk(reader, root, Unreadable::Ends, Arc::new(|_| false))
}

fn path_text(visit: &Visit) -> String {
    visit.path.iter().map(ChildName::as_str).collect::<Vec<_>>().join("/")
}

async fn paths(mut walk: VisitStream) -> Vec<String> {
    let mut paths = Vec::new();
    while let Some(visit) = walk.next().await {
        paths.push(visit.map_or_else(|error| error.to_string(), |visit| path_text(&visit)));
    }
    paths
}

#[tokio::test]
async fn the_order_is_tahoes_and_each_object_comes_once() {
    let reader = fake(|number| {
        Ok(match number {
            0 => table([
                ("b", directory(1)),
                ("a", directory(2)),
                ("z", file(1)),
                ("y", file(1)),
                ("x", unknown("ro.future")),
                ("w", unknown("ro.future")),
                ("v", literal("same")),
                ("u", literal("same")),
                ("again", directory(0)),
            ]),
            1 => table([("below", directory(3)), ("file", file(2)), ("up", directory(0))]),
            2 => table([("diamond", directory(3)), ("sister", directory(1))]),
            _ => table([("last", file(2)), ("own", file(3))]),
        })
    });
    let mut stats = DeepStats::new();
    let mut walk = walk(Arc::clone(&reader), &directory(0));
    let mut order = Vec::new();
    while let Some(visit) = walk.next().await {
        let visit = visit.unwrap();
        stats.add(&visit);
        order.push(path_text(&visit));
    }
    let expected =
        ["", "w", "x", "u", "v", "y", "a", "a/diamond", "a/diamond/last", "a/diamond/own", "b"];
    assert_eq!(order, expected);
    assert_eq!(reader.read.load(Ordering::Relaxed), 4);
    assert_eq!((stats.directories, stats.mutable_files, stats.unknown), (4, 3, 2));
    assert_eq!((stats.literal_files, stats.literal_size), (2, 8));
    assert_eq!(stats.largest_directory_children, 9);
    let json = serde_json::Value::from(stats.to_json());
    assert_eq!(json["size-files-histogram"], serde_json::json!([[4, 10, 2]]));
    assert_eq!(json["count-files"], 5);
}

#[tokio::test]
async fn a_root_that_is_a_file_is_all_there_is() {
    assert_eq!(paths(walk(fake(|_| unreachable!()), &file(0))).await, [""]);
}

#[tokio::test]
async fn what_cannot_be_read_may_be_left_out() {
    let reader = fake(|number| match number {
        0 => Ok(table([("a", directory(1)), ("b", directory(2))])),
        1 => Err(DirectoryError::NotWriteable.into()),
        _ => Ok(table([("c", file(1))])),
    });
    let mut walk = super::walk(reader, &directory(0), Unreadable::IsLeftOut, Arc::new(|_| false));
    let mut found = Vec::new();
    while let Some(visit) = walk.next().await {
        let visit = visit.unwrap();
        found.push((path_text(&visit), visit.listing.is_some()));
    }
    let expected = [("", true), ("a", false), ("b", true), ("b/c", false)];
    assert_eq!(found, expected.map(|(path, listed)| (path.to_owned(), listed)));
}

#[tokio::test]
async fn what_cannot_be_read_is_visited_and_ends_the_walk() {
    let reader = fake(|number| match number {
        0 => Ok(table([("a", directory(1)), ("b", directory(2))])),
        _ => Err(DirectoryError::NotWriteable.into()),
    });
    let mut walk = walk(reader, &directory(0));
    assert!(walk.next().await.unwrap().unwrap().listing.is_some());
    let broken = walk.next().await.unwrap().unwrap();
    assert_eq!((path_text(&broken).as_str(), broken.listing), ("a", None));
    assert!(walk.next().await.unwrap().is_err());
    assert!(walk.next().await.is_none());
}

/// Reads only return when as many as this are under way.
struct Together(Barrier);

impl Reader for Together {
    fn read(self: Arc<Self>, cap: DirectoryCap) -> BoxFuture<'static, ReadResult> {
        Box::pin(async move {
            if number(&cap) == 0 {
                return Ok(table((1..=8).map(|i| (i.to_string(), directory(i)))));
            }
            self.0.wait().await;
            Ok(table([("file", file(number(&cap)))]))
        })
    }
}

#[tokio::test]
async fn directories_that_come_next_are_read_at_the_same_time() {
    let walk = walk(Arc::new(Together(Barrier::new(8))), &directory(0));
    let paths = tokio::time::timeout(Duration::from_secs(60), paths(walk)).await.unwrap();
    assert_eq!(paths.len(), 17);
    assert_eq!(paths[1..5], ["1", "1/file", "2", "2/file"]);
}

/// Reads that never return, and tell when they are given up.
struct Never(Mutex<mpsc::UnboundedSender<u32>>);

struct GivenUp(mpsc::UnboundedSender<u32>, u32);

impl Drop for GivenUp {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

impl Reader for Never {
    fn read(self: Arc<Self>, cap: DirectoryCap) -> BoxFuture<'static, ReadResult> {
        let told = self.0.lock().unwrap().clone();
        Box::pin(async move {
            if number(&cap) == 0 {
                return Ok(table((1..=3).map(|i| (i.to_string(), directory(i)))));
            }
            let _guard = GivenUp(told, number(&cap));
            std::future::pending().await
        })
    }
}

#[tokio::test]
async fn dropping_a_walk_gives_up_what_is_read_ahead() {
    let (told, mut given_up) = mpsc::unbounded_channel();
    let mut walk = walk(Arc::new(Never(Mutex::new(told))), &directory(0));
    walk.next().await.unwrap().unwrap();
    // Until the reads that were started run.
    assert!(tokio::time::timeout(Duration::from_millis(50), walk.next()).await.is_err());
    drop(walk);
    let mut numbers = vec![given_up.recv().await, given_up.recv().await, given_up.recv().await];
    numbers.sort();
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_path_of_any_length_can_be_dropped() {
    let mut path = Arc::new(Path { parent: None, name: None });
    for _ in 0..1_000_000 {
        path = Arc::new(Path { parent: Some(path), name: None });
    }
    assert!(path.names().is_empty());
}

/// Half a million objects: 50 directories of 20 directories of 500 files, of which each directory
/// shares one with its neighbours.
#[tokio::test]
async fn half_a_million_objects_take_little_memory() {
    let reader = fake(|number| {
        Ok(match number {
            0 => table((1..=50).map(|i| (i.to_string(), directory(i)))),
            1..=50 => table((0..20).map(|i| (i.to_string(), directory(number * 100 + i)))),
            _ => table((0..500).map(|i| {
                let shared = if i == 0 { 0 } else { number * 1000 + i };
                (i.to_string(), file(shared))
            })),
        })
    });
    let mut walk = walk(Arc::clone(&reader), &directory(0));
    let (mut objects, mut directories) = (0, 0);
    while let Some(visit) = walk.next().await {
        objects += 1;
        directories += u64::from(visit.unwrap().listing.is_some());
        let ahead = reader.read.load(Ordering::Relaxed) - directories;
        assert!(ahead <= 3 * AHEAD as u64, "{ahead} tables in memory");
    }
    assert_eq!(directories, 1 + 50 + 1000);
    assert_eq!(objects, directories + 1000 * 499 + 1);
}

/// Tahoe's algorithm, as it is described.
fn reference(
    graph: &[Vec<(String, Node)>],
    at: u32,
    path: &str,
    met: &mut HashSet<String>,
    out: &mut Vec<String>,
) {
    out.push(path.to_owned());
    let mut children = graph[at as usize].clone();
    children.sort_by(|(a, _), (b, _)| a.cmp(b));
    let join = |name: &str| format!("{path}{}{name}", if path.is_empty() { "" } else { "/" });
    let mut later = (Vec::new(), Vec::new());
    for (name, node) in children {
        match node.to_verifier().map(|cap| cap.to_string()) {
            Some(cap) if !met.insert(cap.clone()) => {}
            _ if node.is_unknown() => out.push(join(&name)),
            _ => match node.directory() {
                Some(cap) => later.1.push((join(&name), number(cap))),
                None => later.0.push(join(&name)),
            },
        }
    }
    out.append(&mut later.0);
    for (path, number) in later.1 {
        reference(graph, number, &path, met, out);
    }
}

fn graphs() -> impl Strategy<Value = Vec<Vec<(String, Node)>>> {
    let node = prop_oneof![
        3 => (0_u32..12).prop_map(directory),
        2 => (0_u32..30).prop_map(file),
        1 => Just(literal("same")),
        1 => Just(unknown("ro.future")),
    ];
    let children = proptest::collection::btree_map("[a-d]{1,2}", node, 0..6)
        .prop_map(|children| children.into_iter().collect());
    proptest::collection::vec(children, 12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_graph_is_walked_as_tahoe_walks_it(graph in graphs()) {
        let mut expected = Vec::new();
        let mut met = HashSet::from([directory(0).to_verifier().unwrap().to_string()]);
        reference(&graph, 0, "", &mut met, &mut expected);
        let reader = fake(move |number| Ok(table(graph[number as usize].clone())));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let walked = runtime.block_on(paths(walk(reader, &directory(0))));
        prop_assert_eq!(walked, expected);
    }
}

#[tokio::test]
async fn what_is_shut_is_named_among_the_files_and_not_entered() {
    let is_shut: IsShut = Arc::new(|node| *node == directory(1));
    let reader = fake(|number| match number {
        0 => Ok(table([("a", directory(1)), ("b", directory(2)), ("c", file(3))])),
        _ => Ok(table::<&str>([])),
    });
    let visits = super::walk(Arc::clone(&reader), &directory(0), Unreadable::Ends, is_shut);
    let visits: Vec<_> = visits.map(Result::unwrap).collect().await;
    let seen: Vec<_> = visits.iter().map(|visit| (path_text(visit), visit.is_shut)).collect();
    let expected = [("", false), ("a", true), ("c", false), ("b", false)];
    assert_eq!(seen, expected.map(|(path, is_shut)| (path.to_owned(), is_shut)));
    assert_eq!(reader.read.load(Ordering::Relaxed), 2);
}
