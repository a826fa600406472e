//! What a caller relies on: any k shares give the blocks back, and a wrong call is refused with
//! the outputs untouched.

use proptest::prelude::*;
use zfec::{Codec, Error, Kernel};

/// A code, blocks for it, and share numbers in random order.
fn any_case() -> impl Strategy<Value = (usize, usize, Vec<Vec<u8>>, Vec<usize>)> {
    let shapes = prop_oneof![
        4 => (1usize..=20).prop_flat_map(|n| (1..=n, Just(n))),
        1 => (1usize..=256).prop_flat_map(|n| (1..=n, Just(n))),
    ];
    (shapes, 0usize..400).prop_flat_map(|((k, n), length)| {
        let block = prop::collection::vec(any::<u8>(), length);
        let shares = Just((0..n).collect::<Vec<_>>()).prop_shuffle();
        (Just(k), Just(n), prop::collection::vec(block, k), shares)
    })
}

fn slices(blocks: &[Vec<u8>]) -> Vec<&[u8]> {
    blocks.iter().map(Vec::as_slice).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_k_shares_give_the_blocks_back((k, n, primary, order) in any_case()) {
        for kernel in Kernel::available() {
            let codec = Codec::with_kernel(k, n, kernel).unwrap();
            let parity = codec.encode(&slices(&primary)).unwrap();
            let shares: Vec<&[u8]> = primary.iter().chain(&parity).map(Vec::as_slice).collect();
            let given: Vec<_> = order[..k].iter().map(|&share| (share, shares[share])).collect();
            prop_assert_eq!(&codec.decode(&given).unwrap(), &primary);
        }
    }
}

#[test]
fn every_code_decodes_from_its_last_shares() {
    for n in 1..=256 {
        for k in [1, 2, 3, n / 3, n / 2, n - 1, n] {
            if k < 1 || k > n {
                continue;
            }
            let codec = Codec::new(k, n).unwrap();
            assert_eq!((codec.k(), codec.n()), (k, n));
            let primary: Vec<Vec<u8>> =
                (0..=255).map(|i| vec![i, i ^ 0x5a, 255 - i]).take(k).collect();
            let parity = codec.encode(&slices(&primary)).unwrap();
            let shares = primary.iter().chain(&parity).map(Vec::as_slice).enumerate();
            let given: Vec<_> = shares.skip(n - k).collect();
            assert_eq!(codec.decode(&given).unwrap(), primary, "{k} of {n}");
        }
    }
}

#[test]
fn empty_blocks_are_blocks() {
    let codec = Codec::new(2, 4).unwrap();
    assert_eq!(codec.encode(&[&[], &[]]).unwrap(), [[0u8; 0]; 2]);
    assert_eq!(codec.decode(&[(3, &[]), (2, &[])]).unwrap(), [[0u8; 0]; 2]);
}

#[test]
fn bad_parameters_are_refused() {
    for (k, n) in [(0, 0), (0, 5), (2, 1), (1, 257), (257, 257), (usize::MAX, usize::MAX)] {
        assert_eq!(Codec::new(k, n).unwrap_err(), Error::BadParameters { k, n });
    }
}

#[test]
fn bad_blocks_are_refused() {
    let codec = Codec::new(2, 4).unwrap();
    let check = |result: Result<Vec<Vec<u8>>, Error>, error| assert_eq!(result, Err(error));
    check(codec.encode(&[&[1]]), Error::WrongBlockCount { expected: 2, got: 1 });
    check(codec.encode(&[&[1], &[2, 3]]), Error::UnequalBlocks { expected: 1, got: 2 });
    check(codec.decode(&[]), Error::WrongBlockCount { expected: 2, got: 0 });
    let three: [(usize, &[u8]); 3] = [(0, &[1]), (1, &[2]), (2, &[3])];
    check(codec.decode(&three), Error::WrongBlockCount { expected: 2, got: 3 });
    check(codec.decode(&[(0, &[1]), (2, &[])]), Error::UnequalBlocks { expected: 1, got: 0 });
    check(codec.decode(&[(0, &[1]), (4, &[2])]), Error::ShareOutOfRange { share: 4, n: 4 });
    check(codec.decode(&[(3, &[1]), (3, &[1])]), Error::DuplicateShare { share: 3 });
}

#[test]
fn bad_outputs_are_refused_and_left_alone() {
    let codec = Codec::new(2, 4).unwrap();
    let (mut a, mut b) = ([7; 2], [7; 3]);
    let given: [(usize, &[u8]); 2] = [(0, &[1, 2]), (3, &[3, 4])];
    assert_eq!(
        codec.encode_into(&[&[1, 2], &[3, 4]], &mut [&mut a, &mut b]),
        Err(Error::WrongOutputLength { expected: 2, got: 3 }),
    );
    assert_eq!(
        codec.decode_into(&given, &mut [&mut a, &mut b]),
        Err(Error::WrongOutputLength { expected: 2, got: 3 }),
    );
    assert_eq!(
        codec.decode_into(&given, &mut [&mut a]),
        Err(Error::WrongOutputCount { expected: 2, got: 1 }),
    );
    assert_eq!((a, b), ([7; 2], [7; 3]));
}

#[test]
fn errors_speak_in_plain_words() {
    let check = |error: Error, text: &str| assert_eq!(error.to_string(), text);
    check(
        Error::BadParameters { k: 4, n: 3 },
        "no code has 4 needed of 3 shares: 1 <= needed <= all <= 256",
    );
    check(
        Error::ShareOutOfRange { share: 10, n: 10 },
        "share 10 does not exist: the code has shares 0 to 9",
    );
    check(Error::DuplicateShare { share: 3 }, "share 3 was given twice");
}
