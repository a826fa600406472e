//! The format of `tahoe.cfg`: what Python's `ConfigParser(strict=False)` reads (section 10.1).
//!
//! Keys are taken in lower case, sections as they are. A later value of a key takes the place of an
//! earlier one. A line that is indented deeper than its key goes on with the value. Comments are
//! whole lines. `[DEFAULT]` lends its keys to every section. A `%` in a value is `%%`, or begins
//! `%(key)s`, which stands for that key's value.

use std::collections::BTreeMap;

/// Most characters that a value may have once its `%(key)s` are put in.
const VALUE_LEN_MAX: usize = 1 << 20;

/// How deep a `%(key)s` may lead to another one.
const DEPTH_MAX: usize = 10;

/// The section whose keys every other one has as well.
const DEFAULT_SECTION: &str = "DEFAULT";

/// A file's sections, keys and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ini {
    defaults: Entries,
    sections: Vec<(String, Entries)>,
    /// Where each section begins, under no key, and where the value of each key is that counts.
    lines: BTreeMap<(String, String), usize>,
}

/// Why a text is no such file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IniError {
    /// A key before the first section.
    #[error("line {line} belongs to no section: a line like [node] must come before it")]
    NoSection {
        /// Which line.
        line: usize,
    },
    /// Neither a section nor a key.
    #[error("line {line} is neither a section like [node] nor a setting like nickname = x")]
    NotASetting {
        /// Which line.
        line: usize,
    },
}

/// Why a value cannot be told. The value itself is not repeated: it may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A lone percent sign.
    #[error("'%' must be followed by '%' or '(': write %% for one percent sign")]
    LonePercent,
    /// `%(` without `)s`.
    #[error("a reference to another key has the form %(key)s")]
    BadReference,
    /// `%(key)s` of a key that is not there.
    #[error("it refers to the key '{0}', which is in neither this section nor [DEFAULT]")]
    UnknownReference(String),
    /// Keys that stand for each other.
    #[error("its references lead through more than {DEPTH_MAX} keys")]
    TooDeep,
    /// Too long once its references are put in.
    #[error("with its references put in it has more than {VALUE_LEN_MAX} bytes")]
    TooLong,
}

/// The keys and values of one section, in the order in which they first came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entries(Vec<(String, String)>);

impl Entries {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, key: String, value: String) {
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

impl Ini {
    /// Reads a file's text. A byte order mark at its start is no part of it.
    ///
    /// # Errors
    /// [`IniError`], which names the line.
    pub fn parse(text: &str) -> Result<Self, IniError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::default();
        for (index, line) in text.split('\n').enumerate() {
            reader.line(index + 1, line)?;
        }
        Ok(reader.finish())
    }

    /// The names of its sections, without `DEFAULT`.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|(name, _)| name.as_str())
    }

    /// The keys of a section, those of `[DEFAULT]` last.
    #[must_use]
    pub fn keys(&self, section: &str) -> Vec<&str> {
        let Some(entries) = self.section(section) else { return Vec::new() };
        let lent = self.defaults.keys().filter(|key| entries.get(key).is_none());
        entries.keys().chain(lent).collect()
    }

    /// The value of a key, which is in lower case; nothing if it is not set.
    ///
    /// # Errors
    /// When the percent signs in it make no sense.
    pub fn get(&self, section: &str, key: &str) -> Result<Option<String>, ValueError> {
        let Some(entries) = self.section(section) else { return Ok(None) };
        let scope = Scope { entries, defaults: &self.defaults };
        let Some(raw) = scope.get(key) else { return Ok(None) };
        let mut value = String::new();
        scope.interpolate(raw, 1, &mut value)?;
        Ok(Some(value))
    }

    /// The line of a section, if `key` is empty, or else of a key in it; of several, the one that
    /// counts.
    #[must_use]
    pub fn line(&self, section: &str, key: &str) -> Option<usize> {
        let at = |section: &str| self.lines.get(&(section.to_owned(), key.to_lowercase()));
        at(section).or_else(|| at(DEFAULT_SECTION)).copied()
    }

    /// A text as it must be written to be read as it is.
    #[must_use]
    pub fn escape(text: &str) -> String {
        text.replace('%', "%%")
    }

    fn section(&self, section: &str) -> Option<&Entries> {
        self.sections.iter().find(|(name, _)| name == section).map(|(_, entries)| entries)
    }
}

/// Where the references of a value are looked up.
#[derive(Clone, Copy)]
struct Scope<'a> {
    entries: &'a Entries,
    defaults: &'a Entries,
}

impl<'a> Scope<'a> {
    fn get(self, key: &str) -> Option<&'a str> {
        self.entries.get(key).or_else(|| self.defaults.get(key))
    }

    fn interpolate(self, raw: &str, depth: usize, out: &mut String) -> Result<(), ValueError> {
        if depth > DEPTH_MAX {
            return Err(ValueError::TooDeep);
        }
        let mut rest = raw;
        while let Some(at) = rest.find('%') {
            push(out, &rest[..at])?;
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                push(out, "%")?;
                rest = after;
            } else if let Some(after) = rest.strip_prefix('(') {
                let (name, after) = after.split_once(')').ok_or(ValueError::BadReference)?;
                rest = after.strip_prefix('s').ok_or(ValueError::BadReference)?;
                if name.is_empty() {
                    return Err(ValueError::BadReference);
                }
                let key = name.to_lowercase();
                let value = self.get(&key).ok_or(ValueError::UnknownReference(key))?;
                self.interpolate_inner(value, depth, out)?;
            } else {
                return Err(ValueError::LonePercent);
            }
        }
        push(out, rest)
    }

    /// A referenced value that refers to nothing does not count as a level.
    fn interpolate_inner(
        self,
        value: &str,
        depth: usize,
        out: &mut String,
    ) -> Result<(), ValueError> {
        if value.contains('%') { self.interpolate(value, depth + 1, out) } else { push(out, value) }
    }
}

fn push(out: &mut String, text: &str) -> Result<(), ValueError> {
    if out.len() + text.len() > VALUE_LEN_MAX {
        return Err(ValueError::TooLong);
    }
    out.push_str(text);
    Ok(())
}

/// Where the next key belongs.
#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Defaults,
    Section(usize),
}

/// A value that further lines may go on with.
struct Open {
    key: String,
    number: usize,
    lines: Vec<String>,
}

/// Takes the lines of a file one by one.
struct Reader {
    ini: Ini,
    place: Place,
    open: Option<Open>,
    indent: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { ini: Ini::default(), place: Place::Nowhere, open: None, indent: 0 }
    }
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), IniError> {
        let content = line.trim_matches(is_space);
        if content.starts_with(['#', ';']) {
            return Ok(());
        }
        if content.is_empty() {
            if let Some(open) = &mut self.open {
                open.lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|&c| is_space(c)).count();
        if let Some(open) = &mut self.open
            && indent > self.indent
        {
            open.lines.push(content.to_owned());
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = section_name(content) {
            self.close();
            self.place = self.place_of(name);
            self.ini.lines.entry((name.to_owned(), String::new())).or_insert(number);
            return Ok(());
        }
        if matches!(self.place, Place::Nowhere) {
            return Err(IniError::NoSection { line: number });
        }
        let (key, value) =
            content.split_once(['=', ':']).ok_or(IniError::NotASetting { line: number })?;
        let key = key.trim_matches(is_space).to_lowercase();
        if key.is_empty() {
            return Err(IniError::NotASetting { line: number });
        }
        self.close();
        let lines = vec![value.trim_matches(is_space).to_owned()];
        self.open = Some(Open { key, number, lines });
        Ok(())
    }

    /// The value that was read is whole.
    fn close(&mut self) {
        let Some(Open { key, number, lines }) = self.open.take() else { return };
        let value = lines.join("\n").trim_end_matches(is_space).to_owned();
        let section = match self.place {
            Place::Nowhere => return,
            Place::Defaults => DEFAULT_SECTION,
            Place::Section(index) => &self.ini.sections[index].0,
        };
        self.ini.lines.insert((section.to_owned(), key.clone()), number);
        match self.place {
            Place::Nowhere => {}
            Place::Defaults => self.ini.defaults.set(key, value),
            Place::Section(index) => self.ini.sections[index].1.set(key, value),
        }
    }

    fn place_of(&mut self, name: &str) -> Place {
        if let Some(index) = self.ini.sections.iter().position(|(known, _)| known == name) {
            return Place::Section(index);
        }
        if name == DEFAULT_SECTION {
            return Place::Defaults;
        }
        self.ini.sections.push((name.to_owned(), Entries::default()));
        Place::Section(self.ini.sections.len() - 1)
    }

    fn finish(mut self) -> Ini {
        self.close();
        self.ini
    }
}

/// The name in `[name]`; whatever follows the last bracket is dropped, as Python does.
fn section_name(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// What Python strips from the ends of a text.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const VECTORS: &str = include_str!("../../../../vectors/ini.json");

    fn read(text: &str) -> Value {
        let Ok(ini) = Ini::parse(text) else { return Value::Null };
        let section = |name: &str| {
            let keys = ini.keys(name).into_iter();
            let entries: Vec<_> = keys.map(|key| json!([key, ini.get(name, key).ok()])).collect();
            json!([name, entries])
        };
        ini.sections().map(section).collect()
    }

    /// Order of keys apart, which nothing depends on.
    fn sorted(mut sections: Value) -> Value {
        for section in sections.as_array_mut().into_iter().flatten() {
            let entries = section[1].as_array_mut().unwrap();
            entries.sort_by_key(|entry| entry[0].as_str().unwrap().to_owned());
        }
        sections
    }

    #[test]
    fn texts_are_read_as_python_reads_them() {
        let cases: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        assert!(cases.len() > 400);
        for case in cases {
            let text = case["in"].as_str().unwrap();
            assert_eq!(sorted(read(text)), sorted(case["out"].clone()), "{text:?}");
        }
    }

    #[test]
    fn keys_have_lines() {
        let text = "[DEFAULT]\nx = 1\n# y\n[node]\nNickname = a\n b\n\n[a]\n[node]\nnickname = c\n";
        let ini = Ini::parse(text).unwrap();
        let check = |section: &str, key: &str, expected: Option<usize>| {
            assert_eq!(ini.line(section, key), expected, "[{section}] {key}");
        };
        check("node", "", Some(4));
        check("node", "nickname", Some(10));
        check("node", "x", Some(2));
        check("a", "", Some(8));
        check("a", "y", None);
    }

    #[test]
    fn errors_name_the_line() {
        let check = |text: &str, expected: IniError| assert_eq!(Ini::parse(text), Err(expected));
        check("\n\na = 1\n", IniError::NoSection { line: 3 });
        check("[node]\na = 1\nb\n", IniError::NotASetting { line: 3 });
    }

    #[test]
    fn references_cannot_fill_the_memory() {
        let mut text = String::from("[node]\nk9 = ");
        text.push_str(&"x%%".repeat(1000));
        for level in 0..9 {
            let reference = format!("%(k{})s", level + 1);
            text.push_str(&format!("\nk{level} = {}", reference.repeat(1000)));
        }
        let ini = Ini::parse(&text).unwrap();
        assert_eq!(ini.get("node", "k0"), Err(ValueError::TooLong));
        assert_eq!(ini.get("node", "k9").unwrap().unwrap().len(), 2000);
    }
}
