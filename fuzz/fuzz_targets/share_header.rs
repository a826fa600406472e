//! Headers of immutable shares.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(share_header);
