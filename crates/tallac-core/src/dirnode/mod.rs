//! Directories: tables of names, each with a cap and metadata, kept in a file (specification
//! section 5).
//!
//! A [`Directory`] is such a table unpacked. It keeps every entry in the packed form that it was
//! found in until somebody changes that entry, so that what we do not understand survives.

mod directory;
mod edit;
mod entry;
mod error;
mod json;
mod metadata;
mod name;
mod node;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use directory::{Directory, DirectoryAccess};
pub use edit::{ChildType, Link, Overwrite, Removal};
pub use error::{Damage, DirectoryError};
pub use json::{Json, JsonError};
pub use metadata::{Metadata, MetadataError};
pub use name::ChildName;
pub use node::{Child, Node, UnknownNode};
