//! Calls: their arguments, and how they fail.

use crate::object::Object;
use crate::value::Value;

/// The arguments of a call: by position first, then by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments<O = Object> {
    /// In the order of the method's parameters.
    pub positional: Vec<Value<O>>,
    /// The others, by the parameters' names.
    pub named: Vec<(String, Value<O>)>,
}

impl<O> Default for Arguments<O> {
    fn default() -> Self {
        Self::none()
    }
}

impl<O> Arguments<O> {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self { positional: Vec::new(), named: Vec::new() }
    }

    /// These, by position.
    #[must_use]
    pub const fn positional(positional: Vec<Value<O>>) -> Self {
        Self { positional, named: Vec::new() }
    }

    /// One more, by name.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value<O>) -> Self {
        self.named.push((name.to_owned(), value));
        self
    }

    /// The values of a method's parameters, however they were given.
    ///
    /// # Errors
    /// A violation when one is missing, unknown, or given twice.
    pub fn bind<const N: usize>(self, parameters: [&str; N]) -> Result<[Value<O>; N], Failure> {
        let mut values: [Option<Value<O>>; N] = std::array::from_fn(|_| None);
        if self.positional.len() > N {
            return Err(Failure::violation(format!("the method has only {N} parameters")));
        }
        for (place, value) in values.iter_mut().zip(self.positional) {
            *place = Some(value);
        }
        for (name, value) in self.named {
            let at = parameters.iter().position(|parameter| *parameter == name);
            let Some(at) = at else {
                return Err(Failure::violation("the method has no parameter of that name"));
            };
            if values[at].replace(value).is_some() {
                return Err(Failure::violation(format!("{} is given twice", parameters[at])));
            }
        }
        if let Some(at) = values.iter().position(Option::is_none) {
            return Err(Failure::violation(format!("{} is missing", parameters[at])));
        }
        Ok(values.map(|value| value.unwrap_or(Value::None)))
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

#[cfg(test)]
mod tests {
    use super::{Arguments, Failure};
    use crate::value::Value;

    type Taken = Arguments<()>;

    #[test]
    fn parameters_are_bound_by_position_and_by_name() {
        let both = || Taken::positional(vec![Value::Int(1)]).with("c", Value::Int(3));
        let bound = both().with("b", Value::Int(2)).bind(["a", "b", "c"]).unwrap();
        assert_eq!(bound, [Value::Int(1), Value::Int(2), Value::Int(3)]);
        assert_eq!(Taken::none().bind([]).unwrap(), []);
        let check = |arguments: Taken, why: &str| {
            let refused = arguments.bind(["a", "b", "c"]).unwrap_err();
            assert_eq!(refused, Failure::violation(why));
        };
        check(both(), "b is missing");
        check(both().with("a", Value::None), "a is given twice");
        check(both().with("d", Value::None), "the method has no parameter of that name");
        let four = Taken::positional(vec![Value::None; 4]);
        check(four, "the method has only 3 parameters");
    }
}
