//! Remote objects: programs that know each other by their certificates call each other's objects,
//! in both directions over one connection. A [`Tub`] is an identity with what it offers; a
//! [`Furl`] names something that a tub offers.

pub mod banana;
pub mod call;
mod certificate;
mod connection;
pub mod der;
mod furl;
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod limits;
mod location;
mod negotiate;
pub mod object;
mod swissnum;
pub mod tls;
mod tub;
mod tub_id;
pub mod value;

pub use call::{Arguments, CallError, Failure};
pub use certificate::{Certificate, CertificateError};
pub use furl::{Furl, FurlError};
pub use limits::Limits;
pub use location::{Location, LocationError};
pub use object::{IncomingCall, Object, Referenceable, RemoteReference};
pub use swissnum::{Swissnum, SwissnumError};
pub use tub::{ConnectError, Dialer, Reconnector, Stream, TcpDialer, Tub, TubOptions};
pub use tub_id::{TubId, TubIdError};
pub use value::{Copyable, Value};
