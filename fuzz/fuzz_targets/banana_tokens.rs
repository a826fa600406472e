//! libFuzzer's way into [`tallac_fuzz::banana_tokens`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::banana_tokens::target(data));
