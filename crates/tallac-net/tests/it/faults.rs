//! What goes wrong between client and server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ShareKind, ShareStream, StorageError, StorageServer as _,
    WriteProgress, WriteRequest,
};
use tallac_net::gbs::{ClientLimits, GbsClient, GbsClientError, ServerLimits};
use tallac_net::identity::{Location, Network, Nurl, SpkiHash, Swissnum};
use tallac_net::transport::Ways;
use tallac_testkit::{Fault, Operation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{SI, Served};

const SHARE: ShareNumber = ShareNumber::new(0);
const LEN: usize = 3_000_000;
const SOON: Duration = Duration::from_millis(200);

fn client(served: &Served) -> GbsClient {
    GbsClient::new(std::slice::from_ref(&served.nurl), &Ways::direct()).unwrap()
}

fn impatient_client(served: &Served) -> GbsClient {
    let limits = ClientLimits { silence_timeout: SOON, ..ClientLimits::default() };
    GbsClient::with_limits(std::slice::from_ref(&served.nurl), &Ways::direct(), limits).unwrap()
}

async fn allocate(client: &GbsClient, len: usize) {
    let request = AllocateRequest {
        storage_index: SI,
        share_numbers: [SHARE].into(),
        allocated_size: len as u64,
        upload_secret: UploadSecret::new(vec![1; 20]),
        lease: LeaseSecrets {
            renew: RenewSecret::new([1; 32]),
            cancel: CancelSecret::new([2; 32]),
        },
    };
    assert!(client.allocate(request).await.unwrap().allocated.contains(&SHARE));
}

async fn write(
    client: &GbsClient,
    len: usize,
    data: ShareStream,
) -> Result<WriteProgress, StorageError> {
    let request = WriteRequest {
        storage_index: SI,
        share_number: SHARE,
        upload_secret: UploadSecret::new(vec![1; 20]),
        range: 0..len as u64,
        total: len as u64,
        data,
    };
    client.write(request).await
}

async fn read(client: &GbsClient) -> Result<Vec<u8>, StorageError> {
    let request = ReadRequest {
        kind: ShareKind::Immutable,
        storage_index: SI,
        share_number: SHARE,
        range: Some(0..LEN as u64),
    };
    let pieces: Vec<Bytes> = client.read(request).await?.try_collect().await?;
    Ok(pieces.concat())
}

fn sample() -> Bytes {
    (0..LEN).map(|at| at.to_le_bytes()[1]).collect()
}

fn pieces(data: &Bytes) -> ShareStream {
    let data = data.clone();
    let starts = (0..data.len()).step_by(100_000);
    Box::pin(stream::iter(starts.map(move |at| Ok(data.slice(at..(at + 100_000).min(data.len()))))))
}

#[tokio::test]
async fn whoever_has_another_key_is_refused() {
    let served = Served::start().await;
    let good = client(&served);
    good.list(ShareKind::Immutable, SI).await.unwrap();
    served.sim.forget_calls();
    // After the good client's session, which this one must not take up.
    let location = served.nurl.locations()[0].clone();
    let nurl = Nurl::new(SpkiHash::new([1; 32]), location, served.nurl.swissnum().clone());
    let bad = GbsClient::new(&[nurl], &Ways::direct()).unwrap();
    let answer = bad.list(ShareKind::Immutable, SI).await;
    assert!(matches!(answer, Err(StorageError::Unreachable(_))), "{answer:?}");
    assert!(served.sim.calls().is_empty());
}

#[tokio::test]
async fn a_wrong_swissnum_is_refused() {
    let served = Served::start().await;
    let location = served.nurl.locations()[0].clone();
    let swissnum = Swissnum::from_text("wrong").unwrap();
    let nurl = Nurl::new(*served.nurl.spki_hash(), location, swissnum);
    let client = GbsClient::new(&[nurl], &Ways::direct()).unwrap();
    assert!(matches!(client.version().await, Err(StorageError::Unauthorized)));
    assert!(served.sim.calls().is_empty());
}

#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let served = Served::start().await;
    let (hash, swissnum) = (*served.nurl.spki_hash(), served.nurl.swissnum().clone());
    let nobody = Location::new("127.0.0.1", port).unwrap();
    let onion = Location::new("x.onion", 1).unwrap();
    let onion = Nurl::with_network(Network::Tor, hash, onion, swissnum.clone());
    let alone = GbsClient::new(std::slice::from_ref(&onion), &Ways::direct());
    assert_eq!(alone.unwrap_err(), GbsClientError::NoAddress);
    let nurls = [onion, Nurl::new(hash, nobody, swissnum), served.nurl.clone()];
    GbsClient::new(&nurls, &Ways::direct()).unwrap().version().await.unwrap();
    let unreachable = GbsClient::new(&nurls[..2], &Ways::direct()).unwrap().version().await;
    assert!(matches!(unreachable, Err(StorageError::Unreachable(_))));
}

#[tokio::test]
async fn a_restart_between_requests_is_not_seen() {
    let mut served = Served::start().await;
    let client = client(&served);
    let data = sample();
    allocate(&client, LEN).await;
    for _ in 0..3 {
        served = served.restart().await;
        client.list(ShareKind::Immutable, SI).await.unwrap();
    }
    served = served.restart().await;
    assert!(write(&client, LEN, pieces(&data)).await.unwrap().is_complete());
    served = served.restart().await;
    assert_eq!(read(&client).await.unwrap(), data);
    served.stop().await;
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_write_is_noticed() {
    let served = Served::start().await;
    let client = client(&served);
    allocate(&client, LEN).await;
    served.sim.fault_after_written(1_000_000, Fault::Hang);
    let writing = tokio::spawn(async move { write(&client, LEN, pieces(&sample())).await });
    while served.sim.bytes_written() == 0 {
        tokio::task::yield_now().await;
    }
    served.kill().await;
    let answer = writing.await.unwrap();
    assert!(matches!(answer, Err(StorageError::Unreachable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_read_is_noticed() {
    let served = Served::start().await;
    let client = client(&served);
    served.sim.put_share(SI, SHARE, sample());
    served.sim.fault_after_read(1_000_000, Fault::Hang);
    let request = ReadRequest {
        kind: ShareKind::Immutable,
        storage_index: SI,
        share_number: SHARE,
        range: Some(0..LEN as u64),
    };
    let mut stream = client.read(request).await.unwrap();
    stream.next().await.unwrap().unwrap();
    served.kill().await;
    let rest: Result<Vec<Bytes>, _> = stream.try_collect().await;
    assert!(matches!(rest, Err(StorageError::Unreachable(_))), "{rest:?}");
}

#[tokio::test]
async fn a_share_that_breaks_off_is_not_taken_for_whole() {
    let served = Served::start().await;
    served.sim.put_share(SI, SHARE, sample());
    let fault = Fault::Fail(StorageError::Damaged("disk".into()));
    served.sim.fault_after_read(1_000_000, fault);
    assert!(matches!(read(&client(&served)).await, Err(StorageError::Unreachable(_))));
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_write_is_heard() {
    let served = Served::start().await;
    let client = client(&served);
    allocate(&client, LEN).await;
    served.sim.fault_after_written(100_000, Fault::Fail(StorageError::NoSpace));
    let answer = write(&client, LEN, pieces(&sample())).await;
    assert!(matches!(answer, Err(StorageError::NoSpace)), "{answer:?}");
}

#[tokio::test]
async fn a_source_that_fails_is_told_apart_from_the_server() {
    let served = Served::start().await;
    let client = client(&served);
    allocate(&client, LEN).await;
    let failure = StorageError::Local("the file is gone".into());
    let data = pieces(&sample()).take(5).chain(stream::iter([Err(failure)]));
    let answer = write(&client, LEN, Box::pin(data)).await;
    assert!(matches!(answer, Err(StorageError::Local(_))), "{answer:?}");
    assert!(write(&client, LEN, pieces(&sample())).await.unwrap().is_complete());
}

#[tokio::test]
async fn a_source_that_ends_late_is_not_waited_for() {
    let served = Served::start().await;
    let client = client(&served);
    allocate(&client, LEN).await;
    let data = pieces(&sample()).chain(stream::pending());
    assert!(write(&client, LEN, Box::pin(data)).await.unwrap().is_complete());
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let served = Served::start().await;
    let client = impatient_client(&served);
    served.sim.put_share(SI, SHARE, sample());
    served.sim.set_fault(Operation::List, Fault::Hang);
    let listed = client.list(ShareKind::Immutable, SI).await;
    assert!(matches!(listed, Err(StorageError::TimedOut { .. })), "{listed:?}");
    served.sim.fault_after_read(1_000_000, Fault::Hang);
    let data = read(&client).await;
    assert!(matches!(data, Err(StorageError::TimedOut { .. })), "{data:?}");
    served.sim.heal_all();
    assert_eq!(read(&client).await.unwrap(), sample());
}

#[tokio::test]
async fn a_server_that_hangs_in_a_write_is_given_up() {
    let served = Served::start().await;
    let client = impatient_client(&served);
    allocate(&client, LEN).await;
    served.sim.fault_after_written(100_000, Fault::Hang);
    let answer = write(&client, LEN, pieces(&sample())).await;
    assert!(matches!(answer, Err(StorageError::TimedOut { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_slow_source_is_no_silence_of_the_server() {
    let served = Served::start().await;
    let client = impatient_client(&served);
    allocate(&client, 3).await;
    let slow = stream::iter(0..3u8).then(async |byte| {
        tokio::time::sleep(SOON.mul_f32(1.5)).await;
        Ok(Bytes::copy_from_slice(&[byte]))
    });
    assert!(write(&client, 3, Box::pin(slow)).await.unwrap().is_complete());
}

#[tokio::test]
async fn a_server_told_to_stop_ends_what_it_does() {
    let served = Served::start().await;
    let client = client(&served);
    served.sim.set_fault(Operation::List, Fault::Hang);
    let sim = served.sim.clone();
    let listing = tokio::spawn(async move { client.list(ShareKind::Immutable, SI).await });
    while sim.call_count(Operation::List) == 0 {
        tokio::task::yield_now().await;
    }
    served.tell_to_stop();
    let stopping = tokio::spawn(served.stop());
    tokio::task::yield_now().await;
    sim.heal_all();
    listing.await.unwrap().unwrap();
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_server_told_to_stop_does_not_wait_for_ever() {
    let limits = ServerLimits { drain_timeout: SOON, ..ServerLimits::default() };
    let served = Served::start_with(limits).await;
    let client = client(&served);
    served.sim.set_fault(Operation::List, Fault::Hang);
    let sim = served.sim.clone();
    let listing = tokio::spawn(async move { client.list(ShareKind::Immutable, SI).await });
    while sim.call_count(Operation::List) == 0 {
        tokio::task::yield_now().await;
    }
    served.stop().await;
    assert!(listing.await.unwrap().is_err());
}

#[tokio::test]
async fn those_who_say_nothing_are_sent_away() {
    let limits =
        ServerLimits { handshake_timeout: SOON, header_timeout: SOON, ..ServerLimits::default() };
    let served = Served::start_with(limits).await;
    let port = served.nurl.locations()[0].port();
    let mut silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    let mut shy = crate::support::connect(port).await;
    assert_eq!(shy.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let limits =
        ServerLimits { connections_max: 2, header_timeout: SOON, ..ServerLimits::default() };
    let served = Served::start_with(limits).await;
    let clients: Vec<_> = (0..6).map(|_| client(&served)).collect();
    let versions = clients.iter().map(|client| client.version());
    for version in futures_util::future::join_all(versions).await {
        version.unwrap();
    }
}

#[tokio::test]
async fn many_requests_at_once_share_a_few_connections() {
    let served = Served::start().await;
    let port = served.nurl.locations()[0].port();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = Location::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    let nurl = Nurl::new(*served.nurl.spki_hash(), location, served.nurl.swissnum().clone());
    let client = GbsClient::new(&[nurl], &Ways::direct()).unwrap();
    for _ in 0..3 {
        let lists = (0..64).map(|_| client.list(ShareKind::Immutable, SI));
        for list in futures_util::future::join_all(lists).await {
            assert!(list.unwrap().is_empty());
        }
    }
    // A few when answers come fast; more when the machine is slow, but none anew in each round.
    let accepted = accepted.load(Ordering::Relaxed);
    assert!(accepted <= 40, "{accepted} connections for 64 requests at a time");
}

#[tokio::test]
async fn those_who_stop_in_the_middle_are_sent_away() {
    let limits = ServerLimits { silence_timeout: SOON, ..ServerLimits::default() };
    let served = Served::start_with(limits).await;
    allocate(&client(&served), LEN).await;
    let port = served.nurl.locations()[0].port();
    let swissnum = data_encoding::BASE64.encode(served.nurl.swissnum().expose().as_bytes());
    let head = |method: &str, share: u8, rest: &str| {
        format!(
            "{method} /storage/v1/immutable/{SI}/{share} HTTP/1.1\r\nhost: x\r\n\
             authorization: Tahoe-LAFS {swissnum}\r\n{rest}\r\n"
        )
    };

    let mut writer = crate::support::connect(port).await;
    let secret = data_encoding::BASE64.encode(&[1; 20]);
    let rest = format!(
        "x-tahoe-authorization: upload-secret {secret}\r\n\
         content-range: bytes 0-{}/*\r\ncontent-length: {LEN}\r\n",
        LEN - 1
    );
    writer.write_all(head("PATCH", 0, &rest).as_bytes()).await.unwrap();
    writer.write_all(b"some").await.unwrap();
    let mut answer = Vec::new();
    let _ = writer.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 504 "), "{}", answer.escape_ascii());

    // More than all buffers between the two together.
    served.sim.put_share(SI, ShareNumber::new(1), vec![0; 64_000_000].into());
    let mut reader = crate::support::connect(port).await;
    reader.write_all(head("GET", 1, "").as_bytes()).await.unwrap();
    let start = std::time::Instant::now();
    while served.sim.bytes_read() == 0 {
        tokio::task::yield_now().await;
    }
    served.stop().await;
    assert!(start.elapsed() < ServerLimits::default().drain_timeout);
    drop(reader);
}
