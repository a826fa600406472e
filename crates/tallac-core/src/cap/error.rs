//! Why a text is not the cap that is wanted. No error repeats the text: it may hold a key.

use super::CapKind;
use crate::base32::Base32Error;

/// Why a text is not the cap that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapError {
    /// No prefix that we know: a cap of a future version, or no cap at all.
    #[error("not a capability of a kind that is known here")]
    UnknownKind,
    /// A prefix that we know, and then something else than belongs there.
    #[error("malformed {kind}: {problem}")]
    Malformed {
        /// The kind that the prefix names.
        kind: CapKind,
        /// What is wrong.
        problem: Malformation,
    },
    /// A good cap, of another kind.
    #[error("a {found} was given where {expected} belongs")]
    WrongKind {
        /// What belongs here.
        expected: &'static str,
        /// What was given.
        found: CapKind,
    },
    /// A cap that can write where only reading may be passed on.
    #[error("{what} was used in a read-only context")]
    MustBeReadonly {
        /// The cap's kind.
        what: Offender,
    },
    /// A cap of something that can change where all must be immutable.
    #[error("{what} was used in an immutable context")]
    MustBeDeepImmutable {
        /// The cap's kind.
        what: Offender,
    },
    /// A cap of unknown kind, alone, that may be a write cap: no read cap can be made of it for
    /// those who may only read (section 1.5).
    #[error(
        "a capability of unknown kind was given as the child of {}, without a read capability \
         beside it; give both, or put \"{}\" before one that is known to be harmless there",
        if *.immutable { "an immutable directory" } else { "a directory" },
        if *.immutable { "imm." } else { "ro." }
    )]
    UnknownWriteCap {
        /// Whether the child is to be immutable.
        immutable: bool,
    },
}

/// Which cap broke the constraint of its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Offender {
    /// One of a known kind.
    #[error("a {0}")]
    Known(CapKind),
    /// One with a prefix that Tahoe-LAFS keeps for tests of future caps.
    #[error("a test cap ({0})")]
    FutureTest(&'static str),
    /// A write cap of unknown kind, beside a read cap.
    #[error("a write cap of unknown kind")]
    UnknownWriteCap,
}

/// What is wrong with the text after a known prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformation {
    /// The text ends before this field.
    #[error("its {0} is missing")]
    Missing(&'static str),
    /// A field that is no base32, or of the wrong length.
    #[error("its {field}: {error}")]
    BadField {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        error: Base32Error,
    },
    /// A field that is no decimal number.
    #[error("its {0} is not a decimal number")]
    NotANumber(&'static str),
    /// A number beyond 64 bits. Tahoe-LAFS takes it, but there can be no such file.
    #[error("its {0} is larger than any file can have")]
    NumberTooLarge(&'static str),
    /// Something follows the last field.
    #[error("something follows its end")]
    Trailing,
}
