//! Against files that Tahoe-LAFS published, and against damage to every byte.

use bytes::Bytes;
use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::cap::{Cap, FileCap, MutableFormat, ReadKey, SskWriteCap};
use crate::hash::Hash;
use crate::ids::ShareNumber;
use crate::immutable::Encoding;

const VECTORS: &str = include_str!("../../../../vectors/mutable_files.json");

struct Vector {
    name: String,
    geometry: MutableGeometry,
    sequence_number: u64,
    cap: SskWriteCap,
    keys: MutableKeyPair,
    shares: Option<Vec<Bytes>>,
    sums: Vec<String>,
    salts: Vec<Salt>,
    signature: Vec<u8>,
    edit: Option<(u64, u64)>,
}

fn vectors() -> Vec<Vector> {
    let rows: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    rows.iter().map(vector).collect()
}

fn vector(row: &Value) -> Vector {
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let list = |key: &str| -> Option<Vec<String>> {
        row[key].as_array().map(|l| l.iter().map(|v| v.as_str().unwrap().to_owned()).collect())
    };
    let Cap::File(FileCap::SskWrite(cap)) = Cap::parse(&text("write")) else { panic!() };
    assert_eq!(cap.to_readonly().to_string(), text("read"));
    assert_eq!(cap.to_verifier().to_string(), text("verify"));
    let encoding = Encoding::new(row["k"].as_u64().unwrap(), row["n"].as_u64().unwrap()).unwrap();
    let size = row["size"].as_u64().unwrap();
    let shares: Option<Vec<Bytes>> = list("shares")
        .map(|l| l.iter().map(|s| BASE64.decode(s.as_bytes()).unwrap().into()).collect());
    let header = shares.as_ref().map(|shares| Header::parse(&shares[0], cap.format()).unwrap());
    let salts = match (&shares, &header) {
        (Some(shares), Some(header)) => salts_in(header, &shares[0]),
        _ => list("salts").unwrap().iter().map(|s| salt_of(&hex::decode(s).unwrap())).collect(),
    };
    let signature = match (&shares, &header) {
        (Some(shares), Some(header)) => part(&shares[0], &header.offsets.signature).to_vec(),
        _ => hex::decode(text("signature")).unwrap(),
    };
    Vector {
        name: format!("{} {}", text("format"), text("name")),
        geometry: MutableGeometry::for_content(cap.format(), encoding, size).unwrap(),
        sequence_number: row["seqnum"].as_u64().unwrap(),
        keys: MutableKeyPair::from_pkcs8_der(&BASE64.decode(text("private").as_bytes()).unwrap())
            .unwrap(),
        sums: list("sha256").unwrap_or_default(),
        edit: row["edit"].as_array().map(|e| (e[0].as_u64().unwrap(), e[1].as_u64().unwrap())),
        cap,
        shares,
        salts,
        signature,
    }
}

fn salt_of(bytes: &[u8]) -> Salt {
    bytes.try_into().unwrap()
}

fn salts_in(header: &Header, share: &Bytes) -> Vec<Salt> {
    if let Some(salt) = header.salt {
        return vec![salt];
    }
    let mut salts: Vec<Salt> = (0..header.geometry.segment_count())
        .map(|segment| {
            let at = header.geometry.data_range(&(segment..segment + 1)).start;
            let at = usize::try_from(header.offsets.data.start + at).unwrap();
            salt_of(&share[at..at + 16])
        })
        .collect();
    salts.push([0; 16]);
    salts
}

fn part<'a>(share: &'a [u8], range: &std::ops::Range<u64>) -> &'a [u8] {
    &share[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

fn content(size: u64) -> Vec<u8> {
    (0..size).map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap()).collect()
}

fn change(size: u64) -> Vec<u8> {
    (0..size).map(|i| u8::try_from(i * 5 % 256).unwrap()).collect()
}

/// All shares of a vector, as we make them, but with Tahoe's signature, since every signature is
/// another.
fn made(vector: &Vector) -> Vec<Bytes> {
    let publication =
        |sequence_number| Publication { keys: &vector.keys, sequence_number, salts: &vector.salts };
    let (header, shares) = match vector.edit {
        None => {
            let bytes = content(vector.geometry.size());
            let version = encode(vector.geometry, &bytes, &publication(vector.sequence_number));
            (version.header, version.shares)
        }
        Some(edit) => edited(vector, edit, publication),
    };
    let signature = header.offsets.signature;
    shares
        .into_iter()
        .map(|share| {
            let mut share = share.to_vec();
            let at = usize::try_from(signature.start).unwrap();
            share[at..at + vector.signature.len()].copy_from_slice(&vector.signature);
            share.into()
        })
        .collect()
}

fn edited<'a>(
    vector: &'a Vector,
    (offset, len): (u64, u64),
    publication: impl Fn(u64) -> Publication<'a>,
) -> (Header, Vec<Bytes>) {
    let size = if offset + len < vector.geometry.size() { vector.geometry.size() } else { offset };
    // Only "overlapping the end" begins before the end and reaches beyond it.
    let size = if vector.name.ends_with("the end") { 262_144 } else { size };
    let (format, encoding) = (vector.geometry.format(), vector.geometry.encoding());
    let old = MutableGeometry::for_content(format, encoding, size).unwrap();
    let version = encode(old, &content(size), &publication(1));
    let proofs: Vec<Vec<Hash>> = version
        .shares
        .iter()
        .enumerate()
        .map(|(number, share)| proof(&version.header, number, share).unwrap().leaves().to_vec())
        .collect();
    let patch = Patch::new(old, offset, len).unwrap();
    let boundary: Vec<(u64, Vec<u8>)> = patch
        .boundary()
        .into_iter()
        .map(|segment| (segment, part(&content(size), &old.segment_range(segment)).to_vec()))
        .collect();
    let plaintext = patch.splice(&change(len), &boundary);
    let touched = usize::try_from(patch.segments().start).unwrap();
    let salts = &vector.salts[touched..];
    let patched = patch.apply(&plaintext, &proofs, &Publication { salts, ..publication(2) });
    let shares = version.shares.iter().zip(&patched.shares).map(|(share, patch)| {
        let mut share = share.to_vec();
        for write in &patch.writes {
            let at = usize::try_from(write.offset).unwrap();
            share.resize(share.len().max(at + write.data.len()), 0);
            share[at..at + write.data.len()].copy_from_slice(&write.data);
        }
        share.truncate(usize::try_from(patch.length).unwrap());
        share.into()
    });
    (patched.header, shares.collect())
}

fn proof(header: &Header, number: usize, share: &[u8]) -> Result<ShareProof, ShareError> {
    ShareProof::new(
        header,
        ShareNumber::new(u8::try_from(number).unwrap()),
        part(share, &header.offsets.share_hash_chain),
        part(share, &header.offsets.block_hash_tree),
    )
}

/// Reads a whole version as a client does, from `k` shares; nothing unproven gets through.
fn read(cap: &SskWriteCap, shares: &[(usize, Bytes)]) -> Result<Vec<u8>, String> {
    let mut runs = Vec::new();
    let mut geometry = None;
    for (number, share) in shares {
        let header = Header::parse(share, cap.format()).map_err(|e| e.to_string())?;
        if (share.len() as u64) < header.offsets.end() {
            return Err("short".into());
        }
        let key =
            VerifyingKey::from_der(part(share, &header.offsets.public_key), cap.fingerprint())
                .map_err(|e| e.to_string())?;
        key.verify(header.signed(), part(share, &header.offsets.signature))
            .map_err(|e| e.to_string())?;
        let proof = proof(&header, *number, share).map_err(|e| e.to_string())?;
        let all = 0..header.geometry.segment_count();
        let data = Bytes::copy_from_slice(part(share, &header.offsets.data));
        runs.push((*number, proof.blocks(all, &data).map_err(|e| e.to_string())?));
        geometry = Some(header.geometry);
    }
    let geometry = geometry.ok_or("no shares")?;
    let key: &ReadKey = cap.read_key();
    let mut plaintext = Vec::new();
    for segment in 0..geometry.segment_count() {
        let at = usize::try_from(segment).unwrap();
        let blocks: Vec<(ShareNumber, Bytes)> = runs
            .iter()
            .map(|(number, run)| {
                (ShareNumber::new(u8::try_from(*number).unwrap()), run.blocks[at].1.clone())
            })
            .collect();
        let salt = runs[0].1.blocks[at].0;
        plaintext.extend(decode_segment(&geometry, segment, (key, &salt), &blocks));
    }
    Ok(plaintext)
}

#[test]
fn shares_are_tahoes_to_the_byte() {
    for vector in vectors() {
        assert_eq!(vector.keys.cap(vector.cap.format()), vector.cap, "{}", vector.name);
        let made = made(&vector);
        match &vector.shares {
            Some(shares) => assert_eq!(made, *shares, "{}", vector.name),
            None => {
                let sums: Vec<String> =
                    made.iter().map(|share| hex::encode(Sha256::digest(share))).collect();
                assert_eq!(sums, vector.sums, "{}", vector.name);
            }
        }
    }
}

#[test]
fn any_k_shares_bring_tahoes_file_back() {
    for vector in vectors() {
        let k = usize::from(vector.geometry.encoding().needed());
        let shares: Vec<(usize, Bytes)> = made(&vector).into_iter().enumerate().collect();
        let mut expected = content(vector.geometry.size());
        if let Some((offset, len)) = vector.edit {
            let at = usize::try_from(offset).unwrap();
            expected[at..at + usize::try_from(len).unwrap()].copy_from_slice(&change(len));
        }
        for some in [&shares[..k], &shares[shares.len() - k..]] {
            assert_eq!(read(&vector.cap, some).as_ref(), Ok(&expected), "{}", vector.name);
        }
    }
}

#[test]
fn the_private_key_comes_back_from_a_share() {
    for vector in vectors() {
        let share = &made(&vector)[0];
        let header = Header::parse(share, vector.cap.format()).unwrap();
        let encrypted = part(share, &header.offsets.private_key);
        let keys = MutableKeyPair::decrypt(encrypted, &vector.cap).unwrap();
        assert_eq!(keys.expose_der(), vector.keys.expose_der());
        let mut damaged = encrypted.to_vec();
        damaged[7] ^= 1;
        let wrong = MutableKeyPair::decrypt(&damaged, &vector.cap).err();
        assert_eq!(wrong, Some(KeyError::WrongKey));
    }
}

/// Every byte that the file depends on, flipped in turn, is found out. Not so: the encrypted
/// private key, which readers do not look at, and the hole before the data of MDMF.
#[test]
fn every_flipped_byte_is_found() {
    for vector in vectors().iter().filter(|vector| vector.shares.is_some()) {
        let k = usize::from(vector.geometry.encoding().needed());
        let shares: Vec<(usize, Bytes)> = made(vector).into_iter().enumerate().take(k).collect();
        let header = Header::parse(&shares[0].1, vector.cap.format()).unwrap();
        let expected = content(vector.geometry.size());
        let step = if shares[0].1.len() > 3000 { 7 } else { 1 };
        for at in (0..header.offsets.end()).step_by(step) {
            let hole = header.offsets.public_key.end..header.offsets.data.start;
            let is_hole = vector.cap.format() == MutableFormat::Mdmf && hole.contains(&at);
            let mut damaged = shares.clone();
            let mut bytes = damaged[0].1.to_vec();
            bytes[usize::try_from(at).unwrap()] ^= 0x10;
            damaged[0].1 = bytes.into();
            match read(&vector.cap, &damaged) {
                Err(_) => {}
                Ok(got) => {
                    assert_eq!(got, expected, "{}: byte {at}", vector.name);
                    let is_unread = is_hole || header.offsets.private_key.contains(&at);
                    // An end further out changes nothing.
                    let is_end = (99..107).contains(&at) || (91..99).contains(&at);
                    assert!(is_unread || is_end, "{}: byte {at}", vector.name);
                }
            }
        }
    }
}

#[test]
fn keys_of_another_size_and_foreign_keys_are_refused() {
    let vectors = vectors();
    let cap = &vectors[0].cap;
    assert_eq!(MutableKeyPair::from_pkcs8_der(b"nonsense").err(), Some(KeyError::Malformed));
    let foreign = VerifyingKey::from_der(b"nonsense", cap.fingerprint()).err();
    assert_eq!(foreign, Some(KeyError::WrongKey));
    let shown = format!("{:?}", vectors[0].keys);
    assert!(
        shown.starts_with("MutableKeyPair(Fingerprint(") || shown.starts_with("MutableKeyPair(")
    );
}

proptest! {
    #[test]
    fn any_front_is_answered(bytes: Vec<u8>, version in 0_u8..3) {
        let mut bytes = bytes;
        bytes.insert(0, version);
        bytes.resize(bytes.len().max(130), 3);
        for format in [MutableFormat::Sdmf, MutableFormat::Mdmf] {
            if let Ok(header) = Header::parse(&bytes, format) {
                prop_assert!(header.offsets.front() < 1 << 16);
            }
        }
    }

    #[test]
    fn a_patch_gives_what_a_new_encoding_gives(
        size in 0_u64..900, offset in 0_u64..900, len in 1_u64..400,
    ) {
        let vectors = vectors();
        let vector = &vectors[0];
        let encoding = Encoding::new(2, 3).unwrap();
        let old =
            MutableGeometry::of_version(MutableFormat::Mdmf, encoding, size, 100).unwrap();
        let salts: Vec<Salt> = (0_u8..20).map(|i| [i; 16]).collect();
        let publication = |sequence_number, salts| Publication {
            keys: &vector.keys, sequence_number, salts,
        };
        let version = encode(old, &content(size), &publication(1, &salts));
        let Ok(patch) = Patch::new(old, offset, len) else {
            prop_assert!(offset > size);
            return Ok(());
        };
        let boundary: Vec<(u64, Vec<u8>)> = patch.boundary().into_iter().map(|segment| {
            (segment, part(&content(size), &old.segment_range(segment)).to_vec())
        }).collect();
        let leaves: Vec<Vec<Hash>> = version.shares.iter().enumerate().map(|(number, share)| {
            proof(&version.header, number, share).unwrap().leaves().to_vec()
        }).collect();
        let first = usize::try_from(patch.segments().start).unwrap();
        let plaintext = patch.splice(&change(len), &boundary);
        let patched = patch.apply(&plaintext, &leaves, &publication(2, &salts[first..]));
        let mut expected = content(size);
        let (from, to) = (usize::try_from(offset).unwrap(), usize::try_from(offset + len).unwrap());
        expected.resize(expected.len().max(to), 0);
        expected[from..to].copy_from_slice(&change(len));
        let whole = encode(*patch.geometry(), &expected, &publication(2, &salts));
        prop_assert_eq!(patched.header.version, whole.header.version);
    }
}
