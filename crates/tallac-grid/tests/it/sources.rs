//! Sources and targets.

use std::io::Cursor;

use tallac_grid::download::{FileTarget, WriterTarget};
use tallac_grid::source::{FileSource, ReaderSource};
use tallac_grid::upload::{FileKey, UploadOptions};

use crate::support::{TestGrid, file};

#[tokio::test]
async fn memory_a_file_and_an_open_reader_give_the_same_cap() {
    let grid = TestGrid::new(3, (2, 1, 3)).await;
    let data = file(5000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain");
    std::fs::write(&path, &data).unwrap();
    let uploader = grid.grid.uploader();
    let options = UploadOptions::default;
    let memory = uploader.upload(data.clone(), options()).await.unwrap();
    let from_file = uploader.upload(FileSource::open(&path).unwrap(), options()).await.unwrap();
    let reader = ReaderSource::new(Cursor::new(data.clone())).unwrap();
    let from_reader = uploader.upload(reader, options()).await.unwrap();
    assert_eq!(memory.cap, from_file.cap);
    assert_eq!(memory.cap, from_reader.cap);

    let mut hasher = uploader.key_hasher();
    data.chunks(77).for_each(|piece| hasher.update(piece));
    let known = UploadOptions { key: hasher.finish(), ..options() };
    assert_eq!(uploader.upload(data, known).await.unwrap().cap, memory.cap);
}

#[tokio::test]
async fn the_key_hasher_agrees_for_every_size() {
    let grid = TestGrid::new(1, (1, 1, 1)).await;
    let uploader = grid.grid.uploader();
    for len in [0, 1, 55, 56, 57, 999, 1000, 1001, 1999, 2000, 2001] {
        let data = file(len);
        let mut hasher = uploader.key_hasher();
        data.chunks(333).for_each(|piece| hasher.update(piece));
        let known = UploadOptions { key: hasher.finish(), ..UploadOptions::default() };
        let cap = uploader.upload(data.clone(), known).await.unwrap().cap;
        assert_eq!(cap, grid.put(&data).await.unwrap().cap, "{len} bytes");
    }
}

#[tokio::test]
async fn random_keys_have_nothing_in_common() {
    let grid = TestGrid::new(3, (2, 1, 3)).await;
    let options = || UploadOptions { key: FileKey::Random, ..UploadOptions::default() };
    let uploader = grid.grid.uploader();
    let one = uploader.upload(file(500), options()).await.unwrap();
    let other = uploader.upload(file(500), options()).await.unwrap();
    assert_ne!(one.cap, other.cap);
    assert_eq!(grid.get(&one.cap).await.unwrap(), file(500));
    assert_eq!(grid.get(&other.cap).await.unwrap(), file(500));
}

#[tokio::test]
async fn a_file_target_appears_only_when_it_is_whole() {
    let grid = TestGrid::new(3, (2, 1, 3)).await;
    let cap = grid.put(&file(5000)).await.unwrap().cap;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("back");
    let downloader = grid.grid.downloader();
    let mut target = FileTarget::create(&path).await.unwrap();
    assert!(!path.exists());
    assert_eq!(downloader.download(&cap, &mut target).await.unwrap(), 5000);
    assert_eq!(std::fs::read(&path).unwrap(), file(5000));
    drop(FileTarget::create(&path).await.unwrap());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no part is left behind");

    let mut written = Vec::new();
    downloader.download(&cap, &mut WriterTarget(&mut written)).await.unwrap();
    assert_eq!(written, file(5000));
}

#[tokio::test]
async fn a_source_that_shrinks_is_an_error_and_leaves_nothing() {
    let grid = TestGrid::new(3, (2, 1, 3)).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shrinks");
    std::fs::write(&path, file(5000)).unwrap();
    let source = FileSource::open(&path).unwrap();
    std::fs::write(&path, file(100)).unwrap();
    let options = UploadOptions { key: FileKey::Random, ..UploadOptions::default() };
    let error = grid.grid.uploader().upload(source, options).await.unwrap_err();
    assert_eq!(error.to_string(), "the file became shorter while it was read; upload it again");
    assert!(grid.sims.iter().all(|sim| sim.shares().is_empty()));
}
