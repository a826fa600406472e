//! Container files of immutable shares, and their leases.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(container);
