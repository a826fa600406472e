//! What is known of a storage server: the dictionary that an introducer passes on, or that
//! `private/servers.yaml` holds under `ann` (sections 4.1, 6.1 and 10.4).

mod signed;
mod table;

pub use signed::{
    Announcement, AnnouncementRefusal, MESSAGE_LEN_MAX, SERVICE_LEN_MAX, SignedAnnouncement,
    seqnum_of,
};
pub use table::{Accepted, AnnouncementTable, Ignored, SERVERS_MAX, TableLimits};

use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::base32;
use crate::grid_manager::{CERTIFICATES_MAX, SignedCertificate};
use crate::ids::{ServerId, TubId};

/// Longest text of an announcement that is taken, in bytes; real ones have a few hundred.
pub const TEXT_LEN_MAX: usize = 4096;

/// Most NURLs that are taken from one announcement; a server has one for each of its addresses.
pub const NURLS_MAX: usize = 64;

/// Key of the address of a server's Foolscap side, which its tub id comes from.
const FURL: &str = "anonymous-storage-FURL";

/// Key of the addresses of a server's HTTPS side.
const NURLS: &str = "anonymous-storage-NURLs";

/// Key of the place of a server in the permuted ring.
const SEED: &str = "permutation-seed-base32";

/// Key of what grid managers say of a server.
pub const CERTIFICATES: &str = "grid-manager-certificates";

/// What is known of a storage server before it is spoken to.
///
/// `Debug` leaves the addresses out: whoever knows one may use the server.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageAnnouncement {
    server_id: ServerId,
    nickname: String,
    application_version: Option<String>,
    furl: String,
    tub_id: TubId,
    nurls: Vec<String>,
    permutation_seed: Vec<u8>,
    certificates: Vec<SignedCertificate>,
}

/// Why a dictionary announces no storage server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// It is another kind of value.
    #[error("an announcement must be a dictionary")]
    NotADictionary,
    /// The server has an empty or unreasonably long name.
    #[error("a server's name must have 1 to {TEXT_LEN_MAX} bytes, this one has {0}")]
    BadServerId(usize),
    /// A key that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value under a key is of another kind.
    #[error("{key} must be {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What belongs under it.
        expected: &'static str,
    },
    /// The value under a key is beyond all reason.
    #[error("{key} has {found} {unit}, more than the {limit} that are taken")]
    TooLong {
        /// The key.
        key: &'static str,
        /// How much there is.
        found: usize,
        /// Of what.
        unit: &'static str,
        /// How much is taken.
        limit: usize,
    },
    /// The FURL does not name a tub.
    #[error("{FURL} must begin with pb://, a tub id of 32 base32 characters, and @")]
    BadFurl,
    /// The seed is no base32.
    #[error("{SEED} is not base32 (lower-case a-z and 2-7, no padding)")]
    BadSeed,
}

impl StorageAnnouncement {
    /// Reads the value that announces the server of this name, which must be a dictionary.
    ///
    /// # Errors
    /// As [`from_keys`](Self::from_keys).
    pub fn from_json(server_id: &str, announcement: &Value) -> Result<Self, AnnouncementError> {
        let keys = announcement.as_object().ok_or(AnnouncementError::NotADictionary)?;
        Self::from_keys(server_id, keys)
    }

    /// Reads the dictionary that announces the server of this name. Keys that are not known here
    /// are left alone.
    ///
    /// # Errors
    /// [`AnnouncementError`], which names the key at fault and never repeats its value.
    pub fn from_keys(
        server_id: &str,
        keys: &Map<String, Value>,
    ) -> Result<Self, AnnouncementError> {
        if server_id.is_empty() || server_id.len() > TEXT_LEN_MAX {
            return Err(AnnouncementError::BadServerId(server_id.len()));
        }
        let furl = text(keys, FURL)?.ok_or(AnnouncementError::Missing(FURL))?;
        Ok(Self {
            server_id: ServerId::new(server_id),
            nickname: text(keys, "nickname")?.unwrap_or_default().to_owned(),
            application_version: text(keys, "my-version")?.map(str::to_owned),
            tub_id: tub_id(furl).ok_or(AnnouncementError::BadFurl)?,
            furl: furl.to_owned(),
            nurls: nurls(keys)?,
            permutation_seed: match text(keys, SEED)? {
                Some(seed) => base32::decode(seed).map_err(|_| AnnouncementError::BadSeed)?,
                None => seed_of(server_id),
            },
            certificates: certificates(keys)?,
        })
    }

    /// The server's name in the grid.
    #[must_use]
    pub const fn server_id(&self) -> &ServerId {
        &self.server_id
    }

    /// What its operator calls it; empty if nothing.
    #[must_use]
    pub fn nickname(&self) -> &str {
        &self.nickname
    }

    /// Program and version that it runs, as it says.
    #[must_use]
    pub fn application_version(&self) -> Option<&str> {
        self.application_version.as_deref()
    }

    /// Address of its Foolscap side. Even a server that is only spoken to over HTTPS has one.
    #[must_use]
    pub fn anonymous_storage_furl(&self) -> &str {
        &self.furl
    }

    /// Whom it is for leases and write enablers, on whatever wire.
    #[must_use]
    pub const fn tub_id(&self) -> &TubId {
        &self.tub_id
    }

    /// Addresses of its HTTPS side; none if it has no such side.
    #[must_use]
    pub fn nurls(&self) -> &[String] {
        &self.nurls
    }

    /// What places it in the permuted ring.
    #[must_use]
    pub fn permutation_seed(&self) -> &[u8] {
        &self.permutation_seed
    }

    /// What grid managers say of it, or are said to say.
    #[must_use]
    pub fn certificates(&self) -> &[SignedCertificate] {
        &self.certificates
    }
}

impl fmt::Debug for StorageAnnouncement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageAnnouncement")
            .field("server_id", &self.server_id)
            .field("nickname", &self.nickname)
            .field("tub_id", &self.tub_id)
            .field("nurls", &self.nurls.len())
            .finish_non_exhaustive()
    }
}

/// The text under a key; nothing if there is no such key, or only null under it.
fn text<'a>(
    keys: &'a Map<String, Value>,
    key: &'static str,
) -> Result<Option<&'a str>, AnnouncementError> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => bounded(key, text).map(Some),
        Some(_) => Err(AnnouncementError::WrongType { key, expected: "a text" }),
    }
}

fn bounded<'a>(key: &'static str, text: &'a str) -> Result<&'a str, AnnouncementError> {
    let (found, limit) = (text.len(), TEXT_LEN_MAX);
    if found > limit {
        return Err(AnnouncementError::TooLong { key, found, unit: "bytes", limit });
    }
    Ok(text)
}

fn nurls(keys: &Map<String, Value>) -> Result<Vec<String>, AnnouncementError> {
    let wrong = AnnouncementError::WrongType { key: NURLS, expected: "a list of texts" };
    let nurls = match keys.get(NURLS) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(nurls)) => nurls,
        Some(_) => return Err(wrong),
    };
    let (found, limit) = (nurls.len(), NURLS_MAX);
    if found > limit {
        return Err(AnnouncementError::TooLong { key: NURLS, found, unit: "entries", limit });
    }
    nurls
        .iter()
        .map(|nurl| nurl.as_str().ok_or_else(|| wrong.clone()))
        .map(|nurl| bounded(NURLS, nurl?).map(str::to_owned))
        .collect()
}

/// Something that is no certificate vouches for nobody, and is no reason to refuse the server.
fn certificates(keys: &Map<String, Value>) -> Result<Vec<SignedCertificate>, AnnouncementError> {
    let key = CERTIFICATES;
    let entries = match keys.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(AnnouncementError::WrongType { key, expected: "a list" }),
    };
    let (found, limit) = (entries.len(), CERTIFICATES_MAX);
    if found > limit {
        return Err(AnnouncementError::TooLong { key, found, unit: "entries", limit });
    }
    Ok(entries.iter().filter_map(|entry| SignedCertificate::from_json(entry).ok()).collect())
}

/// The tub that a FURL leads to: the first 32 characters after `pb://`, in either case.
fn tub_id(furl: &str) -> Option<TubId> {
    let (tub, _) = furl.strip_prefix("pb://")?.split_once('@')?;
    tub.get(..32)?.to_ascii_lowercase().parse().ok()
}

/// The permutation seed of a server that names none: its public key, or whatever its name is.
fn seed_of(server_id: &str) -> Vec<u8> {
    server_id
        .strip_prefix("v0-")
        .and_then(|key| base32::decode_array::<32>(key).ok())
        .map_or_else(|| Sha256::digest(server_id.as_bytes()).to_vec(), |key| key.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SERVER: &str = "v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";
    const TUB: &str = "v67jiisoty6ooyxlql5fuucitqiok2ic";

    fn furl() -> String {
        format!("pb://{TUB}@tcp:127.0.0.1:3457/swissnumswissnum")
    }

    /// A good announcement with one key changed.
    fn with(key: &str, value: Value) -> Value {
        let mut announcement = json!({
            "version": 0,
            "nickname": "storage ä",
            "my-version": "tahoe-lafs/1.20.0",
            "service-name": "storage",
            "anonymous-storage-FURL": furl(),
            "anonymous-storage-NURLs": ["pb://hash@127.0.0.1:3457/swissnum#v=1"],
            "permutation-seed-base32": "aaaq",
            "some-future-key": {"deep": [1, 2, null]},
        });
        announcement[key] = value;
        announcement
    }

    fn read(key: &str, value: Value) -> Result<StorageAnnouncement, AnnouncementError> {
        StorageAnnouncement::from_json(SERVER, &with(key, value))
    }

    #[test]
    fn all_that_is_known_of_a_server() {
        let server = read("x", json!(0)).unwrap();
        assert_eq!(server.server_id().as_str(), SERVER);
        assert_eq!(server.nickname(), "storage ä");
        assert_eq!(server.application_version(), Some("tahoe-lafs/1.20.0"));
        assert_eq!(server.anonymous_storage_furl(), furl());
        assert_eq!(server.tub_id().to_string(), TUB);
        assert_eq!(server.nurls(), ["pb://hash@127.0.0.1:3457/swissnum#v=1"]);
        assert_eq!(server.permutation_seed(), [0, 1]);
        assert!(!format!("{server:?}").contains("swissnum"), "{server:?}");
    }

    #[test]
    fn a_furl_is_all_that_must_be_there() {
        let announcement = json!({"anonymous-storage-FURL": format!("pb://{TUB}@/x")});
        let server = StorageAnnouncement::from_json("my server", &announcement).unwrap();
        assert_eq!((server.nickname(), server.nurls()), ("", &[][..]));
        assert_eq!(server.application_version(), None);
    }

    #[test]
    fn seeds_of_section_4_1() {
        let check = |server: &str, seed: Value, expected: &[u8]| {
            let announcement = with(SEED, seed);
            let server = StorageAnnouncement::from_json(server, &announcement).unwrap();
            assert_eq!(server.permutation_seed(), expected);
        };
        check(SERVER, json!("aaaq"), &[0, 1]);
        // 1.20 publishes the base32 of a base32 text: 84 characters, 52 bytes.
        check(SERVER, json!(base32::encode(&SERVER.as_bytes()[3..])), &SERVER.as_bytes()[3..]);
        check(SERVER, Value::Null, &base32::decode(&SERVER[3..]).unwrap());
        check("other", Value::Null, &Sha256::digest(b"other"));
        check(&SERVER[..40], Value::Null, &Sha256::digest(&SERVER[..40]));
    }

    #[test]
    fn tub_ids_are_read_as_foolscap_reads_them() {
        let tub = |tub: &str| Some(read(FURL, json!(format!("pb://{tub}@h:1/x"))).ok()?.tub_id);
        let expected = Some(TUB.parse().unwrap());
        assert_eq!(tub(TUB), expected);
        assert_eq!(tub(&TUB.to_uppercase()), expected);
        assert_eq!(tub(&format!("{TUB}more")), expected);
        for bad in ["", "short", &TUB[1..], &format!("{}1", &TUB[1..]), &"ä".repeat(31)] {
            assert_eq!(tub(bad), None, "{bad}");
        }
    }

    #[test]
    fn certificates_are_kept_and_nonsense_is_not() {
        let certificate = json!({"certificate": "{}", "signature": "aaaq"});
        let entries = json!([certificate, 7, {"certificate": "{}"}]);
        let server = read(CERTIFICATES, entries).unwrap();
        let kept: Vec<_> = server.certificates().iter().map(SignedCertificate::to_json).collect();
        assert_eq!(kept, [certificate]);
        assert_eq!(read("x", json!(0)).unwrap().certificates(), []);
    }

    #[test]
    fn errors_name_the_key() {
        let check = |key: &str, value: Value, expected: &str| {
            assert_eq!(read(key, value).unwrap_err().to_string(), expected);
        };
        let bad_furl =
            "anonymous-storage-FURL must begin with pb://, a tub id of 32 base32 characters, and @";
        check(FURL, Value::Null, "anonymous-storage-FURL is missing");
        check(FURL, json!(7), "anonymous-storage-FURL must be a text");
        check(FURL, json!("http://x/"), bad_furl);
        check(FURL, json!(format!("pb://{TUB}")), bad_furl);
        check(
            FURL,
            json!("x".repeat(5000)),
            "anonymous-storage-FURL has 5000 bytes, more than the 4096 that are taken",
        );
        check(NURLS, json!("pb://x"), "anonymous-storage-NURLs must be a list of texts");
        check(NURLS, json!([1]), "anonymous-storage-NURLs must be a list of texts");
        check(
            NURLS,
            json!(vec!["x"; 65]),
            "anonymous-storage-NURLs has 65 entries, more than the 64 that are taken",
        );
        check(
            SEED,
            json!("ABC"),
            "permutation-seed-base32 is not base32 (lower-case a-z and 2-7, no padding)",
        );
        check(
            CERTIFICATES,
            json!(vec![0; 65]),
            "grid-manager-certificates has 65 entries, more than the 64 that are taken",
        );
        check("nickname", json!([]), "nickname must be a text");
        let error = StorageAnnouncement::from_json(SERVER, &json!([])).unwrap_err();
        assert_eq!(error, AnnouncementError::NotADictionary);
        let error = StorageAnnouncement::from_json("", &json!({})).unwrap_err();
        assert_eq!(error.to_string(), "a server's name must have 1 to 4096 bytes, this one has 0");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let furl_like = "pb://[a-z2-7ä]{0,40}@?.{0,10}".prop_map(Value::String);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| json!(n)),
            any::<String>().prop_map(Value::String),
            furl_like,
        ];
        leaf.prop_recursive(3, 30, 5, |inner| {
            let key = prop_oneof![
                Just(FURL.to_owned()),
                Just(NURLS.to_owned()),
                Just(SEED.to_owned()),
                Just("nickname".to_owned()),
                any::<String>(),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::btree_map(key, inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_answered(
            server_id: String, announcement in any_json(), value in any_json(),
        ) {
            let _ = StorageAnnouncement::from_json(&server_id, &announcement);
            for key in [FURL, NURLS, SEED, CERTIFICATES, "nickname", "my-version"] {
                if let Ok(server) = read(key, value.clone()) {
                    prop_assert!(server.nurls().len() <= NURLS_MAX);
                    prop_assert!(server.permutation_seed().len() <= TEXT_LEN_MAX);
                }
            }
        }
    }
}
