//! Containers: the server's bytes around a share. Pure: these modules know no files.

pub mod edit;
pub mod immutable;
pub mod lease;
pub mod mutable;
