//! Every kernel of this machine against the `sha2` crate and against published digests.

use proptest::prelude::*;
use sha2::Sha256;

use crate::{Batch, Digest, Kernel, Stream, sha256, sha256d};

/// Bytes that look random, the same on every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

fn single(message: &[u8]) -> Digest {
    <Sha256 as sha2::Digest>::digest(message).into()
}

fn double(message: &[u8]) -> Digest {
    single(&single(message))
}

/// Hashes all messages in one batch on every kernel, once and twice.
fn check_batches(prefix: &[u8], messages: &[&[u8]]) {
    let whole: Vec<Vec<u8>> = messages.iter().map(|data| [prefix, data].concat()).collect();
    let singles: Vec<Digest> = whole.iter().map(|message| single(message)).collect();
    let doubles: Vec<Digest> = whole.iter().map(|message| double(message)).collect();
    for kernel in Kernel::available() {
        let mut batch = Batch::new();
        messages.iter().for_each(|data| {
            batch.push_single(prefix, data);
        });
        assert_eq!(batch.run_on(kernel), singles, "{}", kernel.name());
        let mut batch = Batch::with_capacity(messages.len());
        messages.iter().for_each(|data| {
            batch.push_double(prefix, data);
        });
        assert_eq!(batch.run_on(kernel), doubles, "{}", kernel.name());
    }
    for (data, (single, double)) in messages.iter().zip(singles.iter().zip(&doubles)) {
        assert_eq!(sha256(prefix, data), *single);
        assert_eq!(sha256d(prefix, data), *double);
    }
}

/// Examples of FIPS 180-2 and of NIST's test suite (SHA256ShortMsg).
#[test]
fn published_digests() {
    let million = vec![b'a'; 1_000_000];
    let cases: [(&[u8], &str); 6] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
              hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (&[0xd3], "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    for kernel in Kernel::available() {
        let mut batch = Batch::new();
        for (message, _) in &cases {
            batch.push_single(b"", message);
        }
        for (digest, (_, expected)) in batch.run_on(kernel).iter().zip(&cases) {
            assert_eq!(hex::encode(digest), *expected, "{}", kernel.name());
        }
    }
    for (message, expected) in &cases {
        assert_eq!(hex::encode(sha256(b"", message)), *expected);
    }
}

#[test]
fn every_length_up_to_300() {
    let data = noise(1, 300);
    let messages: Vec<&[u8]> = (0..=data.len()).map(|length| &data[..length]).collect();
    for prefix in [&b""[..], b"34:tag,", &data[..63], &data[..64], &data[..65], &data[..200]] {
        check_batches(prefix, &messages);
    }
}

/// Alone and in company: the kernel is another for each number of lanes.
#[test]
fn every_number_of_messages() {
    let data = noise(2, 1000);
    for count in 0..=13 {
        let equal: Vec<&[u8]> = (0..count).map(|i| &data[i..i + 700]).collect();
        check_batches(b"32:prefix,", &equal);
        let mixed: Vec<&[u8]> = (0..count).map(|i| &data[..i * 997 % 1000]).collect();
        check_batches(b"32:prefix,", &mixed);
    }
}

#[test]
fn every_alignment() {
    let data = noise(3, 64 + 517);
    let messages: Vec<&[u8]> = (0..=64).map(|offset| &data[offset..offset + 517]).collect();
    check_batches(b"", &messages);
    check_batches(b"1:a,", &messages);
}

#[test]
fn lengths_around_large_sizes() {
    let data = noise(4, 131_072 + 65);
    for size in [4096, 43_691, 65_536, 131_072] {
        let messages: Vec<&[u8]> =
            [0, 1, 8, 9, 55, 56, 63, 64, 65].iter().map(|more| &data[..size + more]).collect();
        check_batches(b"29:allmydata_encoded_subshare_v1,", &messages);
    }
}

#[test]
fn digests_come_in_the_order_they_were_asked_for() {
    let (short, long) = (noise(5, 10), noise(6, 5000));
    let mut stream = Stream::new();
    let mut batch = Batch::new();
    assert_eq!(batch.push_double(b"a", &short), 0);
    batch.push_stream(&mut stream, &long);
    assert_eq!(batch.push_single(b"b", &long), 1);
    assert_eq!(batch.push_single(b"", b""), 2);
    assert_eq!(batch.run(), [sha256d(b"a", &short), sha256(b"b", &long), sha256(b"", b"")]);
    assert_eq!(stream.finalize(), sha256(b"", &long));
}

#[test]
fn a_dropped_batch_leaves_its_streams() {
    let mut stream = Stream::with_prefix(b"before");
    Batch::new().push_stream(&mut stream, b"not taken");
    assert_eq!(stream.finalize(), single(b"before"));
}

#[test]
fn nothing_of_a_message_is_shown() {
    let stream = Stream::with_prefix(b"secret");
    assert_eq!(format!("{stream:?}"), "Stream { len: 6, .. }");
}

#[test]
fn the_best_is_the_first_available() {
    assert_eq!(Some(Kernel::best()), Kernel::available().next());
    assert_eq!(Kernel::available().last().map(Kernel::name), Some("portable"));
}

proptest! {
    /// Pieces of any lengths, taken in alone or beside others, make the same message.
    #[test]
    fn streams_go_on_exactly(
        prefix in prop::collection::vec(any::<u8>(), 0..150),
        pieces in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..300), 0..6_usize), 0..8),
    ) {
        for kernel in Kernel::available() {
            let mut stream = Stream::with_prefix(&prefix);
            let mut whole = prefix.clone();
            for (piece, company) in &pieces {
                whole.extend_from_slice(piece);
                if *company == 0 {
                    stream.update(piece);
                    continue;
                }
                let mut batch = Batch::new();
                batch.push_stream(&mut stream, piece);
                let others: Vec<&[u8]> = (1..*company).map(|i| &whole[whole.len() / i..]).collect();
                others.iter().for_each(|other| { batch.push_double(&prefix, other); });
                let digests = batch.run_on(kernel);
                for (digest, other) in digests.iter().zip(others) {
                    prop_assert_eq!(*digest, double(&[&prefix, other].concat()));
                }
            }
            prop_assert_eq!(stream.clone().finalize(), single(&whole));
            prop_assert_eq!(stream.finalize_double(), double(&whole));
        }
    }

    #[test]
    fn any_messages_in_one_batch(
        prefix in prop::collection::vec(any::<u8>(), 0..150),
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..20),
    ) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        check_batches(&prefix, &messages);
    }
}
