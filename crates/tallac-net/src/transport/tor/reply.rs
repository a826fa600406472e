//! What Tor answers on its control port: lines of a status and a text, in pure form.

/// Most lines of one answer.
const LINES_MAX: usize = 1000;

/// A whole answer, or something that Tor tells unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// 250 when all is well; 650 when nobody asked.
    pub(crate) status: u16,
    /// The texts of its lines.
    pub(crate) lines: Vec<String>,
}

/// An answer of which not all lines have come.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    lines: Vec<String>,
    /// Whether data follows, up to a line with a dot.
    in_data: bool,
}

/// What came is no answer of Tor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what listens there is no control port of Tor")]
pub(crate) struct NotControl;

impl Partial {
    /// Takes a line; gives the answer once it is whole.
    pub(crate) fn push(&mut self, line: &str) -> Result<Option<Reply>, NotControl> {
        if self.lines.len() == LINES_MAX {
            return Err(NotControl);
        }
        if self.in_data {
            match line {
                "." => self.in_data = false,
                line => self.lines.push(line.strip_prefix('.').unwrap_or(line).to_owned()),
            }
            return Ok(None);
        }
        let (status, rest) = line.split_at_checked(3).ok_or(NotControl)?;
        let is_decimal = status.bytes().all(|byte| byte.is_ascii_digit());
        let status = status.parse().ok().filter(|_| is_decimal).ok_or(NotControl)?;
        let kind = rest.chars().next().ok_or(NotControl)?;
        self.lines.push(rest[kind.len_utf8()..].to_owned());
        match kind {
            ' ' => {
                let lines = std::mem::take(&mut self.lines);
                return Ok(Some(Reply { status, lines }));
            }
            '-' => {}
            '+' => self.in_data = true,
            _ => return Err(NotControl),
        }
        Ok(None)
    }
}

impl Reply {
    /// What follows `start` in the line that begins with it.
    pub(crate) fn after(&self, start: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(start))
    }

    /// Its last line, which says why if something is not well.
    pub(crate) fn text(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

/// The value of a keyword in a line of `KEY=value KEY="value"`.
pub(crate) fn value_of(line: &str, keyword: &str) -> Option<String> {
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        // Words without a value may stand before a keyword.
        if key.rsplit(' ').next() == Some(keyword) {
            return Some(value);
        }
        rest = after;
    }
}

/// The values that follow each other in a line, in quotes or not.
pub(crate) fn values(line: &str) -> Vec<String> {
    let (mut rest, mut values) = (line.trim_start(), Vec::new());
    while !rest.is_empty() {
        let Some((found, after)) = value(rest) else { return values };
        values.push(found);
        rest = after.trim_start();
    }
    values
}

/// The value at the start of a text, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        return Some((value.to_owned(), rest));
    };
    let (mut bytes, mut rest) = (Vec::new(), quoted.bytes().enumerate().peekable());
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'"' => return Some((String::from_utf8(bytes).ok()?, &quoted[at + 1..])),
            b'\\' => match rest.next()?.1 {
                b'n' => bytes.push(b'\n'),
                b'r' => bytes.push(b'\r'),
                b't' => bytes.push(b'\t'),
                digit @ b'0'..=b'7' => {
                    let mut code = u16::from(digit - b'0');
                    for _ in 0..2 {
                        let next = rest.next_if(|(_, byte)| (b'0'..=b'7').contains(byte));
                        let Some((_, digit)) = next else { break };
                        code = code * 8 + u16::from(digit - b'0');
                    }
                    bytes.push(u8::try_from(code).ok()?);
                }
                other => bytes.push(other),
            },
            byte => bytes.push(byte),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replies(text: &str) -> Result<Vec<(u16, Vec<String>)>, NotControl> {
        let (mut partial, mut replies) = (Partial::default(), Vec::new());
        for line in text.lines() {
            replies.extend(partial.push(line)?.map(|reply| (reply.status, reply.lines)));
        }
        Ok(replies)
    }

    #[test]
    fn answers_have_one_line_or_more() {
        let text = "250 OK\n250-a=1\n250+b=\nx\n..y\n.\n250 OK\n650 HS_DESC UPLOADED\n551 no";
        let expected = [
            (250, vec!["OK"]),
            (250, vec!["a=1", "b=", "x", ".y", "OK"]),
            (650, vec!["HS_DESC UPLOADED"]),
            (551, vec!["no"]),
        ];
        let expected = expected.map(|(status, lines)| {
            (status, lines.into_iter().map(str::to_owned).collect::<Vec<_>>())
        });
        assert_eq!(replies(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_answer() {
        for text in
            ["HTTP/1.0 400", "25", "250", "+50 x", "250~x", "25é OK", &"250-x\n".repeat(1002)]
        {
            assert_eq!(replies(text), Err(NotControl), "{text:.20}");
        }
    }

    #[test]
    fn values_may_be_quoted() {
        let line = r#"AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/a \"b\"\\\303\251" X=1"#;
        assert_eq!(value_of(line, "METHODS").unwrap(), "COOKIE,SAFECOOKIE");
        assert_eq!(value_of(line, "COOKIEFILE").unwrap(), "/a \"b\"\\é");
        assert_eq!(value_of(line, "X").unwrap(), "1");
        for (line, keyword) in [(line, "Y"), ("X=\"open", "X"), ("X=\"\\777\"", "X"), ("", "X")] {
            assert_eq!(value_of(line, keyword), None, "{line}");
        }
        assert_eq!(values(r#""127.0.0.1:9050" "unix:/a b""#), ["127.0.0.1:9050", "unix:/a b"]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "(250[ +-]|\\PC|\n|[\"\\\\=0-9])*") {
            let _ = replies(&text);
            let _ = value_of(&text, "X");
            let _ = values(&text);
        }
    }
}
