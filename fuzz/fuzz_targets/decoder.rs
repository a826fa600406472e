//! Immutable shares with damage, through every proof, to plaintext.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(decoder);
