//! Every hash of the system, and every tag in one table (specification sections 2.1 to 2.7).
//!
//! All are SHA-256d: `SHA-256(SHA-256(netstring(tag) ‖ value))`, the value *not* wrapped; a pair
//! hash wraps both of its values.

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::cap::WriteKey;
use crate::ids::{StorageIndex, TubId};
use crate::netstring;
use crate::secrets::{CancelSecret, ConvergenceSecret, LeaseSecret, RenewSecret, WriteEnabler};

/// A hash of 32 bytes.
pub type Hash = [u8; 32];

/// A hash tag, already in the form that is hashed: its netstring.
#[derive(Debug, Clone, Copy)]
pub struct Tag(&'static str);

impl Tag {
    /// The bytes that go before the value.
    #[must_use]
    pub const fn prefix(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// SHA-256d of the tag and a value.
    #[must_use]
    pub fn hash(self, value: &[u8]) -> Hash {
        sha256d(&[self.prefix(), value])
    }

    /// SHA-256d of the tag and two values.
    #[must_use]
    pub fn pair(self, left: &[u8], right: &[u8]) -> Hash {
        let mut values = Vec::with_capacity(left.len() + right.len() + 10);
        netstring::push(&mut values, left);
        netstring::push(&mut values, right);
        sha256d(&[self.prefix(), &values])
    }
}

/// The table of tags: each with its length, which the compiler checks.
macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $len:literal $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Tag = {
            assert!($text.len() == $len);
            Tag(concat!($len, ":", $text, ","))
        };)*
    };
}

tags! {
    /// Key of an immutable file → its storage index.
    STORAGE_INDEX = 43 "allmydata_immutable_key_to_storage_index_v1";
    /// One block of one share.
    BLOCK = 29 "allmydata_encoded_subshare_v1";
    /// The URI extension block (UEB).
    URI_EXTENSION = 26 "allmydata_uri_extension_v1";
    /// The whole plaintext; only in files of early releases.
    PLAINTEXT = 22 "allmydata_plaintext_v1";
    /// The whole ciphertext, unpadded.
    CRYPTTEXT = 22 "allmydata_crypttext_v1";
    /// One segment of ciphertext, unpadded.
    CRYPTTEXT_SEGMENT = 30 "allmydata_crypttext_segment_v1";
    /// One segment of plaintext; only in files of early releases.
    PLAINTEXT_SEGMENT = 30 "allmydata_plaintext_segment_v1";
    /// In the place of the value, with the node's lease secret as the tag.
    CLIENT_RENEWAL = 34 "allmydata_client_renewal_secret_v1";
    /// As [`CLIENT_RENEWAL`], for cancelling.
    CLIENT_CANCEL = 33 "allmydata_client_cancel_secret_v1";
    /// Client's renewal secret and storage index → the file's.
    FILE_RENEWAL = 32 "allmydata_file_renewal_secret_v1";
    /// Client's cancel secret and storage index → the file's.
    FILE_CANCEL = 31 "allmydata_file_cancel_secret_v1";
    /// File's renewal secret and server → the lease's.
    BUCKET_RENEWAL = 34 "allmydata_bucket_renewal_secret_v1";
    /// File's cancel secret and server → the lease's.
    BUCKET_CANCEL = 33 "allmydata_bucket_cancel_secret_v1";
    /// Salt and write key → the key of a directory entry's write cap.
    DIRNODE_CHILD_KEY = 62 "allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1";
    /// Write cap of a directory entry → its salt.
    DIRNODE_CHILD_SALT = 40 "allmydata_dirnode_child_rwcap_to_salt_v1";
    /// RSA private key of a mutable file → its write key.
    SSK_WRITEKEY = 40 "allmydata_mutable_privkey_to_writekey_v1";
    /// Write key → the master of its write enablers.
    SSK_WRITE_ENABLER_MASTER = 53 "allmydata_mutable_writekey_to_write_enabler_master_v1";
    /// Write-enabler master and server → that server's write enabler.
    SSK_WRITE_ENABLER = 69 "allmydata_mutable_write_enabler_master_and_nodeid_to_write_enabler_v1";
    /// RSA public key of a mutable file → its fingerprint.
    SSK_FINGERPRINT = 42 "allmydata_mutable_pubkey_to_fingerprint_v1";
    /// Write key → read key.
    SSK_READKEY = 40 "allmydata_mutable_writekey_to_readkey_v1";
    /// Salt and read key → the key of a segment.
    SSK_DATAKEY = 39 "allmydata_mutable_readkey_to_datakey_v1";
    /// Read key → storage index.
    SSK_STORAGE_INDEX = 45 "allmydata_mutable_readkey_to_storage_index_v1";
    /// A backed-up directory's contents → its row in the backup database.
    BACKUPDB_DIRECTORY = 29 "allmydata_backupdb_dirhash_v1";
    /// Two children → their parent in a Merkle tree.
    MERKLE_NODE = 25 "Merkle tree internal node";
    /// Number of a padding leaf, in decimal → that leaf.
    MERKLE_EMPTY_LEAF = 22 "Merkle tree empty leaf";
}

/// What goes before the parameters in the tag of a convergent key (section 2.3).
const CONVERGENCE_TAG: &[u8] = b"allmydata_immutable_content_to_key_with_added_secret_v1+";

/// SHA-256d of the parts, one after the other.
#[must_use]
pub fn sha256d(parts: &[&[u8]]) -> Hash {
    let mut inner = Sha256::new();
    for part in parts {
        inner.update(part);
    }
    Sha256::digest(inner.finalize()).into()
}

/// The front of a hash, where less than 32 bytes are wanted.
#[must_use]
pub fn truncate<const N: usize>(hash: &Hash) -> [u8; N] {
    const { assert!(N <= 32) };
    std::array::from_fn(|i| hash[i])
}

/// Storage index of an immutable file, from its 16-byte key.
#[must_use]
pub fn storage_index(key: &[u8; 16]) -> StorageIndex {
    StorageIndex::new(truncate(&STORAGE_INDEX.hash(key)))
}

/// A padding leaf of a Merkle tree, by its place in the row of leaves.
#[must_use]
pub fn empty_leaf(index: usize) -> Hash {
    MERKLE_EMPTY_LEAF.hash(index.to_string().as_bytes())
}

/// What is hashed before the plaintext to make a convergent key: the netstring of a tag made of the
/// secret and of the encoding, so that other parameters give other keys.
#[must_use]
pub fn convergence_prefix(
    (k, n, segment_size): (u16, u16, u64),
    secret: &ConvergenceSecret,
) -> Vec<u8> {
    let mut tag = CONVERGENCE_TAG.to_vec();
    netstring::push(&mut tag, secret.expose());
    netstring::push(&mut tag, format!("{k},{n},{segment_size}").as_bytes());
    netstring::netstring(&tag)
}

/// A client's own renewal secret. The lease secret stands in the place of the tag.
fn client_secret(lease_secret: &[u8], value: Tag) -> Hash {
    // The table holds netstrings; here the bare text is the value.
    let text = netstring::take(value.prefix()).map_or(&[][..], |(text, _)| text);
    sha256d(&[&netstring::netstring(lease_secret), text])
}

/// The secret that all renewal secrets of a node come from (section 2.5).
#[must_use]
pub fn client_renewal_secret(secret: &LeaseSecret) -> Hash {
    client_secret(secret.expose(), CLIENT_RENEWAL)
}

/// The secret that all cancel secrets of a node come from (section 2.5).
#[must_use]
pub fn client_cancel_secret(secret: &LeaseSecret) -> Hash {
    client_secret(secret.expose(), CLIENT_CANCEL)
}

/// Renewal secret of a client's lease on a file's shares on one server (section 2.5).
#[must_use]
pub fn renew_secret(secret: &LeaseSecret, si: &StorageIndex, server: &TubId) -> RenewSecret {
    let file = FILE_RENEWAL.pair(&client_renewal_secret(secret), si.as_bytes());
    RenewSecret::new(BUCKET_RENEWAL.pair(&file, server.as_bytes()))
}

/// Cancel secret of a client's lease on a file's shares on one server (section 2.5).
#[must_use]
pub fn cancel_secret(secret: &LeaseSecret, si: &StorageIndex, server: &TubId) -> CancelSecret {
    let file = FILE_CANCEL.pair(&client_cancel_secret(secret), si.as_bytes());
    CancelSecret::new(BUCKET_CANCEL.pair(&file, server.as_bytes()))
}

/// What lets the holder of a write key change the file's shares on one server (section 2.5).
#[must_use]
pub fn write_enabler(write_key: &WriteKey, server: &TubId) -> WriteEnabler {
    let master = SSK_WRITE_ENABLER_MASTER.hash(write_key.expose());
    WriteEnabler::new(SSK_WRITE_ENABLER.pair(&master, server.as_bytes()))
}

/// Where a server with this permutation seed stands in a file's ring (section 2.7).
#[must_use]
pub fn permute_server(si: &StorageIndex, seed: &[u8]) -> [u8; 20] {
    Sha1::new().chain_update(si.as_bytes()).chain_update(seed).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base32;

    fn check(name: &str, got: &[u8], expected_base32: &str) {
        assert_eq!(base32::encode(got), expected_base32, "{name}");
    }

    fn check_all(cases: &[(&str, &Hash, &str)]) {
        for (name, got, expected) in cases {
            check(name, *got, expected);
        }
    }

    #[test]
    fn known_answers_of_section_15_1() {
        check_all(&[
            ("block", &BLOCK.hash(b""), "msjr5bh4evuh7fa3zw7uovixfbvlnstr5b65mrerwfnvjxig2jvq"),
            (
                "UEB",
                &URI_EXTENSION.hash(b""),
                "wthsu45q7zewac2mnivoaa4ulh5xvbzdmsbuyztq2a5fzxdrnkka",
            ),
            (
                "plaintext",
                &PLAINTEXT.hash(b""),
                "5lz5hwz3qj3af7n6e3arblw7xzutvnd3p3fjsngqjcb7utf3x3da",
            ),
            (
                "crypttext",
                &CRYPTTEXT.hash(b""),
                "itdj6e4njtkoiavlrmxkvpreosscssklunhwtvxn6ggho4rkqwga",
            ),
            (
                "crypttext segment",
                &CRYPTTEXT_SEGMENT.hash(b""),
                "aovy5aa7jej6ym5ikgwyoi4pxawnoj3wtaludjz7e2nb5xijb7aa",
            ),
        ]);
        let root = "e0024730188e2de564a697cc2987407b24ae7eb6b880190c1a0337a5740e527a";
        assert_eq!(hex::encode(empty_leaf(0)), root);
    }

    #[test]
    fn known_answers_of_lease_secrets() {
        check_all(&[
            (
                "client renewal",
                &client_secret(b"", CLIENT_RENEWAL),
                "ujhr5k5f7ypkp67jkpx6jl4p47pyta7hu5m527cpcgvkafsefm6q",
            ),
            (
                "client cancel",
                &client_secret(b"", CLIENT_CANCEL),
                "rjwzmafe2duixvqy6h47f5wfrokdziry6zhx4smew4cj6iocsfaa",
            ),
            (
                "file renewal",
                &FILE_RENEWAL.pair(b"", b"si"),
                "hzshk2kf33gzbd5n3a6eszkf6q6o6kixmnag25pniusyaulqjnia",
            ),
            (
                "file cancel",
                &FILE_CANCEL.pair(b"", b"si"),
                "bfciwvr6w7wcavsngxzxsxxaszj72dej54n4tu2idzp6b74g255q",
            ),
            (
                "bucket renewal",
                &BUCKET_RENEWAL.pair(b"", &[0; 20]),
                "e7imrzgzaoashsncacvy3oysdd2m5yvtooo4gmj4mjlopsazmvuq",
            ),
            (
                "bucket cancel",
                &BUCKET_CANCEL.pair(b"", &[0; 20]),
                "dvdujeyxeirj6uux6g7xcf4lvesk632aulwkzjar7srildvtqwma",
            ),
        ]);
    }

    #[test]
    fn known_answers_of_mutable_files_and_backups() {
        check_all(&[
            (
                "fingerprint",
                &SSK_FINGERPRINT.hash(b""),
                "3opzw4hhm2sgncjx224qmt5ipqgagn7h5zivnfzqycvgqgmgz35q",
            ),
            (
                "enabler master",
                &SSK_WRITE_ENABLER_MASTER.hash(b""),
                "izbfbfkoait4dummruol3gy2bnixrrrslgye6ycmkuyujnenzpia",
            ),
            (
                "backup",
                &BACKUPDB_DIRECTORY.hash(b"3:foo,3:URI:LIT:,"),
                "3v3hxapstwnivdstxi3fi7lqcmu65p4xdfbzz5r74suocnwo2lda",
            ),
        ]);
    }

    #[test]
    fn known_answers_that_are_cut_to_16_bytes() {
        let zeros = storage_index(&[0; 16]);
        assert_eq!(zeros.to_string(), "2k6avpjga3dho3zsjo6nnkt7n4");
        assert_eq!(storage_index(b"xxxxxxxxxxxxxxxx").to_string(), "wvggbrnrezdpa5yayrgiw5nzja");
        let cut = |hash: Hash| base32::encode(&truncate::<16>(&hash));
        assert_eq!(cut(SSK_WRITEKEY.hash(b"")), "ykpgmdbpgbb6yqz5oluw2q26ye");
        assert_eq!(cut(SSK_READKEY.hash(b"")), "vugid4as6qbqgeq2xczvvcedai");
        assert_eq!(cut(SSK_STORAGE_INDEX.hash(b"")), "j7icz6kigb6hxrej3tv4z7ayym");
        assert_eq!(cut(SSK_DATAKEY.pair(b"iv", b"rk")), "73wsaldnvdzqaf7v4pzbr2ae5a");
        assert_eq!(cut(DIRNODE_CHILD_KEY.pair(b"iv", b"wk")), "6rvn2iqrghii5n4jbbwwqqsnqu");
        let master = SSK_WRITE_ENABLER_MASTER.hash(b"wk");
        let enabler = SSK_WRITE_ENABLER.pair(&master, &[0; 20]);
        check("enabler", &enabler, "fuu2dvx7g6gqu5x22vfhtyed7p4pd47y5hgxbqzgrlyvxoev62tq");
    }

    #[test]
    fn convergent_keys_are_tahoes() {
        let key = |params, secret: &[u8], data: &[u8]| {
            let prefix = convergence_prefix(params, &ConvergenceSecret::new(secret.to_vec()));
            truncate::<16>(&sha256d(&[&prefix, data]))
        };
        check("empty", &key((3, 10, 100), b"converge", b""), "3mo6ni7xweplycin6nowynw2we");
        assert_eq!(
            hex::encode(key((3, 10, 1024), &[b'B'; 16], "hello world".repeat(100).as_bytes())),
            "e2dbe191d616cee196d0281dbcf45860"
        );
    }

    #[test]
    fn the_ring_is_tahoes() {
        let si = StorageIndex::new([0; 16]);
        check("ring", &permute_server(&si, &[1; 32]), "jroj4iafyywwcpogctqphbkxwshn5qpb");
    }
}
