//! Peers reached through Tor and I2P, and nothing that goes past them.

mod fakes;
mod gbs;
mod i2p;
mod tor;
