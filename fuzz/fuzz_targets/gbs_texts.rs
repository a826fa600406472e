//! Addresses, paths and headers of GBS.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(gbs_texts);
