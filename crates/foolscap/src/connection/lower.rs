//! Values with objects in them, and the same with the objects taken out or put in.

use crate::call::Arguments;
use crate::value::{Copyable, Value};

/// A value with each object made into another thing.
pub(crate) fn map<A, B, E>(
    value: Value<A>,
    object: &mut impl FnMut(A) -> Result<B, E>,
) -> Result<Value<B>, E> {
    let list = |values: Vec<Value<A>>, object: &mut _| {
        values.into_iter().map(|value| map(value, object)).collect::<Result<Vec<_>, E>>()
    };
    Ok(match value {
        Value::None => Value::None,
        Value::Bool(value) => Value::Bool(value),
        Value::Int(value) => Value::Int(value),
        Value::Float(value) => Value::Float(value),
        Value::Bytes(value) => Value::Bytes(value),
        Value::Text(value) => Value::Text(value),
        Value::List(values) => Value::List(list(values, object)?),
        Value::Tuple(values) => Value::Tuple(list(values, object)?),
        Value::Set(values) => Value::Set(list(values, object)?),
        Value::Dict(items) => {
            let item = |(key, value)| Ok((map(key, object)?, map(value, object)?));
            Value::Dict(items.into_iter().map(item).collect::<Result<_, E>>()?)
        }
        Value::Copyable(Copyable { name, state }) => {
            let state = named(state, object)?;
            Value::Copyable(Copyable { name, state })
        }
        Value::Object(inner) => Value::Object(object(inner)?),
    })
}

fn named<A, B, E>(
    values: Vec<(String, Value<A>)>,
    object: &mut impl FnMut(A) -> Result<B, E>,
) -> Result<Vec<(String, Value<B>)>, E> {
    values.into_iter().map(|(name, value)| Ok((name, map(value, object)?))).collect()
}

/// Arguments with each object made into another thing.
pub(crate) fn map_arguments<A, B, E>(
    arguments: Arguments<A>,
    object: &mut impl FnMut(A) -> Result<B, E>,
) -> Result<Arguments<B>, E> {
    let Arguments { positional, named: by_name } = arguments;
    let positional =
        positional.into_iter().map(|value| map(value, object)).collect::<Result<_, E>>()?;
    Ok(Arguments { positional, named: named(by_name, object)? })
}

/// Bytes in the strings of arguments, about what they take in memory.
pub(super) fn arguments_len<O>(arguments: &Arguments<O>) -> usize {
    let named = arguments.named.iter().map(|(_, value)| value);
    arguments.positional.iter().chain(named).map(len).sum()
}

fn len<O>(value: &Value<O>) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        Value::List(values) | Value::Tuple(values) | Value::Set(values) => {
            size_of_val(values.as_slice()) + values.iter().map(len).sum::<usize>()
        }
        Value::Dict(items) => {
            let items = items.iter().map(|(key, value)| len(key) + len(value));
            items.map(|len| len + 2 * size_of::<Value<O>>()).sum()
        }
        Value::Copyable(copyable) => copyable.state.iter().map(|(_, value)| len(value)).sum(),
        _ => 0,
    }
}
