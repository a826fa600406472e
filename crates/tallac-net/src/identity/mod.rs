//! Who a peer is: not a name that somebody vouches for, but its key (specification sections 6.2
//! and 7.1). A NURL names a server by the hash of its public key, a FURL by the hash of its
//! certificate.

mod certificate;
mod der;
mod furl;
mod location;
mod nurl;
mod swissnum;
mod tls_pin;

pub use certificate::{CertificateError, NodeCertificate};
pub use der::DerError;
pub use furl::{Furl, FurlError};
pub use location::{Location, LocationError};
pub use nurl::{Network, Nurl, NurlError};
pub use swissnum::{Swissnum, SwissnumError};
pub use tls_pin::{SpkiHash, SpkiHashError};

pub(crate) use tls_pin::{client_config, server_config};
