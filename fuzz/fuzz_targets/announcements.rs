//! libFuzzer's way into [`tallac_fuzz::announcements`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::announcements::target(data));
