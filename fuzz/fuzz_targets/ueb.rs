//! The UEB, which a share tells of its file.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(ueb);
