//! Reads and writes the YAML files of a node's `private` directory. What they hold is secret, so
//! errors tell the line and never show it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::ConfigError;
use crate::files;

/// A longer key is marked as one, or PyYAML would not take it.
const SIMPLE_KEY_LEN_MAX: usize = 1000;

/// The content of a YAML file; nothing if there is no such file.
///
/// # Errors
/// When the file cannot be read, or is no YAML.
pub(crate) fn read(file: &Path) -> Result<Option<Value>, ConfigError> {
    let Some(text) = files::read_text(file)? else { return Ok(None) };
    parse(file, &text).map(Some)
}

/// The content of the YAML text that is in a file.
///
/// # Errors
/// When it is no YAML.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Value, ConfigError> {
    match serde_saphyr::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) => Err(ConfigError::Malformed {
            file: file.to_owned(),
            place: error
                .location()
                .map_or_else(String::new, |location| format!(", line {}", location.line())),
            problem: "is not YAML that can be read here".to_owned(),
        }),
    }
}

/// Adds nested dictionaries, with an entry a line.
pub(crate) fn push(out: &mut String, entries: &Map<String, Value>, depth: usize) {
    for (key, value) in entries {
        let (key, width) = (text(key), depth * 2);
        let _ = match key.len() > SIMPLE_KEY_LEN_MAX {
            false => write!(out, "{:width$}{key}:", ""),
            true => write!(out, "{:width$}? {key}\n{:width$}:", "", ""),
        };
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                push(out, inner, depth + 1);
            }
            _ => {
                out.push(' ');
                push_flow(out, value);
                out.push('\n');
            }
        }
    }
}

/// Adds a value in one line.
pub(crate) fn push_flow(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => out.push_str(&text(string)),
        Value::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                push_flow(out, value);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (place, (key, value)) in entries.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                // A long key needs the question mark.
                let _ = write!(out, "? {} : ", text(key));
                push_flow(out, value);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// A text in quotes, as all YAML programs read it: all but printable ASCII is escaped.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                let _ = match u32::from(c) {
                    code @ ..=0xff => write!(out, "\\x{code:02x}"),
                    code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            key in ".{0,20}|x{1500}", text: String, number: i64, deep: bool,
        ) {
            let inner = json!({ &*key: [text, number, null, true, {}, [], { &*key: &*key }] });
            let value = if deep { json!({ "a b": inner }) } else { inner };
            let mut out = String::new();
            push(&mut out, value.as_object().unwrap(), 0);
            prop_assert!(out.is_ascii());
            prop_assert_eq!(parse(Path::new("x"), &out).unwrap(), value);
        }
    }
}
