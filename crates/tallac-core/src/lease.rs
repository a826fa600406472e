//! Leases: for how long servers keep a share, and the secrets that say so (section 2.5).

use std::time::Duration;

use crate::hash;
use crate::ids::{StorageIndex, TubId};
use crate::secrets::{LeaseSecret, LeaseSecrets};

/// For how long a lease keeps a share once it is added or renewed.
pub const LEASE_DURATION: Duration = Duration::from_hours(31 * 24);

/// The secrets of a node's lease on a file's shares on one server.
///
/// They come from the node's own secret by way of the file's, so that a node can renew what it
/// stored long ago without having written anything down, and no server learns the secrets that
/// another one is told. A server is known by its tub id, whatever wire it is spoken to on.
#[must_use]
pub fn lease_secrets(
    secret: &LeaseSecret,
    storage_index: &StorageIndex,
    server: &TubId,
) -> LeaseSecrets {
    LeaseSecrets {
        renew: hash::renew_secret(secret, storage_index, server),
        cancel: hash::cancel_secret(secret, storage_index, server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base32;

    const SECRET: &str = "boity2cdh7jvl3ltaeebuiobbspjmbuopnwbde2yeh4k6x7jioga";
    const OTHER_SECRET: &str = "vacviff4xfqxsbp64tdr3frg3xnkcsuwt5jpyat2qxcm44bwu75a";
    const FILE: &str = "vrttmwlicrzbt7gh5qsooogr7u";
    const OTHER_FILE: &str = "75gmmfts772ww4beiewc234o5e";
    const SERVER: &str = "v67jiisoty6ooyxlql5fuucitqiok2ic";
    const OTHER_SERVER: &str = "lh5fhobkjrmkqjmkxhy3yaonoociggpz";

    fn secrets(secret: &str, file: &str, server: &str) -> LeaseSecrets {
        let secret = LeaseSecret::from_base32(secret).unwrap();
        lease_secrets(&secret, &file.parse().unwrap(), &server.parse().unwrap())
    }

    #[test]
    fn renewal_secrets_of_section_15_2() {
        let check = |secret: &str, file: &str, server: &str, expected: &str| {
            let renew = secrets(secret, file, server).renew;
            assert_eq!(base32::encode(renew.expose()), expected);
        };
        check(SECRET, FILE, SERVER, "osd6wmc5vz4g3ukg64sitmzlfiaaordutrez7oxdp5kkze7zp5zq");
        check(SECRET, OTHER_FILE, SERVER, "35itmusj7qm2pfimh62snbyxp3imreofhx4djr7i2fweta75szda");
        check(
            SECRET,
            OTHER_FILE,
            OTHER_SERVER,
            "srrlruge47ws3lm53vgdxprgqb6bz7cdblnuovdgtfkqrygrjm4q",
        );
        check(
            OTHER_SECRET,
            OTHER_FILE,
            OTHER_SERVER,
            "b4jledjiqjqekbm2erekzqumqzblegxi23i5ojva7g7xmqqnl5pq",
        );
    }

    #[test]
    fn every_node_file_and_server_has_secrets_of_its_own() {
        let all = [
            secrets(SECRET, FILE, SERVER),
            secrets(OTHER_SECRET, FILE, SERVER),
            secrets(SECRET, OTHER_FILE, SERVER),
            secrets(SECRET, FILE, OTHER_SERVER),
        ];
        let mut bytes: Vec<_> =
            all.iter().flat_map(|s| [*s.renew.expose(), *s.cancel.expose()]).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), 8);
    }

    #[test]
    fn a_lease_lasts_31_days() {
        assert_eq!(LEASE_DURATION.as_secs(), 2_678_400);
    }
}
