//! What carries the protocols: TLS over TCP, and the patience that goes with it.

mod accepting;
mod rewound;
mod silence;
mod tls;

pub(crate) use accepting::{PortLimits, accept_all};
pub(crate) use rewound::Rewound;
pub(crate) use silence::{Silence, WriteStall};
pub(crate) use tls::{accept, connect};
