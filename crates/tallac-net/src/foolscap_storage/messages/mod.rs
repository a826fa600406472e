//! The arguments and answers of section 6.7, one file a group of methods, with what either side
//! writes and reads. Every reader is strict about kinds, lengths and counts.

pub(super) mod allocate;
pub(super) mod bucket;
pub(super) mod share;
pub(super) mod slot;
#[cfg(test)]
mod tests;
pub(super) mod version;
