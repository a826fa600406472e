//! JSON as Python's `json` reads and writes it, which is what metadata is kept in (section 5.1).
//!
//! It differs from what `serde_json` offers: members keep their order, numbers their text,
//! `NaN` and `Infinity` are numbers, and all that is not ASCII is escaped.

use std::fmt;

/// Nesting beyond this is refused.
const DEPTH_MAX: usize = 100;

/// A JSON value. Numbers are in the form in which Python writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in Python's text.
    Number(String),
    /// A text.
    String(String),
    /// Values in order.
    Array(Vec<Self>),
    /// Members in order, each name once.
    Object(Vec<(String, Self)>),
}

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {problem} at byte {offset}")]
pub struct JsonError {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl Json {
    /// The value that a text is. An unpaired surrogate, which Python lets pass, becomes U+FFFD.
    ///
    /// # Errors
    /// [`JsonError`]: the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        parser.space();
        if parser.at < text.len() {
            Err(parser.error("something after the end"))
        } else {
            Ok(value)
        }
    }

    /// A number with a fraction, as Python writes it.
    #[must_use]
    pub fn float(value: f64) -> Self {
        Self::Number(float_text(value))
    }

    /// What Python takes for true.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(text) => text != "0" && text.parse::<f64>() != Ok(0.0),
            Self::String(text) => !text.is_empty(),
            Self::Array(values) => !values.is_empty(),
            Self::Object(members) => !members.is_empty(),
        }
    }

    /// The same for those who use `serde_json`. A number that it cannot hold becomes `null`.
    #[must_use]
    pub fn to_serde(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(text) => text
                .parse::<u64>()
                .map(Value::from)
                .or_else(|_| text.parse::<i64>().map(Value::from))
                .or_else(|_| text.parse::<f64>().map(Value::from))
                .unwrap_or(Value::Null),
            Self::String(text) => Value::String(text.clone()),
            Self::Array(values) => values.iter().map(Self::to_serde).collect(),
            Self::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), value.to_serde())).collect()
            }
        }
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => {
                let text = number.to_string();
                number_text(&text).map_or(Self::Number(text), Self::Number)
            }
            Value::String(text) => Self::String(text.clone()),
            Value::Array(values) => Self::Array(values.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(
                members.iter().map(|(name, value)| (name.clone(), Self::from(value))).collect(),
            ),
        }
    }
}

/// As Python's `json.dumps` writes it.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(text) => f.write_str(text),
            Self::String(text) => write_string(f, text),
            Self::Array(values) => {
                f.write_str("[")?;
                for (i, value) in values.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => write_members(f, members),
        }
    }
}

/// An object, as Python writes it.
pub(super) fn write_members(f: &mut fmt::Formatter<'_>, members: &[(String, Json)]) -> fmt::Result {
    f.write_str("{")?;
    for (i, (name, value)) in members.iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { "" })?;
        write_string(f, name)?;
        write!(f, ": {value}")?;
    }
    f.write_str("}")
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            ' '..='~' => write!(f, "{c}")?,
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(f, "\\u{unit:04x}")?;
                }
            }
        }
    }
    f.write_str("\"")
}

/// The text of a float in Python: the fewest digits that tell it from all others, with an exponent
/// below 1e-4 and from 1e16.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value:?}"),
    }
}

/// A number as Python writes what it reads from this text, which must be one.
fn number_text(text: &str) -> Option<String> {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Some(if text == "-0" { "0" } else { text }.to_owned());
    }
    text.parse().ok().map(float_text)
}

/// Reads one text from front to back.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    const fn error(&self, problem: &'static str) -> JsonError {
        JsonError { offset: self.at, problem }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes this text if it comes next.
    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.error("nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<Json, JsonError> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::float(f64::NAN)),
            ("Infinity", Json::float(f64::INFINITY)),
            ("-Infinity", Json::float(f64::NEG_INFINITY)),
        ];
        for (word, value) in words {
            if self.take(word) {
                return Ok(value);
            }
        }
        self.number()
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let from = self.at;
        self.take("-");
        if !self.take("0") && self.digits() == 0 {
            return Err(self.error("a value is missing"));
        }
        // As in Python, a point or exponent without digits is no part of the number.
        let whole = self.at;
        if self.take(".") && self.digits() == 0 {
            self.at = whole;
        }
        let whole = self.at;
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            if self.digits() == 0 {
                self.at = whole;
            }
        }
        let text = &self.text[from..self.at];
        number_text(text).map(Json::Number).ok_or(self.error("a number cannot be read"))
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut values = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.space();
            if self.take("]") {
                return Ok(Json::Array(values));
            }
            if !self.take(",") {
                return Err(self.error("a comma or a bracket is missing"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut members = Members::default();
        self.space();
        if self.take("}") {
            return Ok(Json::Object(members.0));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a name is missing"));
            }
            let name = self.string()?;
            self.space();
            if !self.take(":") {
                return Err(self.error("a colon is missing"));
            }
            let value = self.value(depth + 1)?;
            members.set(name, value);
            self.space();
            if self.take("}") {
                return Ok(Json::Object(members.finish()));
            }
            if !self.take(",") {
                return Err(self.error("a comma or a brace is missing"));
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.rest().find(|c| c == '"' || c == '\\' || c < ' ');
            let plain = plain.ok_or(self.error("a text has no end"))?;
            out.push_str(&self.rest()[..plain]);
            self.at += plain;
            if self.take("\"") {
                return Ok(out);
            }
            if !self.take("\\") {
                return Err(self.error("a control character stands in a text"));
            }
            out.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let c = self.peek().ok_or(self.error("a text has no end"))?;
        let plain = match c {
            b'"' | b'\\' | b'/' => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(self.error("an escape is unknown")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// What follows a backslash, from its `u` on.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.unit()?;
        if !(0xd800..0xe000).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let here = self.at;
        if first < 0xdc00 && self.take("\\") {
            if let Ok(second @ 0xdc00..0xe000) = self.unit() {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = here;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// A `u` and four digits.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.rest().get(..5).and_then(|text| text.strip_prefix('u'));
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or(self.error("an escape needs four digits"))?;
        self.at += 5;
        Ok(unit)
    }
}

/// Members of an object as they come: the last of a name counts, in the place of the first.
#[derive(Default)]
struct Members(Vec<(String, Json)>, std::collections::HashMap<String, usize>);

impl Members {
    fn set(&mut self, name: String, value: Json) {
        match self.1.get(&name) {
            Some(&at) => self.0[at].1 = value,
            None => {
                self.1.insert(name.clone(), self.0.len());
                self.0.push((name, value));
            }
        }
    }

    fn finish(self) -> Vec<(String, Json)> {
        self.0
    }
}
