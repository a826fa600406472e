//! Which server gets which share (specification sections 2.7, 4.1 and 4.2): the permuted ring, the
//! plan of an upload, and how much loss the result survives.
//!
//! All of it follows the order in which servers are given, which is the ring's, and never the
//! order of a hash table: the same question always has the same answer.

mod happiness;
mod matching;
mod plan;
mod ring;
mod unhappiness;

pub use happiness::{by_share, happiness};
pub use plan::{Candidates, Placement, Plan};
pub use ring::{permute, permute_preferring};
pub use unhappiness::UploadUnhappiness;
