//! Two tubs, within the process and over loopback TCP.

mod calls;
mod connecting;
mod kit;
mod misuse;
