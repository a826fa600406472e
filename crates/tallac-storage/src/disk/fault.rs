//! Where a test may let the machine die: before every effect on the disk that a change has.

use std::io;

/// Called before every effect. Outside of tests it does nothing.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(super) const fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
thread_local! {
    /// Effects left until death.
    static LEFT: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(super) fn step() -> io::Result<()> {
    match LEFT.get() {
        None => Ok(()),
        Some(0) => Err(io::Error::other("this machine is dead")),
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
    }
}

/// Lets this thread have so many effects more, or any number again.
#[cfg(test)]
pub(crate) fn die_after(effects: Option<usize>) {
    LEFT.set(effects);
}

/// Whether death has come.
#[cfg(test)]
pub(crate) fn is_dead() -> bool {
    LEFT.get() == Some(0)
}
