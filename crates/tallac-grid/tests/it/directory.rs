//! Immutable directories over a grid of simulated servers.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use tallac_core::cap::{Cap, Context, DirectoryCap};
use tallac_core::dirnode::{Child, ChildName, DirectoryError, Metadata, Node, Overwrite};
use tallac_grid::directory::{DeepStats, DirectoryIoError, Place};

use crate::support::{TestGrid, file};

const LITERAL: &str = "URI:LIT:nbswy3dp";
const MUTABLE: &str = "URI:SSK:aaaqeayeaudaocajbifqydiob4:\
                       aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";

pub(crate) fn node(cap: &str) -> Node {
    Node::from_caps(Some(cap), None, Context::Any).unwrap()
}

pub(crate) fn child(node: Node) -> Child {
    Child { node, metadata: Metadata::parse(r#"{"x": 1}"#).unwrap() }
}

fn children<'a>(children: impl IntoIterator<Item = (&'a str, Node)>) -> BTreeMap<ChildName, Child> {
    children.into_iter().map(|(name, node)| (name.into(), child(node))).collect()
}

pub(crate) fn names(names: &str) -> Vec<ChildName> {
    names.split('/').filter(|name| !name.is_empty()).map(ChildName::from).collect()
}

/// A directory of literal files that is too large for its cap.
async fn large(grid: &TestGrid, count: usize) -> DirectoryCap {
    let files: BTreeMap<_, _> =
        (0..count).map(|i| (ChildName::new(&format!("file {i}")), child(node(LITERAL)))).collect();
    grid.grid.directories().create_immutable(&files).await.unwrap()
}

#[tokio::test]
async fn small_ones_are_kept_in_their_caps() {
    let grid = TestGrid::new(0, (1, 1, 1)).await;
    let directories = grid.grid.directories();
    let cap = directories.create_immutable(&children([("a", node(LITERAL))])).await.unwrap();
    // That of section 15.7.
    let expected =
        "URI:DIR2-LIT:gm4dumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormha5hwityei5caml5fqwa";
    assert_eq!(cap.to_string(), expected);
    assert_eq!(directories.read(&cap).await.unwrap().get(&"a".into()), Some(child(node(LITERAL))));
    let empty = directories.create_immutable(&BTreeMap::new()).await.unwrap();
    assert_eq!(empty.to_string(), "URI:DIR2-LIT:");
    assert!(directories.read(&empty).await.unwrap().is_empty());
}

#[tokio::test]
async fn larger_ones_are_files_and_read_once() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let cap = large(&grid, 100).await;
    assert!(cap.to_string().starts_with("URI:DIR2-CHK:"));
    assert_eq!(cap, large(&grid, 100).await, "the same children are the same directory");
    let directories = grid.grid.directories();
    assert_eq!(directories.read(&cap).await.unwrap().len(), 100);
    let read = grid.bytes_read();
    assert_eq!(directories.read(&cap).await.unwrap().len(), 100);
    assert_eq!(grid.bytes_read(), read, "it cannot have changed");
}

#[tokio::test]
async fn nothing_that_changes_gets_in() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let breach = directories.create_immutable(&children([("a", node(MUTABLE))])).await;
    let name = "a".into();
    assert!(matches!(
        breach,
        Err(DirectoryIoError::Directory(DirectoryError::DeepImmutable { name: found }))
            if found == name
    ));
    let cap = large(&grid, 10).await;
    let place = Place { directory: &cap, name: &name };
    let refused = directories.set_child(place, node(LITERAL).into(), Overwrite::Yes).await;
    let not_writeable = DirectoryIoError::Directory(DirectoryError::NotWriteable);
    assert_eq!(refused.unwrap_err().to_string(), not_writeable.to_string());
}

#[tokio::test]
async fn paths_are_followed_as_far_as_they_go() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let inner: Node = large(&grid, 10).await.into();
    let outer = children([("inner", inner.clone()), ("file", node(LITERAL))]);
    let root: Node = directories.create_immutable(&outer).await.unwrap().into();

    let found = directories.resolve(&root, &names("inner/file 3")).await.unwrap();
    assert_eq!((found.node, found.depth), (node(LITERAL), 2));
    assert_eq!(found.parent.map(Node::from), Some(inner.clone()));
    assert_eq!(found.metadata.to_string(), r#"{"x": 1}"#);
    let itself = directories.resolve(&root, &[]).await.unwrap();
    assert_eq!((itself.node, itself.parent), (root.clone(), None));

    let missing = directories.resolve(&root, &names("inner/none/further")).await;
    assert_eq!(
        missing.unwrap_err().to_string(),
        "there is no child named \"none\" in the directory"
    );
    let beyond = directories.resolve(&root, &names("file/a")).await;
    let expected = "\"file\" is not a directory, so it has no child \"a\"";
    assert_eq!(beyond.unwrap_err().to_string(), expected);
    let far = directories.resolve_far(&root, &names("inner/none/further")).await.unwrap();
    assert_eq!((far.node, far.depth), (inner, 1));
}

#[tokio::test]
async fn a_walk_counts_everything() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let put = grid.put(&file(5000)).await.unwrap().cap.to_string();
    let inner: Node = large(&grid, 10).await.into();
    let outer = children([
        ("inner", inner.clone()),
        ("again", inner),
        ("file", Cap::parse(&put).into()),
        ("unknown", Node::from_caps(None, Some("imm.future"), Context::Any).unwrap()),
    ]);
    let root = directories.create_immutable(&outer).await.unwrap();
    let visits: Vec<_> = directories.walk(&root.clone().into()).try_collect().await.unwrap();
    let mut stats = DeepStats::new();
    for visit in &visits {
        stats.add(visit);
    }
    assert_eq!(visits.len(), 1 + 1 + 1 + 1 + 10);
    assert_eq!((stats.directories, stats.unknown, stats.files()), (2, 1, 11));
    assert_eq!((stats.immutable_size, stats.literal_size), (5000, 50));
    let size = |cap: &DirectoryCap| Node::from(cap.clone()).size().unwrap();
    let inner = visits[3].node.directory().unwrap();
    assert_eq!(stats.directory_size, size(&root) + size(inner));
    assert_eq!(stats.largest_directory_children, 10);
}
