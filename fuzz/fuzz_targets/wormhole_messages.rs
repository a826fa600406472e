//! libFuzzer's way into [`tallac_fuzz::wormhole_messages`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::wormhole_messages::target(data));
