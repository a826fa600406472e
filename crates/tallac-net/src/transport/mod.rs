//! What carries the protocols: how peers are reached ([`Ways`]), openly, through Tor or through
//! I2P; and TLS.

mod endpoint;
pub mod i2p;
mod lines;
mod rewound;
mod socks;
mod tls;
pub mod tor;
mod ways;

pub use endpoint::{Endpoint, EndpointError, endpoint_fields};
pub use socks::SocksError;
pub use ways::{Network, Route, Way, Ways};

pub(crate) use rewound::Rewound;
pub(crate) use tls::{accept, connect};

/// A stream of bytes in both directions, whatever carries it.
pub type BoxStream = Box<dyn foolscap::Stream>;
