//! Announcements of storage servers (specification sections 4.1 and 6.1).

use bytes::Bytes;
use serde_json::Value;
use tallac_core::announcement::{
    MESSAGE_LEN_MAX, NURLS_MAX, SERVICE_LEN_MAX, SignedAnnouncement, StorageAnnouncement,
    TEXT_LEN_MAX,
};
use tallac_core::base32;
use tallac_core::crypto::SigningKey;

const SERVER: &str = "v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";

const FURL: &str = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:3457/hush";

/// The private key to `SERVER`.
const KEY: &str = "priv-v0-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";

/// Takes any bytes as what somebody signed, as a signature, and as a key.
fn signed(data: &[u8]) {
    let Ok(key) = SigningKey::from_text(KEY) else { return };
    let signature = format!("v0-{}", base32::encode(key.sign(data).as_bytes()));
    let good = SignedAnnouncement {
        message: Bytes::copy_from_slice(data),
        signature: signature.into(),
        key: Bytes::from_static(SERVER.as_bytes()),
    };
    let mut forged = [good.clone(), good.clone(), good.clone()];
    forged[0].signature = Bytes::copy_from_slice(data);
    forged[1].key = Bytes::copy_from_slice(data);
    forged[2].message = [data, b" "].concat().into();
    for announcement in forged {
        let is_same = announcement == good;
        assert!(is_same || announcement.verify().is_err(), "a forgery is taken");
    }
    if let Ok(announcement) = good.verify() {
        assert!(data.len() <= MESSAGE_LEN_MAX);
        assert!((1..=SERVICE_LEN_MAX).contains(&announcement.service().len()));
        assert_eq!(announcement.key().server_id().as_str(), SERVER);
    }
}

/// Reads any JSON as an announcement. What is kept of it is bounded, and its secrets stay out of
/// `Debug`.
pub fn target(data: &[u8]) {
    signed(data);
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    for server in [SERVER, "other"] {
        let Ok(announcement) = StorageAnnouncement::from_json(server, &value) else { continue };
        assert!(announcement.nurls().len() <= NURLS_MAX);
        assert!(announcement.nurls().iter().all(|nurl| nurl.len() <= TEXT_LEN_MAX));
        assert!(announcement.nickname().len() <= TEXT_LEN_MAX);
        assert!(announcement.permutation_seed().len() <= TEXT_LEN_MAX);
        let (debug, furl) = (format!("{announcement:?}"), announcement.anonymous_storage_furl());
        let is_told = announcement.nickname().contains(furl);
        assert!(is_told || !debug.contains(furl), "the FURL is in its Debug");
    }
}

/// A full one, and the least.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let full = serde_json::json!({
        "version": 0,
        "nickname": "storage \u{e4}",
        "my-version": "tahoe-lafs/1.20.0",
        "service-name": "storage",
        "anonymous-storage-FURL": FURL,
        "anonymous-storage-NURLs": ["pb://hash@127.0.0.1:3457/hush#v=1"],
        "permutation-seed-base32": "aaaq",
        "some-future-key": {"deep": [1, 2, null]},
    });
    let least = serde_json::json!({ "anonymous-storage-FURL": FURL });
    crate::texts([full.to_string().as_str(), least.to_string().as_str()])
}
