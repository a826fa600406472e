//! The syntax of tahoe.cfg.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(config);
