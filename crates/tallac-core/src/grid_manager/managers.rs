//! Which servers may be given shares, as the managers that a client trusts see it.

use std::time::SystemTime;

use super::SignedCertificate;
use crate::crypto::VerifyingKey;
use crate::ids::ServerId;

/// The managers that a client trusts. Without any, it trusts every server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GridManagers(Vec<VerifyingKey>);

/// Whether a server may be given shares, now and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadPermit {
    /// Nobody asks for certificates.
    Always,
    /// Until a moment.
    Until(SystemTime),
    /// It has no certificate of any manager that is trusted.
    Never,
}

impl GridManagers {
    /// The managers with these keys.
    #[must_use]
    pub const fn new(keys: Vec<VerifyingKey>) -> Self {
        Self(keys)
    }

    /// Whether certificates are asked for.
    #[must_use]
    pub const fn are_there(&self) -> bool {
        !self.0.is_empty()
    }

    /// What these certificates are worth to a server: one is enough that is for its key, that any
    /// of the managers signed, and that has not run out.
    #[must_use]
    pub fn permit(&self, server: &ServerId, certificates: &[SignedCertificate]) -> UploadPermit {
        if !self.are_there() {
            return UploadPermit::Always;
        }
        let signed = certificates
            .iter()
            .flat_map(|certificate| self.0.iter().filter_map(|key| certificate.signed_by(key)));
        let for_server = signed.filter(|said| said.public_key.server_id() == *server);
        let latest = for_server.map(|said| said.expires.at()).max();
        latest.map_or(UploadPermit::Never, UploadPermit::Until)
    }
}

impl UploadPermit {
    /// Whether it holds at this moment.
    #[must_use]
    pub fn holds(self, now: SystemTime) -> bool {
        match self {
            Self::Always => true,
            Self::Until(end) => now < end,
            Self::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zeroize::Zeroizing;

    use super::super::{Certificate, IsoTime};
    use super::*;
    use crate::crypto::SigningKey;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([n; 32])).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Manager `manager` vouches for server `server` until a second.
    fn certificate(manager: u8, server: u8, until: u64) -> SignedCertificate {
        let public_key = *key(server).verifying_key();
        Certificate { public_key, expires: IsoTime::utc(at(until)).unwrap() }.sign(&key(manager))
    }

    /// What they are worth to server 9, with managers 1 and 2 trusted.
    fn permit(certificates: &[SignedCertificate]) -> UploadPermit {
        let managers = [1, 2].map(|n| *key(n).verifying_key()).to_vec();
        GridManagers::new(managers).permit(&key(9).verifying_key().server_id(), certificates)
    }

    #[test]
    fn one_good_certificate_is_enough() {
        assert_eq!(permit(&[certificate(1, 9, 1000)]), UploadPermit::Until(at(1000)));
        assert_eq!(permit(&[certificate(2, 9, 1000)]), UploadPermit::Until(at(1000)));
        let several = [(3, 9, 9000), (1, 8, 9000), (1, 9, 10), (2, 9, 50), (1, 9, 30)]
            .map(|(m, s, t)| certificate(m, s, t));
        assert_eq!(permit(&several), UploadPermit::Until(at(50)));
    }

    #[test]
    fn other_managers_and_other_servers_do_not_count() {
        assert_eq!(permit(&[]), UploadPermit::Never);
        assert_eq!(permit(&[certificate(3, 9, 1000)]), UploadPermit::Never);
        assert_eq!(permit(&[certificate(1, 8, 1000)]), UploadPermit::Never);
        assert_eq!(permit(&[certificate(9, 9, 1000)]), UploadPermit::Never);
    }

    #[test]
    fn without_managers_everyone_is_trusted() {
        let server = key(9).verifying_key().server_id();
        assert_eq!(GridManagers::default().permit(&server, &[]), UploadPermit::Always);
        assert!(UploadPermit::Always.holds(at(0)));
    }

    #[test]
    fn a_permit_ends_at_its_moment() {
        let permit = permit(&[certificate(1, 9, 1000)]);
        assert!(permit.holds(at(999)));
        assert!(!permit.holds(at(1000)));
        assert!(!UploadPermit::Never.holds(at(0)));
    }
}
