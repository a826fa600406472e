//! The parsers of what users' programs send, in one place for fuzz targets. Not part of the
//! interface.

/// Reads `text` as each path, query, header, form and list of children.
pub fn texts(text: &str) {
    crate::wapi::parse_as_everything(text);
}
