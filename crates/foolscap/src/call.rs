//! Calls: their arguments, and how they fail.

use crate::value::Value;

/// The arguments of a call: by position first, then by name.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// In the order of the method's parameters.
    pub positional: Vec<Value>,
    /// The others, by the parameters' names.
    pub named: Vec<(String, Value)>,
}

impl Arguments {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self { positional: Vec::new(), named: Vec::new() }
    }

    /// These, by position.
    #[must_use]
    pub const fn positional(positional: Vec<Value>) -> Self {
        Self { positional, named: Vec::new() }
    }

    /// One more, by name.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.named.push((name.to_owned(), value));
        self
    }

    /// The values of a method's parameters, however they were given.
    ///
    /// # Errors
    /// A violation when one is missing, unknown, or given twice.
    pub fn bind<const N: usize>(self, parameters: [&str; N]) -> Result<[Value; N], Failure> {
        let _ = parameters;
        unimplemented!()
    }
}

/// How a call failed at the side that was called. It travels as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// The kind of error, named as Python does: `builtins.ValueError`.
    pub kind: String,
    /// What went wrong.
    pub message: String,
    /// Where, as far as the other side tells. We tell nothing.
    pub traceback: String,
}

impl Failure {
    /// A failure of that kind.
    #[must_use]
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), traceback: String::new() }
    }

    /// What was sent is not what the method takes.
    #[must_use]
    pub fn violation(message: impl Into<String>) -> Self {
        Self::new("foolscap.tokens.Violation", message)
    }
}

/// Why a call brought no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The peer did it, or tried, and says what went wrong.
    #[error("the peer answered with an error: {0}")]
    Remote(Failure),
    /// The connection was lost, so that nobody knows whether it happened.
    #[error("the connection was lost")]
    Disconnected,
    /// What was to be sent is more than one message may hold.
    #[error("the call is larger than a message may be")]
    TooLarge,
}
