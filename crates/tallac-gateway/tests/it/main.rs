//! The web API over real sockets, on a grid of simulated servers.

mod download;
mod errors;
mod pages;
mod patience;
mod support;
mod upload;
