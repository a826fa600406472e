//! libFuzzer's way into [`tallac_fuzz::gbs_messages`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::gbs_messages::target(data));
