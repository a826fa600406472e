//! Uploads whose client goes away, or does odd things.

use bytes::Bytes;
use foolscap::{Arguments, CallError, RemoteReference, Value};
use futures_util::stream;
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::{AllocateRequest, StorageError, StorageServer as _, WriteRequest};

use super::raw::Raw;
use super::{Served, lease};
use crate::support::SI;

fn secret() -> UploadSecret {
    UploadSecret::new(vec![9; 20])
}

fn allocation(numbers: &[u8], allocated_size: u64) -> AllocateRequest {
    AllocateRequest {
        storage_index: SI,
        share_numbers: numbers.iter().copied().map(ShareNumber::new).collect(),
        allocated_size,
        upload_secret: secret(),
        lease: lease(),
    }
}

fn write(number: u8, at: u64, data: &'static [u8]) -> WriteRequest {
    WriteRequest {
        storage_index: SI,
        share_number: ShareNumber::new(number),
        upload_secret: secret(),
        range: at..at + data.len() as u64,
        total: 0,
        data: Box::pin(stream::iter([Ok(Bytes::from_static(data))])),
    }
}

/// Waits until there are so many uploads.
async fn uploads(served: &Served, count: usize) {
    while served.sim.upload_count() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lost_connection_gives_up_what_is_unfinished() {
    let served = Served::start().await;
    let (tub, client) = served.client();
    client.allocate(allocation(&[0, 1, 2], 10)).await.unwrap();
    assert!(client.write(write(0, 0, b"0123456789")).await.unwrap().is_complete());
    client.write(write(1, 0, b"01234")).await.unwrap();
    assert_eq!(served.sim.upload_count(), 2);
    tub.stop().await;
    uploads(&served, 0).await;
    assert_eq!(served.sim.shares(), [(SI, ShareNumber::new(0))]);
    let answer = client.write(write(1, 5, b"56789")).await;
    assert!(matches!(answer, Err(StorageError::Unreachable(_))), "{answer:?}");
    // Another client can begin anew.
    let (_tub, client) = served.client();
    let again = client.allocate(allocation(&[1], 10)).await.unwrap();
    assert_eq!(again.allocated, [ShareNumber::new(1)].into());
    assert!(client.write(write(1, 0, b"0123456789")).await.unwrap().is_complete());
    served.stop().await;
}

#[tokio::test]
async fn two_who_upload_the_same_do_not_meet() {
    let served = Served::start().await;
    let first = Raw::connect(&served.furl).await;
    let (_, writers) = first.allocate(&[4, 5], 10).await;
    assert_eq!(writers.len(), 2);
    let (have, writers) = first.allocate(&[4, 5, 6], 10).await;
    assert_eq!((have.len(), writers.len()), (0, 1));
    served.stop().await;
}

/// What a share is after these writes and `close`.
async fn closed_after(
    served: &Served,
    size: u64,
    writes: &[(u64, &'static [u8])],
) -> Result<Bytes, CallError> {
    let raw = Raw::connect(&served.furl).await;
    let writer = raw.writer(size).await;
    for (at, data) in writes {
        raw.write(&writer, *at, data).await.unwrap();
    }
    writer.call("close", Arguments::none()).await?;
    Ok(served.sim.share(SI, ShareNumber::new(7)).unwrap())
}

#[tokio::test]
async fn a_share_may_be_closed_with_a_little_left_out() {
    let served = Served::start().await;
    let closed = closed_after(&served, 10, &[(2, b"23"), (6, b"6")]).await.unwrap();
    assert_eq!(closed, b"\0\x0023\0\x006\0\0\0"[..]);
    served.sim.drop_share(SI, ShareNumber::new(7));
    assert_eq!(closed_after(&served, 0, &[]).await.unwrap(), Bytes::new());
    served.sim.drop_share(SI, ShareNumber::new(7));
    let refused = closed_after(&served, 2 << 20, &[(0, b"0")]).await;
    assert!(matches!(refused, Err(CallError::Remote(_))), "{refused:?}");
    assert_eq!((served.sim.upload_count(), served.sim.shares()), (0, Vec::new()));
    served.stop().await;
}

#[tokio::test]
async fn a_whole_share_can_be_written_again_but_not_otherwise() {
    let served = Served::start().await;
    let raw = Raw::connect(&served.furl).await;
    let writer = raw.writer(4).await;
    raw.write(&writer, 0, b"0123").await.unwrap();
    raw.write(&writer, 1, b"12").await.unwrap();
    raw.write(&writer, 4, b"").await.unwrap();
    let refused = async |at, data| match raw.write(&writer, at, data).await {
        Err(CallError::Remote(failure)) => failure.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(1, b"x").await, "allmydata.interfaces.ConflictingWriteError");
    assert_eq!(refused(1, b"1234").await, "allmydata.interfaces.DataTooLargeError");
    assert_eq!(refused(u64::MAX, b"x").await, "allmydata.interfaces.DataTooLargeError");
    let call = async |method| writer.call(method, Arguments::none()).await;
    call("close").await.unwrap();
    assert_eq!(refused(0, b"0").await, "builtins.AssertionError");
    assert!(call("close").await.is_err());
    call("abort").await.unwrap();
    assert_eq!(served.sim.share(SI, ShareNumber::new(7)).unwrap(), b"0123"[..]);
    served.stop().await;
}

#[tokio::test]
async fn writes_are_done_in_their_order() {
    let served = Served::start().await;
    let raw = Raw::connect(&served.furl).await;
    let writer: RemoteReference = raw.writer(100).await;
    let writes = (0..100).map(|at| raw.write(&writer, at, b"x"));
    let close = writer.call("close", Arguments::none());
    let all = async {
        // All are sent before any is answered.
        let (written, closed) = tokio::join!(futures_util::future::join_all(writes), close);
        written.into_iter().collect::<Result<Vec<Value>, _>>().and(closed)
    };
    all.await.unwrap();
    let calls = served.sim.calls().into_iter().filter_map(|call| call.range);
    assert!(calls.map(|range| range.start).eq(0..100));
    assert_eq!(served.sim.share(SI, ShareNumber::new(7)).unwrap(), [b'x'; 100][..]);
    served.stop().await;
}

#[tokio::test]
async fn an_allocation_that_nobody_waits_for_is_given_back() {
    let served = Served::start().await;
    let (_tub, client) = served.client();
    client.version().await.unwrap();
    served.sim.set_fault(tallac_testkit::Operation::Allocate, tallac_testkit::Fault::Hang);
    let sim = served.sim.clone();
    let waiting = tokio::spawn(async move { client.allocate(allocation(&[0, 1], 10)).await });
    while sim.call_count(tallac_testkit::Operation::Allocate) == 0 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    sim.heal_all();
    while sim.call_count(tallac_testkit::Operation::Abort) < 2 {
        tokio::task::yield_now().await;
    }
    uploads(&served, 0).await;
    served.stop().await;
}
