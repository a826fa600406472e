//! Certificates, bare and in PEM files.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(certificates);
