//! Both sides of GBS over real sockets, and the identities they go by.

mod conformance;
mod faults;
mod identity;
mod liars;
mod statuses;
mod support;
