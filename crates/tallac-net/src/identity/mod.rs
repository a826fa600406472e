//! Who a peer is: not a name that somebody vouches for, but its key (specification sections 6.2
//! and 7.1). A NURL names a server by the hash of its public key, a FURL by the hash of its
//! certificate.

mod nurl;
mod tls_pin;

use tallac_core::ids;

pub use foolscap::der::DerError;
pub use foolscap::{
    Certificate, CertificateError, Furl, FurlError, Location, LocationError, Swissnum,
    SwissnumError,
};
pub use nurl::{Network, Nurl, NurlError, nurls_of};
pub use tls_pin::{SpkiHash, SpkiHashError};

pub(crate) use tls_pin::{client_config, server_config};

/// A tub's id as the rest of Tahoe knows it: it stands for a server in leases and write enablers.
#[must_use]
pub const fn node_id(tub_id: foolscap::TubId) -> ids::TubId {
    ids::TubId::new(*tub_id.as_bytes())
}
