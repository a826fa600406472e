//! Capabilities, of every kind and in every context.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(caps);
