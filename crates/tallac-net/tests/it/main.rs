//! Both sides of GBS and of introducers over real sockets, and the identities they go by.

#![expect(clippy::unwrap_used, reason = "what fails in a test should end it, helpers included")]

mod conformance;
mod faults;
mod foolscap;
mod hidden;
mod identity;
mod introducer;
mod liars;
mod slots;
mod statuses;
mod support;
mod tls;
