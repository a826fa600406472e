//! Mutable slots on the wire: statuses, bodies large and odd, and servers that read slots or not.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, WriteEnabler};
use tallac_core::storage::{
    ReadVector, ShareChange, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, TestVector, WriteVector,
};
use tallac_net::gbs::{GbsClient, ServerLimits};
use tallac_net::transport::Ways;
use tallac_testkit::{Fault, Operation};

use crate::support::{RawRequest, SI, Served};

/// `{"test-write-vectors": {3: {"test": [], "write": [{"offset": 0, "data": b"share"}],
/// "new-length": null}}, "read-vector": [{"offset": 1, "size": 3}]}`
const WRITE: &str = concat!(
    "a272746573742d77726974652d766563746f7273a103a3647465737480657772697465",
    "81a2666f6666736574006464617461457368617265",
    "6a6e65772d6c656e677468f66b726561642d766563746f7281a2666f6666736574016473697a6503"
);

/// `{"share-numbers": {}, "read-vector": [{"offset": 1, "size": 3}]}`
const READ: &str = concat!(
    "a26d73686172652d6e756d62657273d90102806b726561642d766563746f72",
    "81a2666f6666736574016473697a6503"
);

fn path(rest: &str) -> String {
    format!("/storage/v1/mutable/{SI}/{rest}")
}

fn of_hex(text: &str) -> Bytes {
    hex::decode(text).unwrap().into()
}

fn share(number: u8) -> ShareNumber {
    ShareNumber::new(number)
}

impl Served {
    fn change(&self) -> RawRequest {
        let request = self.request(Method::POST, &path("read-test-write"));
        request.lease().secret("write-enabler", &[3; 32]).body(of_hex(WRITE))
    }

    fn read_all(&self) -> RawRequest {
        self.request(Method::POST, &path("read")).body(of_hex(READ))
    }

    fn client(&self) -> GbsClient {
        GbsClient::new(std::slice::from_ref(&self.nurl), &Ways::direct()).unwrap()
    }
}

/// A request that writes `data` to share 3 if it holds nothing.
fn creation(data: Bytes) -> SlotWriteRequest {
    let change = ShareChange {
        tests: vec![TestVector::absent()],
        writes: vec![WriteVector { offset: 0, data }],
        new_length: None,
    };
    SlotWriteRequest {
        storage_index: SI,
        write_enabler: WriteEnabler::new([3; 32]),
        lease: LeaseSecrets {
            renew: RenewSecret::new([1; 32]),
            cancel: CancelSecret::new([2; 32]),
        },
        changes: [(share(3), change)].into(),
        reads: Vec::new(),
    }
}

fn reading(reads: &[ReadVector]) -> SlotReadRequest {
    SlotReadRequest { storage_index: SI, share_numbers: Vec::new(), reads: reads.into() }
}

#[tokio::test]
async fn changes() {
    let served = Served::start().await;
    let nothing = "a26773756363657373f56464617461a0";
    assert_eq!(hex::encode(served.change().expect(200).await.body()), nothing);
    let answer = served.change().expect(200).await;
    assert_eq!(hex::encode(answer.body()), "a26773756363657373f56464617461a1038143686172");
    assert_eq!(answer.headers()["content-type"], "application/cbor");
    assert_eq!(served.sim.slot_share(SI, share(3)).unwrap(), b"share");

    let other = served.change().without("x-tahoe-authorization").lease();
    assert!(other.secret("write-enabler", &[4; 32]).expect(401).await.body().is_empty());
    served.change().header("accept", "*/*").expect(406).await;
    served.change().header("content-type", "application/json").expect(415).await;
    served.change().body("nonsense").expect(400).await;
    served.change().body(Bytes::new()).expect(400).await;
    served.change().body([of_hex(WRITE), of_hex("00")].concat()).expect(400).await;
    served.change().without("authorization").expect(401).await;
    assert_eq!(served.sim.call_count(Operation::WriteSlot), 3);
    served.stop().await;
}

#[tokio::test]
async fn a_change_needs_exactly_its_secrets() {
    let served = Served::start().await;
    let bare = || served.change().without("x-tahoe-authorization");
    bare().expect(400).await;
    bare().lease().expect(400).await;
    bare().secret("write-enabler", &[3; 32]).expect(400).await;
    bare().lease().secret("write-enabler", &[3; 31]).expect(400).await;
    bare().lease().secret("write-enabler", &[]).expect(400).await;
    served.change().upload_secret().expect(400).await;
    served.change().secret("write-enabler", &[3; 32]).expect(400).await;
    served.read_all().lease().expect(400).await;
    assert!(served.sim.calls().is_empty());
}

#[tokio::test]
async fn reads() {
    let served = Served::start().await;
    assert_eq!(served.read_all().expect(200).await.body()[..], *b"\xa0");
    served.change().expect(200).await;
    assert_eq!(hex::encode(served.read_all().expect(200).await.body()), "a1038143686172");
    served.read_all().body("x").expect(400).await;
    served.read_all().body(vec![0; 8193]).expect(413).await;

    let get = |rest: &str| served.request(Method::GET, &path(rest));
    assert_eq!(get("shares").expect(200).await.body()[..], *b"\xd9\x01\x02\x81\x03");
    assert_eq!(get("3").expect(200).await.body(), "share");
    assert_eq!(get("3").header("range", "bytes=2-9").expect(206).await.body(), "are");
    get("3").header("range", "bytes=5-9").expect(204).await;
    get("3").header("range", "bytes=5-").expect(416).await;
    get("4").expect(404).await;

    let report = |number: u8| {
        let request = served.request(Method::POST, &path(&format!("{number}/corrupt")));
        request.body(of_hex("a166726561736f6e63626164"))
    };
    report(3).expect(200).await;
    report(4).expect(404).await;
    let lease = format!("/storage/v1/lease/{SI}");
    served.request(Method::PUT, &lease).lease().expect(204).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_whatever_it_says() {
    let limits = ServerLimits { slot_bodies_max: 2 << 20, ..ServerLimits::default() };
    let served = Served::start_with(limits).await;
    served.change().body(vec![0; (2 << 20) + 1]).expect(413).await;
    let answer = served.client().write_slot(creation(vec![7; 3 << 20].into())).await;
    assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
    assert!(served.sim.calls().is_empty());
    // What does fit does so many times over, if one waits for the other.
    let client = served.client();
    let data = Bytes::from(vec![7; (2 << 20) - 1000]);
    let changes = (0..5).map(|_| client.write_slot(creation(data.clone())));
    let answers = futures_util::future::join_all(changes).await;
    let succeeded = answers.into_iter().filter(|answer| answer.as_ref().unwrap().success);
    assert_eq!(succeeded.count(), 1);
    assert_eq!(served.sim.slot_share(SI, share(3)).unwrap(), data);
}

#[tokio::test]
async fn a_large_change_does_not_wait_for_room_for_ever() {
    let silence_timeout = Duration::from_millis(200);
    let limits =
        ServerLimits { slot_bodies_max: 2 << 20, silence_timeout, ..ServerLimits::default() };
    let served = Served::start_with(limits).await;
    served.sim.set_fault(Operation::WriteSlot, Fault::Hang);
    let (client, sim) = (served.client(), served.sim.clone());
    let data = Bytes::from(vec![7; (2 << 20) - 1000]);
    let first = creation(data.clone());
    let first = tokio::spawn(async move { client.write_slot(first).await });
    while sim.call_count(Operation::WriteSlot) == 0 {
        tokio::task::yield_now().await;
    }
    let answer = served.client().write_slot(creation(data)).await;
    assert!(matches!(answer, Err(StorageError::Unreachable(_))), "{answer:?}");
    sim.heal_all();
    assert!(first.await.unwrap().unwrap().success);
}

#[tokio::test]
async fn a_long_change_goes_over_a_connection_that_went_stale() {
    let mut served = Served::start().await;
    let client = served.client();
    let data: Bytes = (0..5_000_000u32).map(|at| at.to_le_bytes()[1]).collect();
    client.version().await.unwrap();
    served = served.restart().await;
    let answer = client.write_slot(creation(data.clone())).await.unwrap();
    assert_eq!(answer, SlotWriteAnswer { success: true, ..SlotWriteAnswer::default() });
    served = served.restart().await;
    let read = client.read_slot(reading(&[ReadVector::new(1, 1 << 40)])).await.unwrap();
    assert_eq!(read[&share(3)], [data.slice(1..)]);
    served.stop().await;
}

#[tokio::test]
async fn more_than_fits_an_answer_is_refused() {
    let served = Served::start().await;
    let client = served.client();
    client.write_slot(creation(vec![7; 16 << 20].into())).await.unwrap();
    let twice = [ReadVector::new(0, u64::MAX), ReadVector::new(0, u64::MAX)];
    for _ in 0..2 {
        let answer = client.read_slot(reading(&twice)).await;
        assert!(matches!(answer, Err(StorageError::BadRequest(_))), "{answer:?}");
        let answer = client.read_slot(reading(&twice[..1])).await.unwrap();
        assert_eq!(answer[&share(3)][0].len(), 16 << 20);
        served.sim.set_application_version("tahoe-lafs/1.20.0");
        client.version().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_says_it_is_another_program_is_read_share_by_share() {
    let served = Served::start().await;
    let client = served.client();
    client.write_slot(creation("share".into())).await.unwrap();
    let request = reading(&[ReadVector::new(0, 2), ReadVector::new(1, 0), ReadVector::new(3, 9)]);
    let expected = [(share(3), vec!["sh".into(), Bytes::new(), "re".into()])].into();
    let counts = || [Operation::ReadSlot, Operation::List].map(|op| served.sim.call_count(op));
    assert_eq!(client.read_slot(request.clone()).await.unwrap(), expected);
    assert_eq!(counts(), [1, 0]);

    served.sim.set_application_version("tahoe-lafs/1.20.0");
    client.version().await.unwrap();
    assert_eq!(client.read_slot(request.clone()).await.unwrap(), expected);
    assert_eq!(counts(), [1, 1]);
    // Shares that are named need not be looked for first.
    let named = SlotReadRequest { share_numbers: vec![share(3), share(4)], ..request.clone() };
    assert_eq!(client.clone().read_slot(named.clone()).await.unwrap(), expected);
    assert_eq!(counts(), [1, 1]);
    // Unless nothing is read of them.
    let empty = SlotReadRequest { reads: vec![ReadVector::new(1, 0)], ..named };
    assert_eq!(client.read_slot(empty).await.unwrap(), [(share(3), vec![Bytes::new()])].into());
    assert_eq!(counts(), [1, 2]);

    served.sim.set_application_version("tallac/1");
    client.version().await.unwrap();
    assert_eq!(client.read_slot(request).await.unwrap(), expected);
    assert_eq!(counts(), [2, 2]);
}
