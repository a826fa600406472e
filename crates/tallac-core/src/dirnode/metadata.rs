//! What is known of a link beside where it points (section 5.2).

use std::fmt;

use super::json::{Json, JsonError, write_members};

/// Metadata of a link: a JSON object, in the order and with the numbers that it was given.
/// `Display` is its packed form, which Python's `json.dumps` writes too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(String, Json)>);

/// Why a text is no metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is not even JSON.
    #[error("the metadata is {0}")]
    Json(#[from] JsonError),
    /// It is JSON, but no object.
    #[error("the metadata must be a JSON object")]
    NotAnObject,
}

/// The part of the metadata that belongs to the system.
const SYSTEM: &str = "tahoe";

/// When the link was first made, in seconds; in the system's part.
const LINK_CREATED: &str = "linkcrtime";

/// When the link was last set, in seconds; in the system's part.
const LINK_MODIFIED: &str = "linkmotime";

impl Metadata {
    /// No metadata.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The metadata that a JSON text is.
    ///
    /// # Errors
    /// [`MetadataError`] for everything but an object.
    pub fn parse(text: &str) -> Result<Self, MetadataError> {
        match Json::parse(text)? {
            Json::Object(members) => Ok(Self(members)),
            _ => Err(MetadataError::NotAnObject),
        }
    }

    /// A member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value)
    }

    /// Sets a member: where it is, if there is one, else at the end.
    pub fn set(&mut self, name: &str, value: Json) {
        set(&mut self.0, name, value);
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(of, _)| of == name)?;
        Some(self.0.remove(at).1)
    }

    /// All members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same for those who use `serde_json`.
    #[must_use]
    pub fn to_serde(&self) -> serde_json::Map<String, serde_json::Value> {
        self.0.iter().map(|(name, value)| (name.clone(), value.to_serde())).collect()
    }

    /// Whether the child is to be handed out as read-only.
    #[must_use]
    pub fn is_no_write(&self) -> bool {
        self.get("no-write").is_some_and(Json::is_truthy)
    }

    /// When the link was first made, in seconds since 1970.
    #[must_use]
    pub fn link_created(&self) -> Option<f64> {
        self.system_time(LINK_CREATED)
    }

    /// When the link was last set, in seconds since 1970.
    #[must_use]
    pub fn link_modified(&self) -> Option<f64> {
        self.system_time(LINK_MODIFIED)
    }

    fn system_time(&self, name: &str) -> Option<f64> {
        let Some(Json::Object(system)) = self.get(SYSTEM) else { return None };
        match system.iter().find(|(of, _)| of == name) {
            Some((_, Json::Number(text))) => text.parse().ok(),
            _ => None,
        }
    }

    /// The metadata of a link that is set now: the user's part replaced if there is a new one, the
    /// system's part kept and brought up to date.
    #[must_use]
    pub(super) fn updated(old: Option<Self>, new: Option<Self>, now: f64) -> Self {
        let old = old.unwrap_or_default();
        // Before Tahoe 1.4 this was the name of what is LINK_CREATED now.
        let created = old.get("ctime").cloned();
        let mut metadata = match new {
            None => old,
            Some(mut new) => {
                new.remove(SYSTEM);
                if let Some(system) = old.get(SYSTEM) {
                    new.set(SYSTEM, system.clone());
                }
                new
            }
        };
        let mut system = match metadata.get(SYSTEM) {
            Some(Json::Object(system)) => system.clone(),
            _ => Vec::new(),
        };
        if !system.iter().any(|(name, _)| name == LINK_CREATED) {
            let created = created.unwrap_or_else(|| Json::float(now));
            system.push((LINK_CREATED.to_owned(), created));
        }
        set(&mut system, LINK_MODIFIED, Json::float(now));
        metadata.set(SYSTEM, Json::Object(system));
        metadata
    }
}

fn set(members: &mut Vec<(String, Json)>, name: &str, value: Json) {
    match members.iter_mut().find(|(of, _)| of == name) {
        Some((_, old)) => *old = value,
        None => members.push((name.to_owned(), value)),
    }
}

impl From<&serde_json::Map<String, serde_json::Value>> for Metadata {
    fn from(members: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self(members.iter().map(|(name, value)| (name.clone(), value.into())).collect())
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_members(f, &self.0)
    }
}
