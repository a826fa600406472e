//! Base32 and netstrings.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(encodings);
