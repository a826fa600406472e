//! What carries the protocols: how peers are reached ([`Ways`]), openly, through Tor or through
//! I2P; TLS; and the patience that goes with it.

mod accepting;
mod endpoint;
pub mod i2p;
mod lines;
mod rewound;
mod silence;
mod socks;
mod tls;
pub mod tor;
mod ways;

pub use endpoint::{Endpoint, EndpointError};
pub use socks::SocksError;
pub use ways::{Network, Route, Way, Ways};

pub(crate) use accepting::{PortLimits, accept_all};
pub(crate) use rewound::Rewound;
pub(crate) use silence::{Silence, WriteStall};
pub(crate) use tls::{accept, connect};

/// A stream of bytes in both directions, whatever carries it.
pub type BoxStream = Box<dyn foolscap::Stream>;
