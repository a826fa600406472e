//! Announcements of storage servers.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(announcement);
