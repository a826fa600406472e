//! What a peer may cost us.

use std::time::Duration;

use crate::banana;

/// Bounds of one connection, and of a tub. A peer that goes over one loses its message or its
/// connection; nobody else is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much one message may be.
    pub message: banana::Limits,
    /// Objects of ours that a peer may hold at once. When it holds so many, calls whose answer
    /// would hand out another fail.
    pub exports_max: usize,
    /// Objects of a peer that we are told of at once. A peer that sends more loses the connection.
    pub imports_max: usize,
    /// Calls of a peer that are being served at once. Nothing more is read from it meanwhile.
    pub serving_max: usize,
    /// Bytes in the arguments of those calls. A larger one is served when it is alone.
    pub serving_bytes_max: usize,
    /// Bytes of calls that wait to be sent; further calls wait at the caller's. One message may go
    /// over it.
    pub calls_queued_max: usize,
    /// Bytes of answers that wait to be sent. Nothing more is read from the peer meanwhile.
    pub answers_queued_max: usize,
    /// How long a peer may take nothing of what we send it, before it is given up.
    pub stall: Duration,
    /// Peers that may negotiate with a tub at once, having dialled it. More are turned away.
    pub negotiations_max: usize,
    /// Connections that a tub has at once. More are turned away.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: banana::Limits::default(),
            exports_max: 100_000,
            imports_max: 100_000,
            serving_max: 1000,
            serving_bytes_max: 64 * 1024 * 1024,
            calls_queued_max: 4 * 1024 * 1024,
            answers_queued_max: 64 * 1024 * 1024,
            stall: Duration::from_secs(300),
            negotiations_max: 1000,
            connections_max: 20_000,
        }
    }
}
