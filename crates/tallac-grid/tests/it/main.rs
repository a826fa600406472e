//! Upload and download over a grid of simulated servers.

mod download;
mod sources;
mod support;
mod upload;
