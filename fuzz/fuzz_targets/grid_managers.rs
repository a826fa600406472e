//! libFuzzer's way into [`tallac_fuzz::grid_managers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::grid_managers::target(data));
