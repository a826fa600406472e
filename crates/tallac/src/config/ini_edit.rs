//! Changing one value in the text of a `tahoe.cfg`. All else stays as it is, comments included.

use super::ini::Ini;

/// Why a value cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The value, the key or the section cannot be written so that it is read as it is.
    #[error("'{0}' cannot be the name of a setting: use letters, digits, '-' and '_'")]
    BadKey(String),
    /// The file is laid out in a way that is not understood here.
    #[error("the file has a form that is not changed by program: set [{section}] {key} by hand")]
    Unclear {
        /// The section.
        section: String,
        /// The key.
        key: String,
    },
}

/// What a line of the file is.
enum Line<'a> {
    /// A comment, or nothing.
    Other,
    Section(&'a str),
    Key(String),
    /// It goes on with the value before.
    More,
}

/// The text with this value under the key, which is in lower case, of the section.
///
/// # Errors
/// [`EditError`]; then nothing else may be made of it but to tell the user.
pub fn set_value(
    text: &str,
    (section, key): (&str, &str),
    value: &str,
) -> Result<String, EditError> {
    let bad = |c: char| c.is_control() || "=:[]#;%".contains(c) || c.is_uppercase();
    if key.is_empty() || key != key.trim() || key.contains(bad) || value.contains(char::is_control)
    {
        return Err(EditError::BadKey(key.to_owned()));
    }
    let unclear = || EditError::Unclear { section: section.to_owned(), key: key.to_owned() };
    let before = Ini::parse(text).map_err(|_| unclear())?;
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let new = format!("{key} = {}", Ini::escape(value));
    match find(&layout(text), section, key) {
        Found::Value(first, end) => {
            lines.splice(first..end, [new]);
        }
        Found::Section(after) => lines.insert(after + 1, new),
        Found::Nothing => {
            while lines.last().is_some_and(|line| line.trim().is_empty()) {
                lines.pop();
            }
            lines.extend([String::new(), format!("[{section}]"), new, String::new()]);
        }
    }
    let changed = lines.join("\n");
    let after = Ini::parse(&changed).map_err(|_| unclear())?;
    let is_set = after.get(section, key).is_ok_and(|found| found.as_deref() == Some(value));
    if is_set && is_else_same(&before, &after, (section, key)) {
        Ok(changed)
    } else {
        Err(unclear())
    }
}

/// Where a value is, or belongs.
enum Found {
    /// On these lines.
    Value(usize, usize),
    /// After this line.
    Section(usize),
    Nothing,
}

fn find(lines: &[Line<'_>], section: &str, key: &str) -> Found {
    let mut found = Found::Nothing;
    let mut inside = false;
    for (at, line) in lines.iter().enumerate() {
        match line {
            Line::Section(name) => inside = *name == section,
            Line::Key(name) if inside && name == key => {
                let more = lines[at + 1..].iter().take_while(|line| matches!(line, Line::More));
                // Of several, the last counts.
                found = Found::Value(at, at + 1 + more.count());
                continue;
            }
            _ => {}
        }
        let is_used = !matches!(line, Line::Other);
        if inside && is_used && !matches!(found, Found::Value(..)) {
            found = Found::Section(at);
        }
    }
    found
}

/// What every line is, by the rules of [`Ini`].
fn layout(text: &str) -> Vec<Line<'_>> {
    let (mut indent_of_key, mut is_open) = (0, false);
    let mut kind = |line: &'_ str| {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            return None;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if is_open && indent > indent_of_key {
            return Some(false);
        }
        indent_of_key = indent;
        is_open = !content.starts_with('[');
        Some(true)
    };
    let line = |line| match kind(line) {
        None => Line::Other,
        Some(false) => Line::More,
        Some(true) => {
            let content = line.trim().trim_start_matches('\u{feff}');
            let section = content.strip_prefix('[').and_then(|rest| rest.rsplit_once(']'));
            match section {
                Some((name, _)) => Line::Section(name),
                None => {
                    let key = content.split(['=', ':']).next().unwrap_or_default();
                    Line::Key(key.trim().to_lowercase())
                }
            }
        }
    };
    text.split('\n').map(line).collect()
}

/// Whether the two say the same but for one value.
fn is_else_same(before: &Ini, after: &Ini, but: (&str, &str)) -> bool {
    let values = |ini: &Ini| {
        let mut values = Vec::new();
        for section in ini.sections() {
            for key in ini.keys(section) {
                if (section, key) != but {
                    values.push((section.to_owned(), key.to_owned(), ini.get(section, key)));
                }
            }
        }
        values.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        values
    };
    values(before) == values(after)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# top\n[node]\nnickname = n # no comment\n\n[storage]\n# keeps\n\
                        enabled = true\nplugins = a\n  b\n\n#expire.mode =\n\n[helper]\n\
                        enabled =\n";

    fn set(text: &str, place: (&str, &str), value: &str) -> String {
        set_value(text, place, value).unwrap()
    }

    #[test]
    fn only_what_must_changes() {
        let check = |place, value, old: &str, new: &str| {
            assert_eq!(set(TEXT, place, value), TEXT.replacen(old, new, 1), "{place:?}");
        };
        check(("storage", "enabled"), "false", "enabled = true", "enabled = false");
        check(("storage", "plugins"), "50%", "plugins = a\n  b", "plugins = 50%%");
        check(("storage", "grid_management"), "True", "  b\n", "  b\ngrid_management = True\n");
        check(("helper", "x"), "1", "enabled =\n", "enabled =\nx = 1\n");
        assert_eq!(set(TEXT, ("new", "x"), "1"), format!("{TEXT}\n[new]\nx = 1\n"));
        assert_eq!(set("", ("new", "x"), "1"), "\n[new]\nx = 1\n");
        assert_eq!(set("[a]\n[b]", ("a", "x"), "1"), "[a]\nx = 1\n[b]");
        assert_eq!(
            set("[a]\nx=1\n[b]\n[a]\nX: 2\n", ("a", "x"), "3"),
            "[a]\nx=1\n[b]\n[a]\nx = 3\n"
        );
    }

    #[test]
    fn what_cannot_be_a_key() {
        for key in ["", "a=b", "a:b", "#a", "[a]", "a%", "a\nb", " a", "A"] {
            assert_eq!(
                set_value(TEXT, ("node", key), "x"),
                Err(EditError::BadKey(key.to_owned())),
                "{key}"
            );
        }
        assert!(set_value(TEXT, ("node", "a"), "x\ny").is_err());
        assert!(set_value("no section", ("node", "a"), "x").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_changed_as_meant_or_not_at_all(
            lines in vec("\\[[ab]\\]|[ ]{0,2}[xyz]?[=:]?[ 1%]{0,2}|#", 0..10),
            section in "[abc]", key in "[xyz]", value in "[0-9%]{0,3}",
        ) {
            if let Ok(changed) = set_value(&lines.join("\n"), (&section, &key), &value) {
                let read = Ini::parse(&changed).unwrap().get(&section, &key);
                prop_assert_eq!(read, Ok(Some(value)));
            }
        }
    }
}
