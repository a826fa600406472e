//! What calls carry: values as Python has them, and objects that the other side may call.

use std::fmt;

use bytes::Bytes;

use crate::object::Object;

/// A value in a call or an answer. `O` is how objects appear in it: as [`Object`]s to whoever makes
/// or serves calls, as plain numbers to the codec.
///
/// Byte strings may be secrets: `Debug` shows only how long they are.
#[derive(Clone, PartialEq)]
pub enum Value<O = Object> {
    /// Python's `None`.
    None,
    /// A boolean.
    Bool(bool),
    /// A whole number. Longer ones than this holds are refused.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// A byte string.
    Bytes(Bytes),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A tuple.
    Tuple(Vec<Self>),
    /// A set, whether it may change or not.
    Set(Vec<Self>),
    /// A dictionary. The order is the sender's, keys may be of any kind.
    Dict(Vec<(Self, Self)>),
    /// An object that is copied rather than referred to: a type name, and its attributes.
    Copyable(Copyable<O>),
    /// An object that stays where it is.
    Object(O),
}

impl<O: fmt::Debug> fmt::Debug for Value<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Text(text) => write!(f, "Text({})", text.len()),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Tuple(items) => f.debug_tuple("").field(items).finish(),
            Self::Set(items) => f.debug_set().entries(items).finish(),
            Self::Dict(items) => f.debug_map().entries(items.iter().map(|(k, v)| (k, v))).finish(),
            Self::Copyable(copy) => copy.fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

/// An object that is sent as a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Copyable<O = Object> {
    /// The name that both sides know the type by.
    pub name: String,
    /// Its attributes, by name.
    pub state: Vec<(String, Value<O>)>,
}
