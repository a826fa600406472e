//! Leases as immutable containers hold them (section 3.4).

use blake2::{Blake2b256, Digest as _};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret};

/// How long a lease lasts, in seconds: 31 days.
pub const LEASE_PERIOD_S: u64 = 31 * 24 * 3600;

/// Bytes of one lease in an immutable container.
pub const LEASE_LEN: usize = 72;

/// Owner number of the lease that a share is uploaded with.
pub const OWNER_OF_UPLOAD: u32 = 0;

/// Owner number of a lease added to a share that is already there.
pub const OWNER_OF_ADDED: u32 = 1;

/// Where the expiration time stands within a lease.
pub const EXPIRATION_OFFSET: usize = LEASE_LEN - 4;

/// How a container keeps the secrets of its leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// As the client sent them: container version 1.
    Raw,
    /// Their BLAKE2b-256, so that who reads the disk learns none: container version 2.
    Hashed,
}

impl SecretForm {
    /// The secrets as such a container keeps them.
    #[must_use]
    pub fn stored(self, secrets: &LeaseSecrets) -> LeaseSecrets {
        match self {
            Self::Raw => secrets.clone(),
            Self::Hashed => LeaseSecrets {
                renew: RenewSecret::new(hash(secrets.renew.expose())),
                cancel: CancelSecret::new(hash(secrets.cancel.expose())),
            },
        }
    }
}

/// A lease, with its secrets as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// 0 from an upload, 1 when it was added later.
    pub owner: u32,
    /// The secrets, raw or hashed as the container has them.
    pub stored: LeaseSecrets,
    /// When it ends, in seconds since 1970.
    pub expiration: u32,
}

impl Lease {
    /// A lease that ends one period after `now_s`.
    #[must_use]
    pub fn new(owner: u32, secrets: &LeaseSecrets, form: SecretForm, now_s: u64) -> Self {
        Self { owner, stored: form.stored(secrets), expiration: expiration_after(now_s) }
    }

    /// The lease in these bytes.
    #[must_use]
    pub fn parse(bytes: &[u8; LEASE_LEN]) -> Self {
        let [owner @ .., _, _, _, _] = bytes[..8].first_chunk::<8>().expect("72 are more than 8");
        let array = |at: usize| *bytes[at..].first_chunk::<32>().expect("ends before 72");
        let expiration = bytes.last_chunk::<4>().expect("72 are more than 4");
        Self {
            owner: u32::from_be_bytes(*owner),
            stored: LeaseSecrets {
                renew: RenewSecret::new(array(4)),
                cancel: CancelSecret::new(array(36)),
            },
            expiration: u32::from_be_bytes(*expiration),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LEASE_LEN] {
        let mut bytes = [0; LEASE_LEN];
        bytes[..4].copy_from_slice(&self.owner.to_be_bytes());
        bytes[4..36].copy_from_slice(self.stored.renew.expose());
        bytes[36..68].copy_from_slice(self.stored.cancel.expose());
        bytes[68..].copy_from_slice(&self.expiration.to_be_bytes());
        bytes
    }
}

/// When a lease made or renewed at `now_s` ends.
#[must_use]
pub fn expiration_after(now_s: u64) -> u32 {
    u32::try_from(now_s.saturating_add(LEASE_PERIOD_S)).unwrap_or(u32::MAX)
}

fn hash(secret: &[u8; 32]) -> [u8; 32] {
    Blake2b256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lease_survives_its_bytes() {
        let secrets =
            LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) };
        let lease = Lease::new(7, &secrets, SecretForm::Raw, 1_700_000_000);
        assert_eq!(Lease::parse(&lease.to_bytes()), lease);
        assert_eq!(lease.expiration, 1_702_678_400);
        assert_eq!(&lease.to_bytes()[..5], [0, 0, 0, 7, 1]);
    }

    #[test]
    fn time_does_not_overflow() {
        assert_eq!(expiration_after(u64::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_lease(bytes: [u8; 32], other: [u8; 32], ends: [u8; 8]) {
            let lease = [&ends[..4], &bytes, &other, &ends[4..]].concat();
            let lease = lease.first_chunk().unwrap();
            prop_assert_eq!(&Lease::parse(lease).to_bytes(), lease);
        }
    }
}
