//! What the two sides of an introducer say to each other, as values of calls.

use bytes::Bytes;
use foolscap::{CallError, Failure, Value};
use tallac_core::announcement::{AnnouncementRefusal, SignedAnnouncement};

/// Name of the interface that an introducer has.
pub(super) const INTRODUCER: &str =
    "RIIntroducerPublisherAndSubscriberService_v2.tahoe.allmydata.com";

/// Name of the interface that is told of announcements.
pub(super) const SUBSCRIBER: &str = "RIIntroducerSubscriberClient_v2.tahoe.allmydata.com";

/// What an introducer that can be spoken to has in its version.
pub(super) const VERSION_2: &str = "http://allmydata.org/tahoe/protocols/introducer/v2";

/// Longest name or version of a node that is remembered, in bytes.
const WORDS_LEN_MAX: usize = 200;

/// An announcement as an argument.
pub(super) fn announcement_to_value(announcement: &SignedAnnouncement) -> Value {
    let SignedAnnouncement { message, signature, key } = announcement;
    Value::Tuple([message, signature, key].map(|bytes| Value::Bytes(bytes.clone())).into())
}

/// The announcement that an argument is.
///
/// # Errors
/// Why it is refused.
pub(super) fn announcement_from_value(
    value: Value,
) -> Result<SignedAnnouncement, AnnouncementRefusal> {
    let (Value::Tuple(parts) | Value::List(parts)) = value else {
        return Err(AnnouncementRefusal::Damaged);
    };
    let parts: [Value; 3] = parts.try_into().map_err(|_| AnnouncementRefusal::Damaged)?;
    let [message, signature, key] = parts.map(|part| match part {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Text(text) => Ok(text.into()),
        // Clients of long ago signed nothing.
        Value::None => Ok(Bytes::new()),
        _ => Err(AnnouncementRefusal::Damaged),
    });
    Ok(SignedAnnouncement { message: message?, signature: signature?, key: key? })
}

/// The text in a value, if it is one, in whatever way it was sent.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Bytes(bytes) => str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// The value under a key of a dictionary.
pub(super) fn get<'a>(dictionary: &'a Value, key: &str) -> Option<&'a Value> {
    let Value::Dict(entries) = dictionary else { return None };
    entries.iter().find(|(name, _)| text(name) == Some(key)).map(|(_, value)| value)
}

/// The words of a node about itself, cut off where they become too many.
pub(super) fn words(text: &str) -> String {
    text[..text.floor_char_boundary(WORDS_LEN_MAX)].to_owned()
}

/// A byte string.
pub(super) fn bytes(text: &str) -> Value {
    Value::Bytes(Bytes::copy_from_slice(text.as_bytes()))
}

/// What is said of a method that there is not.
pub(super) fn no_such_method(method: &str) -> Failure {
    Failure::violation(format!("there is no method {}", words(method)))
}

/// What is logged of a call that failed; what a peer says is cut off.
pub(super) fn reason(error: &CallError) -> String {
    words(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_of_every_shape() {
        let good = SignedAnnouncement {
            message: Bytes::from_static(b"{}"),
            signature: Bytes::from_static(b"v0-s"),
            key: Bytes::from_static(b"v0-k"),
        };
        assert_eq!(announcement_from_value(announcement_to_value(&good)), Ok(good));
        let unsigned = Value::Tuple(vec![bytes("{}"), Value::None, Value::None]);
        let refusal = announcement_from_value(unsigned).unwrap().verify().unwrap_err();
        assert_eq!(refusal, AnnouncementRefusal::Unsigned);
        let three = |value: Value| Value::Tuple(vec![bytes(""), value, bytes("")]);
        for bad in [Value::None, bytes(""), Value::Tuple(Vec::new()), three(Value::Int(3))] {
            let refusal = announcement_from_value(bad).unwrap_err();
            assert_eq!(refusal, AnnouncementRefusal::Damaged);
        }
    }

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(words("short"), "short");
        assert_eq!(words(&"ä€".repeat(100)).len(), 200);
    }
}
