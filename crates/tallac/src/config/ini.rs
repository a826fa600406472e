//! The syntax of `tahoe.cfg`: what Python's `ConfigParser(strict=False)` reads (section 10.1).
//!
//! Sections in brackets, keys with `=` or `:`, lower-cased; the last of several values wins. A line
//! that is indented further than its key goes on with the value. Comments have lines of their own.
//! In values `%%` stands for a percent sign and `%(key)s` for another value of the section or of
//! `[DEFAULT]`.

use std::collections::BTreeMap;

/// Section whose values all others have as well.
const DEFAULT: &str = "DEFAULT";

/// How deep values may stand in values.
const INTERPOLATION_DEPTH_MAX: usize = 10;

/// How long a value may become when others are put in, in bytes: ten levels of values that each
/// name another ten times would fill any memory.
const VALUE_LEN_MAX: usize = 1 << 20;

type Values = BTreeMap<String, String>;

/// The text of a configuration file, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ini {
    sections: BTreeMap<String, Values>,
    defaults: Values,
}

/// What is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IniError {
    #[error("line {line} stands before the first section; put a line such as [node] above it")]
    NoSection { line: usize },
    #[error("line {line} is neither a [section] nor a key = value")]
    BadLine { line: usize },
    #[error("[{section}] {key}: a '%' must be followed by '%' or '('; write %% for a percent sign")]
    BadPercent { section: String, key: String },
    #[error("[{section}] {key}: it refers to %({missing})s, which is not set")]
    Missing { section: String, key: String, missing: String },
    #[error("[{section}] {key}: its value refers to itself")]
    TooDeep { section: String, key: String },
    #[error("[{section}] {key}: with what it refers to, its value has over {VALUE_LEN_MAX} bytes")]
    TooLong { section: String, key: String },
}

/// The key whose value goes on, and how far it is indented.
struct Open {
    section: String,
    key: String,
    lines: Vec<String>,
}

impl Ini {
    /// Takes a text apart.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub(crate) fn parse(text: &str) -> Result<Self, IniError> {
        let mut ini = Self::default();
        let mut section: Option<String> = None;
        let mut open: Option<Open> = None;
        let mut indent = 0;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
            let value = line.trim();
            if value.starts_with(['#', ';']) {
                continue;
            }
            if value.is_empty() {
                if let Some(open) = &mut open {
                    open.lines.push(String::new());
                }
                continue;
            }
            let this_indent = line.chars().take_while(|c| c.is_whitespace()).count();
            if let Some(open) = open.as_mut().filter(|_| this_indent > indent) {
                open.lines.push(value.to_owned());
                continue;
            }
            indent = this_indent;
            ini.close(open.take());
            let line = number + 1;
            if let Some(name) = section_name(value) {
                ini.values_mut(name);
                section = Some(name.to_owned());
                continue;
            }
            let section = section.clone().ok_or(IniError::NoSection { line })?;
            let (key, first) = value.split_once(['=', ':']).ok_or(IniError::BadLine { line })?;
            let key = key.trim_end().to_lowercase();
            if key.is_empty() {
                return Err(IniError::BadLine { line });
            }
            open = Some(Open { section, key, lines: vec![first.trim().to_owned()] });
        }
        ini.close(open);
        Ok(ini)
    }

    /// Takes over the value that ended.
    fn close(&mut self, open: Option<Open>) {
        if let Some(Open { section, key, lines }) = open {
            let value = lines.join("\n").trim_end().to_owned();
            self.values_mut(&section).insert(key, value);
        }
    }

    fn values_mut(&mut self, section: &str) -> &mut Values {
        if section == DEFAULT {
            &mut self.defaults
        } else {
            self.sections.entry(section.to_owned()).or_default()
        }
    }

    /// Every section but `[DEFAULT]`, with the keys that it has, those of `[DEFAULT]` among them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.sections.iter().map(|(section, values)| {
            let mut keys: Vec<_> =
                values.keys().chain(self.defaults.keys()).map(String::as_str).collect();
            keys.sort_unstable();
            keys.dedup();
            (section.as_str(), keys)
        })
    }

    /// The value of a key, if the section is there and has one.
    ///
    /// # Errors
    /// When what the value refers to cannot be put in.
    pub(crate) fn get(&self, section: &str, key: &str) -> Result<Option<String>, IniError> {
        let Some(raw) = self.raw(section, key) else { return Ok(None) };
        let mut value = String::new();
        self.interpolate((section, key), raw, 1, &mut value)?;
        Ok(Some(value))
    }

    fn raw(&self, section: &str, key: &str) -> Option<&str> {
        let values = self.sections.get(section)?;
        values.get(key).or_else(|| self.defaults.get(key)).map(String::as_str)
    }

    fn interpolate(
        &self,
        (section, key): (&str, &str),
        raw: &str,
        depth: usize,
        out: &mut String,
    ) -> Result<(), IniError> {
        let (section_name, key_name) = (|| section.to_owned(), || key.to_owned());
        if depth > INTERPOLATION_DEPTH_MAX {
            return Err(IniError::TooDeep { section: section_name(), key: key_name() });
        }
        if out.len() + raw.len() > VALUE_LEN_MAX {
            return Err(IniError::TooLong { section: section_name(), key: key_name() });
        }
        let bad = || IniError::BadPercent { section: section_name(), key: key_name() };
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let (name, after) =
                after.strip_prefix('(').and_then(|a| a.split_once(")s")).ok_or_else(bad)?;
            let name = name.to_lowercase();
            let value = self.raw(section, &name).ok_or_else(|| IniError::Missing {
                section: section_name(),
                key: key_name(),
                missing: name.clone(),
            })?;
            self.interpolate((section, key), value, depth + 1, out)?;
            rest = after;
        }
        out.push_str(rest);
        Ok(())
    }
}

/// The name in a line that begins a section; what follows the last bracket is left out.
fn section_name(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('[')?;
    let end = inner.rfind(']')?;
    (end > 0).then(|| &inner[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, section: &str, key: &str, expected: Option<&str>) {
        let ini = Ini::parse(text).unwrap();
        assert_eq!(ini.get(section, key).unwrap().as_deref(), expected, "{text:?}");
    }

    #[test]
    fn values_as_configparser_reads_them() {
        check("[a]\nx = 1\n", "a", "x", Some("1"));
        check("\u{feff}[a]\r\nX: 1\r\n", "a", "x", Some("1"));
        check("[a]\nx = 1 # no comment\n", "a", "x", Some("1 # no comment"));
        check("[a]\nx = 1\n# comment\n; comment\nx = 2\n", "a", "x", Some("2"));
        check("[a]\nx = 1\n[b]\ny=2\n[a]\nz=3\n", "a", "x", Some("1"));
        check("[a]\nx = 1\n  2\n\n  3\n", "a", "x", Some("1\n2\n\n3"));
        check("[a]\nx = 1\n  # comment\n  2\n", "a", "x", Some("1\n2"));
        check("[a]\nx =\n", "a", "x", Some(""));
        check("[a]\nx = a:b=c\n", "a", "x", Some("a:b=c"));
        check("[a]\nurl: http://x\n", "a", "url", Some("http://x"));
        check("[a]\nx = 1\n", "b", "x", None);
        check("[A]\nx = 1\n", "a", "x", None);
        check("[DEFAULT]\nx = 1\n[a]\n", "a", "x", Some("1"));
        check("[a]\nx = 100%%\n", "a", "x", Some("100%"));
        check("[a]\ny = 2\nx = <%(Y)s>\n", "a", "x", Some("<2>"));
        check("[a] trailing\nx = 1\n", "a", "x", Some("1"));
        check("[a]\n  x = 1\n  y = 2\n", "a", "y", Some("2"));
        check("[a]\n x = 1\n   y = 2\n", "a", "x", Some("1\ny = 2"));
    }

    #[test]
    fn errors_name_the_line_or_the_key() {
        let errors = [
            ("x = 1\n", "line 1 stands before the first section"),
            ("[a]\nx\n", "line 2 is neither"),
            ("[a]\n= 1\n", "line 2 is neither"),
        ];
        for (text, expected) in errors {
            let error = Ini::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let values = [
            ("[a]\nx = 50%\n", "must be followed by"),
            ("[a]\nx = %(y)s\n", "%(y)s, which is not set"),
            ("[a]\nx = %(x)s\n", "refers to itself"),
        ];
        for (text, expected) in values {
            let error = Ini::parse(text).unwrap().get("a", "x").unwrap_err().to_string();
            assert!(error.starts_with("[a] x: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn values_in_values_fill_no_memory() {
        let mut text = "[a]\nx9 = 0123456789\n".to_owned();
        for level in 0..9 {
            let next = format!("%(x{})s", level + 1).repeat(10);
            text += &format!("x{level} = {next}\n");
        }
        let ini = Ini::parse(&text).unwrap();
        assert_eq!(ini.get("a", "x5").unwrap().unwrap().len(), 100_000);
        let error = ini.get("a", "x0").unwrap_err();
        assert!(matches!(error, IniError::TooLong { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "([\\[\\]=:%#;()s \\ta-cA-C\\n\\r]|\\PC){0,80}") {
            for text in [text.clone(), format!("[a]\n{text}")] {
                let Ok(ini) = Ini::parse(&text) else { continue };
                for (section, keys) in ini.keys() {
                    for key in keys {
                        let _ = ini.get(section, key);
                    }
                }
            }
        }

        #[test]
        fn what_is_set_is_read(
            section in "[a-zA-Z_]{1,10}", key in "[a-z.]{1,10}", value in "[a-zA-Z0-9:/=_-]{0,20}",
        ) {
            prop_assume!(section != DEFAULT);
            let ini = Ini::parse(&format!("[{section}]\n{key} = {value}\n")).unwrap();
            prop_assert_eq!(ini.get(&section, &key), Ok(Some(value)));
        }
    }
}
