//! Mutable directories over a grid of simulated servers: made, edited, and edited by many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tallac_core::cap::{Cap, DirectoryCap, MutableFormat};
use tallac_core::dirnode::{
    ChildName, ChildType, DirectoryError, Link, Metadata, Node, Overwrite, Removal,
};
use tallac_core::storage::StorageError;
use tallac_grid::directory::{CreateOptions, Directories, DirectoryIoError, Place};
use tallac_testkit::{Call, Fault, Operation};

use crate::directory::{child, node};
use crate::support::{TestGrid, file};

const LITERAL: &str = "URI:LIT:nbswy3dp";
const OTHER: &str = "URI:LIT:mfrgg";

async fn new(grid: &TestGrid, format: MutableFormat) -> DirectoryCap {
    let format = Some(format);
    let options = CreateOptions { format, ..CreateOptions::default() };
    grid.grid.directories().create(options).await.unwrap()
}

fn at<'a>(directory: &'a DirectoryCap, name: &'a ChildName) -> Place<'a> {
    Place { directory, name }
}

async fn listed(directories: &Directories, cap: &DirectoryCap) -> Vec<String> {
    let directory = directories.read(cap).await.unwrap();
    directory.nodes().map(|(name, _)| name.as_str().to_owned()).collect()
}

async fn put(directories: &Directories, cap: &DirectoryCap, name: &str) {
    let name = name.into();
    let link = node(LITERAL).into();
    directories.set_child(at(cap, &name), link, Overwrite::No).await.unwrap();
}

fn refusal<T: std::fmt::Debug>(result: Result<T, DirectoryIoError>) -> DirectoryError {
    match result {
        Err(DirectoryIoError::Directory(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_directory_is_made_with_children_and_read_by_each_cap() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let inner = new(&grid, MutableFormat::Sdmf).await;
    for format in [MutableFormat::Sdmf, MutableFormat::Mdmf] {
        let children = BTreeMap::from([("inner".into(), child(inner.clone().into()))]);
        let options = CreateOptions { format: Some(format), children, key: None };
        let cap = directories.create(options).await.unwrap();
        let prefix = match format {
            MutableFormat::Sdmf => "URI:DIR2:",
            MutableFormat::Mdmf => "URI:DIR2-MDMF:",
        };
        assert!(cap.to_string().starts_with(prefix));
        let found = directories.read(&cap).await.unwrap().get(&"inner".into()).unwrap();
        assert_eq!(found.node, inner.clone().into());
        // As it was given, without times.
        assert_eq!(found.metadata.to_string(), r#"{"x": 1}"#);

        let other = client(&grid).await.grid.directories();
        let read_only = cap.to_readonly();
        let found = other.read(&read_only).await.unwrap().node(&"inner".into()).unwrap();
        assert_eq!(found, Node::from(inner.to_readonly()));
        let name = "a".into();
        let set = other.set_child(at(&read_only, &name), node(LITERAL).into(), Overwrite::Yes);
        assert_eq!(refusal(set.await), DirectoryError::NotWriteable);
    }
}

/// Another client of the same servers.
async fn client(grid: &TestGrid) -> TestGrid {
    TestGrid::of(grid.sims.clone(), (2, 3, 4)).await
}

#[tokio::test]
async fn links_are_set_changed_and_removed() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let cap = new(&grid, MutableFormat::Sdmf).await;
    put(&directories, &cap, "a").await;
    let a = "a".into();
    let made = directories.read(&cap).await.unwrap().get(&a).unwrap().metadata;
    assert!(made.link_created() > Some(1.7e9) && made.link_created() == made.link_modified());

    let again = directories.set_child(at(&cap, &a), node(OTHER).into(), Overwrite::No).await;
    let existing = DirectoryError::ExistingChild { name: a.clone(), is_directory: false };
    assert_eq!(refusal(again), existing);
    let set = directories.set_child(at(&cap, &a), node(OTHER).into(), Overwrite::OnlyFiles);
    let set = set.await.unwrap();
    assert_eq!((set.node, set.metadata.link_created()), (node(OTHER), made.link_created()));

    let metadata = Metadata::parse(r#"{"user": true}"#).unwrap();
    let set = directories.set_metadata(at(&cap, &a), &metadata).await.unwrap();
    assert_eq!(set.metadata.get("user").map(ToString::to_string).as_deref(), Some("true"));

    let inner = new(&grid, MutableFormat::Sdmf).await;
    let links = BTreeMap::from([
        ("b".into(), Link::from(Node::from(inner))),
        ("c".into(), Link::from(node(LITERAL))),
    ]);
    directories.set_children(&cap, &links, Overwrite::No).await.unwrap();
    let wrong = Removal { must_be: Some(ChildType::File), must_exist: true };
    let b = "b".into();
    let refused = refusal(directories.unlink(at(&cap, &b), wrong).await);
    assert!(matches!(refused, DirectoryError::WrongType { .. }));
    assert!(directories.unlink(at(&cap, &b), Removal::default()).await.unwrap().is_some());
    let missing = refusal(directories.unlink(at(&cap, &b), Removal::default()).await);
    assert_eq!(missing, DirectoryError::NoSuchChild { name: b.clone() });
    let optional = Removal { must_exist: false, must_be: None };
    assert_eq!(directories.unlink(at(&cap, &b), optional).await.unwrap(), None);
    assert_eq!(listed(&directories, &cap).await, ["a", "c"]);
    assert_eq!(listed(&client(&grid).await.grid.directories(), &cap).await, ["a", "c"]);
}

#[tokio::test]
async fn children_move_within_and_between_directories() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let first = new(&grid, MutableFormat::Sdmf).await;
    let second = new(&grid, MutableFormat::Mdmf).await;
    put(&directories, &first, "a").await;
    put(&directories, &first, "b").await;
    let (a, b, c) = ("a".into(), "b".into(), "c".into());
    let taken = directories.move_child(at(&first, &a), at(&first, &b), Overwrite::No).await;
    assert!(matches!(refusal(taken), DirectoryError::ExistingChild { .. }));
    directories.move_child(at(&first, &a), at(&first, &c), Overwrite::No).await.unwrap();
    assert_eq!(listed(&directories, &first).await, ["b", "c"]);
    directories.move_child(at(&first, &c), at(&first, &c), Overwrite::No).await.unwrap();
    directories.move_child(at(&first, &c), at(&second, &a), Overwrite::No).await.unwrap();
    assert_eq!(listed(&directories, &first).await, ["b"]);
    assert_eq!(listed(&directories, &second).await, ["a"]);
    let gone = directories.move_child(at(&first, &a), at(&second, &a), Overwrite::Yes).await;
    assert_eq!(refusal(gone), DirectoryError::NoSuchChild { name: a.clone() });
    let read_only = second.to_readonly();
    let refused = directories.move_child(at(&first, &b), at(&read_only, &b), Overwrite::Yes).await;
    assert_eq!(refusal(refused), DirectoryError::NotWriteable);
    assert_eq!(listed(&directories, &first).await, ["b"]);
}

#[tokio::test]
async fn of_directories_made_at_the_same_time_one_is_everybodys() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let cap = new(&grid, MutableFormat::Sdmf).await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..4 {
        let (client, cap) = (client(&grid).await, cap.clone());
        tasks.spawn(async move {
            let directories = client.grid.directories();
            let name = "inner".into();
            let options = CreateOptions::default();
            let inner = directories.ensure_directory(at(&cap, &name), options).await.unwrap();
            put(&directories, inner.directory().unwrap(), &i.to_string()).await;
        });
    }
    tasks.join_all().await;
    let directories = grid.grid.directories();
    let inner = directories.resolve(&cap.clone().into(), &["inner".into()]).await.unwrap().node;
    let inner = inner.directory().unwrap();
    assert_eq!(listed(&directories, inner).await, ["0", "1", "2", "3"]);
    let file = "0".into();
    let refused = directories.ensure_directory(at(inner, &file), CreateOptions::default()).await;
    let existing = DirectoryError::ExistingChild { name: file.clone(), is_directory: false };
    assert_eq!(refusal(refused), existing);
}

#[tokio::test]
async fn files_are_uploaded_and_linked() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let cap = new(&grid, MutableFormat::Sdmf).await;
    let name = "file".into();
    let options = Default::default();
    let put = directories.add_file(at(&cap, &name), file(3000), options, Overwrite::No).await;
    let found = directories.resolve(&cap.into(), &[name]).await.unwrap().node;
    assert_eq!((found.size(), found.cap()), (Some(3000), put.unwrap().node.cap()));
}

#[tokio::test]
async fn an_unchanged_directory_is_listed_in_one_round_trip_and_edited_in_two() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let directories = grid.grid.directories();
    let cap = new(&grid, MutableFormat::Sdmf).await;
    put(&directories, &cap, "a").await;
    let first = directories.read(&cap).await.unwrap();
    let slots = |grid: &TestGrid| -> Vec<usize> {
        let count =
            |operation| grid.sims.iter().map(|sim| sim.call_count(operation)).max().unwrap();
        [Operation::ReadSlot, Operation::WriteSlot].map(count).to_vec()
    };
    let before = slots(&grid);
    assert!(Arc::ptr_eq(&first, &directories.read(&cap).await.unwrap()));
    let listed = slots(&grid);
    assert_eq!((listed[0] - before[0], listed[1] - before[1]), (1, 0));
    put(&directories, &cap, "b").await;
    let edited = slots(&grid);
    assert!(edited[0] - listed[0] + edited[1] - listed[1] <= 2, "{listed:?} {edited:?}");
    // What somebody else did is seen.
    put(&client(&grid).await.grid.directories(), &cap, "c").await;
    let names = directories.read(&cap).await.unwrap();
    assert_eq!(names.len(), 3);
}

/// Adds a name until it is said to be there, finding lost servers again.
async fn insist(client: &TestGrid, cap: &DirectoryCap, name: &ChildName) {
    for _ in 0..100 {
        let directories = client.grid.directories();
        let set = directories.set_child(at(cap, name), node(LITERAL).into(), Overwrite::Yes);
        if set.await.is_ok() {
            return;
        }
        for server in client.grid.servers().all() {
            server.poll().await;
        }
    }
    panic!("{name} could not be added");
}

/// Clients that add different names to one directory at the same time: all are there in the end.
async fn all_names_are_there(clients: usize, each: usize, lossy: bool) {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let cap = new(&grid, MutableFormat::Sdmf).await;
    for (i, sim) in grid.sims.iter().enumerate().filter(|_| lossy) {
        let mut count = i;
        sim.set_fate(move |call: &Call| {
            count += 1;
            let gone = StorageError::Unreachable("the connection broke".into());
            let is_lost = call.operation == Operation::WriteSlot && count % 7 == 0;
            is_lost.then_some(Fault::LoseReply(gone))
        });
    }
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..clients {
        let (client, cap) = (client(&grid).await, cap.clone());
        tasks.spawn(async move {
            for i in 0..each {
                let name = ChildName::new(&format!("{writer} {i}"));
                if lossy {
                    insist(&client, &cap, &name).await;
                } else {
                    put(&client.grid.directories(), &cap, name.as_str()).await;
                }
            }
        });
    }
    tasks.join_all().await;
    let mut expected: Vec<_> =
        (0..clients).flat_map(|w| (0..each).map(move |i| format!("{w} {i}"))).collect();
    expected.sort();
    let other = client(&grid).await;
    assert_eq!(listed(&other.grid.directories(), &cap).await, expected);
}

#[tokio::test(start_paused = true)]
async fn all_that_many_clients_add_is_there() {
    all_names_are_there(5, 4, false).await;
}

#[tokio::test(start_paused = true)]
async fn all_that_many_clients_add_is_there_though_answers_are_lost() {
    all_names_are_there(3, 4, true).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let grid = TestGrid::new(4, (2, 3, 4)).await;
    let cap = "URI:DIR2:aaaqeayeaudaocajbifqydiob4:\
               aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";
    let cap = DirectoryCap::try_from(Cap::parse(cap)).unwrap();
    let directories = grid.grid.directories();
    assert!(matches!(directories.read(&cap).await, Err(DirectoryIoError::Mutable(_))));
    let verifier = cap.to_verifier().unwrap();
    let refused = refusal(directories.read(&verifier).await);
    assert!(matches!(refused, DirectoryError::NotReadable(_)));
}
