//! Announcements of storage servers (specification sections 4.1 and 6.1).

use serde_json::Value;
use tallac_core::announcement::{NURLS_MAX, StorageAnnouncement, TEXT_LEN_MAX};

const SERVER: &str = "v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a";

const FURL: &str = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:3457/hush";

/// Reads any JSON as an announcement. What is kept of it is bounded, and its secrets stay out of
/// `Debug`.
pub fn target(data: &[u8]) {
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
