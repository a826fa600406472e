//! CBOR messages of GBS.
#![cfg_attr(fuzzing, no_main)]

fuzz::main!(gbs_messages);
