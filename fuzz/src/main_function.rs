//! What a target's binary does.

use std::process::ExitCode;

/// The `main` of a target's binary: libFuzzer's under cargo-fuzz, else [`replay`].
#[macro_export]
macro_rules! main {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::$target::target(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            fuzz::replay(fuzz::$target::target)
        }
    };
}

/// Feeds a target the files that the command line names, one after the other.
#[must_use]
pub fn replay(target: fn(&[u8])) -> ExitCode {
    for path in std::env::args_os().skip(1) {
        match std::fs::read(&path) {
            Ok(data) => target(&data),
            Err(error) => {
                eprintln!("cannot read {}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
