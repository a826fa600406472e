//! The web API over real sockets, on a grid of simulated servers.

#![expect(clippy::unwrap_used, reason = "what fails in a test should end it, helpers included")]

mod check;
mod deep_check;
mod directories;
mod download;
mod errors;
mod interface;
mod introducer;
mod mutable;
mod node_pages;
mod operations;
mod pages;
mod patience;
mod private;
mod support;
mod table;
mod upload;
