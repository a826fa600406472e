//! All messages: what is written is read again, and any value is read or refused.

use std::collections::BTreeMap;

use bytes::Bytes;
use foolscap::{Arguments, Value};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, WriteEnabler};
use tallac_core::storage::{
    ReadVector, ShareChange, ShareKind, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest,
    TestVector, WriteVector,
};

use super::{bucket, parse_as_every_answer, parse_as_every_argument, share, slot};

const SI: StorageIndex = StorageIndex::new([7; 16]);

fn lease() -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) }
}

fn number() -> impl Strategy<Value = ShareNumber> + Clone {
    any::<u8>().prop_map(ShareNumber::new)
}

fn data() -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn read() -> impl Strategy<Value = ReadVector> + Clone {
    (any::<u64>(), 0u64..1 << 20).prop_map(|(offset, size)| ReadVector { offset, size })
}

fn change() -> impl Strategy<Value = ShareChange> + Clone {
    let test = (any::<u64>(), data(), 0u64..2).prop_map(|(offset, specimen, more)| TestVector {
        offset,
        size: specimen.len() as u64 + more,
        specimen,
    });
    let write = (any::<u64>(), data()).prop_map(|(offset, data)| WriteVector { offset, data });
    (vec(test, 0..4), vec(write, 0..4), any::<Option<u64>>())
        .prop_map(|(tests, writes, new_length)| ShareChange { tests, writes, new_length })
}

fn request() -> impl Strategy<Value = SlotWriteRequest> {
    (btree_map(number(), change(), 0..4), vec(read(), 0..4)).prop_map(|(changes, reads)| {
        let write_enabler = WriteEnabler::new([3; 32]);
        SlotWriteRequest { storage_index: SI, write_enabler, lease: lease(), changes, reads }
    })
}

/// Any value, and those more often that something is made of.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(Value::Int),
        (0i128..300).prop_map(Value::Int),
        data().prop_map(Value::Bytes),
        prop_oneof![Just(16), Just(32)].prop_map(|len| Value::Bytes(vec![1; len].into())),
        ".{0,4}".prop_map(Value::Text),
        Just(Value::Bytes(Bytes::from_static(b"eq"))),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let items = vec(inner.clone(), 0..6);
        prop_oneof![
            items.clone().prop_map(Value::List),
            items.clone().prop_map(Value::Tuple),
            items.prop_map(Value::Set),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn changes_come_back(request in request()) {
        let back = slot::read_write(slot::write(request.clone())).unwrap();
        prop_assert_eq!(back.storage_index, request.storage_index);
        prop_assert!(back.write_enabler == request.write_enabler && back.lease == request.lease);
        prop_assert_eq!((back.changes, back.reads), (request.changes, request.reads));
    }

    #[test]
    fn reads_come_back(numbers in btree_set(number(), 0..9), reads in vec(read(), 0..=30)) {
        let back = slot::read_read(slot::read(&SI, &numbers, &reads)).unwrap();
        let share_numbers = numbers.into_iter().collect();
        prop_assert_eq!(back, SlotReadRequest { storage_index: SI, share_numbers, reads });
    }

    #[test]
    fn answers_come_back(success: bool, read in btree_map(number(), vec(data(), 2), 0..4)) {
        let answer = SlotWriteAnswer { success, read };
        let reads = [ReadVector::new(0, 20), ReadVector::new(0, 20)];
        let back = slot::read_write_answer(slot::write_answer(answer.clone()), &reads);
        prop_assert_eq!(back.unwrap(), answer);
    }

    #[test]
    fn writes_and_reports_come_back(at: u64, data in data(), reason in ".{0,20}") {
        let (offset, written) = bucket::read_write(bucket::write(at, data.clone())).unwrap();
        prop_assert_eq!((offset, written), (at, data));
        for kind in [ShareKind::Immutable, ShareKind::Mutable] {
            let share_number = ShareNumber::new(255);
            let reason = reason.clone();
            let report = share::Report { kind, storage_index: SI, share_number, reason };
            prop_assert_eq!(share::Report::read(report.arguments()).unwrap(), report);
        }
    }

    #[test]
    fn any_values_are_read_or_refused(values in vec(value(), 0..6)) {
        parse_as_every_argument(&Arguments::positional(values.clone()));
        for value in &values {
            parse_as_every_answer(value);
        }
    }

    /// The arguments of a change, with one value in it replaced.
    #[test]
    fn damaged_changes_are_read_or_refused(request in request(), at: usize, other in value()) {
        let mut arguments = slot::write(request);
        replace_nth(&mut arguments.positional, &mut (at % 64), &other);
        let _ = slot::read_write(arguments);
    }
}

/// Replaces the value that comes after so many others.
fn replace_nth(values: &mut [Value], left: &mut usize, other: &Value) {
    for value in values {
        if *left == 0 {
            *value = other.clone();
        }
        *left = left.wrapping_sub(1);
        match value {
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                replace_nth(items, left, other);
            }
            Value::Dict(entries) => {
                for (_, value) in entries {
                    replace_nth(std::slice::from_mut(value), left, other);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn long_reasons_are_cut_where_a_character_ends() {
    let reason = "∎".repeat(20_000);
    let sent = share::read_reason(share::reason(&reason)).unwrap();
    assert!(sent.len() <= 32_000 && reason.starts_with(&sent));
    let odd = Arguments::positional(vec![Value::Bytes(vec![0xff; 40_000].into())]);
    assert!(share::read_reason(odd).unwrap().len() <= 32_000);
}

#[test]
fn a_test_beyond_its_specimen_looks_no_further_than_it_must() {
    let tests = vec![TestVector { offset: 0, size: u64::MAX, specimen: Bytes::new() }];
    let changes =
        BTreeMap::from([(ShareNumber::new(0), ShareChange { tests, ..ShareChange::default() })]);
    let write_enabler = WriteEnabler::new([3; 32]);
    let reads = vec![ReadVector::new(0, u64::MAX)];
    let lease = lease();
    let request = SlotWriteRequest { storage_index: SI, write_enabler, lease, changes, reads };
    let back = slot::read_write(slot::write(request)).unwrap();
    assert_eq!(back.changes[&ShareNumber::new(0)].tests, [TestVector::absent()]);
    assert_eq!(back.reads[0].size, tallac_core::storage::SLOT_ANSWER_MAX + 1);
}
