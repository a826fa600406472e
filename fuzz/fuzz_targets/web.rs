//! Paths, arguments and ranges of the web API.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(web);
