//! Upload and download over a grid of simulated servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod assisted;
mod check;
mod check_deep;
mod check_mutable;
mod collisions;
mod directory;
mod directory_edits;
mod download;
mod history;
mod hostile;
mod mutable;
mod permits;
mod servers;
mod sources;
mod support;
mod upload;
