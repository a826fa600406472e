//! What calls carry: values as Python has them, and objects that the other side may call.

use bytes::Bytes;

use crate::object::Object;

/// A value in a call or an answer. `O` is how objects appear in it: as [`Object`]s to whoever makes
/// or serves calls, as plain numbers to the codec.
#[derive(Debug, Clone)]
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

/// An object that is sent as a copy.
#[derive(Debug, Clone)]
pub struct Copyable<O = Object> {
    /// The name that both sides know the type by.
    pub name: String,
    /// Its attributes, by name.
    pub state: Vec<(String, Value<O>)>,
}
