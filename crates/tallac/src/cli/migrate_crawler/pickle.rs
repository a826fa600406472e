//! Pickles, as far as states of crawlers need them: Python's protocols 0 to 4 without whatever
//! makes objects or calls anything.

use serde_json::{Map, Number, Value};

/// Values in one pickle, and values that they become.
const VALUES_MAX: usize = 4 << 20;

/// How deep values may lie in each other.
const DEPTH_MAX: usize = 32;

/// Why a pickle cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PickleError {
    /// It breaks off.
    #[error("the pickle breaks off")]
    Cut,
    /// It has something that is not in a state.
    #[error("the pickle has an instruction {0:#04x} at {1}, which no crawler's state has")]
    Instruction(u8, usize),
    /// An instruction makes no sense where it is.
    #[error("the pickle is damaged at {0}")]
    Damaged(usize),
    /// It is too large, or goes in circles.
    #[error("the pickle has more in it than any crawler's state")]
    TooLarge,
}

type Id = usize;

/// A value; others are named by their place, as a pickle may speak of one more than once.
#[derive(Debug)]
enum Item {
    Plain(Value),
    /// A list or a tuple.
    List(Vec<Id>),
    Table(Vec<(Id, Id)>),
}

#[derive(Debug, Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    items: Vec<Item>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: std::collections::HashMap<usize, Id>,
}

/// What the pickle holds, as JSON; keys that are no texts become some, those of two numbers `a,b`.
pub(super) fn to_json(bytes: &[u8]) -> Result<Value, PickleError> {
    let mut machine = Machine { bytes, ..Machine::default() };
    while machine.step()? {}
    let root = machine.pop()?;
    machine.json(root, 0, &mut 0)
}

impl<'a> Machine<'a> {
    /// Returns whether it goes on.
    fn step(&mut self) -> Result<bool, PickleError> {
        let op = self.take(1)?[0];
        match op {
            b'.' => return Ok(false),
            0x80 => {
                self.take(1)?;
            }
            0x95 => {
                self.take(8)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let name = self.name(op)?;
                let top = self.top()?;
                self.memo.insert(name, top);
            }
            b'g' | b'h' | b'j' => {
                let name = self.name(op)?;
                self.recall(name)?;
            }
            b']' | b')' => self.push(Item::List(Vec::new()))?,
            b'}' => self.push(Item::Table(Vec::new()))?,
            b'l' | b't' => {
                let list = self.since_mark()?;
                self.push(Item::List(list))?;
            }
            b'd' => {
                let list = self.since_mark()?;
                let table = self.pairs(&list)?;
                self.push(Item::Table(table))?;
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(op - 0x84));
                let list = self.stack.split_off(from.ok_or(PickleError::Damaged(self.at))?);
                self.push(Item::List(list))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(&[item])?;
            }
            b'e' => {
                let list = self.since_mark()?;
                self.extend_list(&list)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_table(&[key, value])?;
            }
            b'u' => {
                let list = self.since_mark()?;
                self.extend_table(&list)?;
            }
            _ => {
                let value = self.plain(op)?;
                self.push(Item::Plain(value))?;
            }
        }
        Ok(true)
    }

    /// The value that an instruction holds itself.
    fn plain(&mut self, op: u8) -> Result<Value, PickleError> {
        Ok(match op {
            b'N' => Value::Null,
            0x88 => true.into(),
            0x89 => false.into(),
            b'I' => match self.line()? {
                "01" => true.into(),
                "00" => false.into(),
                digits => self.parsed::<i64>(digits)?.into(),
            },
            b'L' => {
                let digits = self.line()?;
                self.parsed::<i64>(digits.strip_suffix('L').unwrap_or(digits))?.into()
            }
            b'J' => i32::from_le_bytes(self.array()?).into(),
            b'K' => self.take(1)?[0].into(),
            b'M' => u16::from_le_bytes(self.array()?).into(),
            0x8a => {
                let len = self.unsigned(1)?;
                self.long(len)?.into()
            }
            b'F' => {
                let digits = self.line()?;
                let float = self.parsed(digits)?;
                self.float(float)?
            }
            b'G' => {
                let float = f64::from_be_bytes(self.array()?);
                self.float(float)?
            }
            b'S' => {
                let quoted = self.line()?;
                self.unquoted(quoted)?.into()
            }
            b'V' => self.line()?.into(),
            b'U' | 0x8c | b'C' => self.text(1)?.into(),
            b'T' | b'X' | b'B' => self.text(4)?.into(),
            0x8d => self.text(8)?.into(),
            _ => return Err(PickleError::Instruction(op, self.at - 1)),
        })
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], PickleError> {
        let end = self.at.checked_add(len).ok_or(PickleError::Cut)?;
        let taken = self.bytes.get(self.at..end).ok_or(PickleError::Cut)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        self.take(N)?.try_into().map_err(|_| PickleError::Cut)
    }

    /// A number of so many bytes, the least first.
    fn unsigned(&mut self, len: usize) -> Result<usize, PickleError> {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(self.take(len)?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| PickleError::TooLarge)
    }

    /// A number in two's complement, the least byte first.
    fn long(&mut self, len: usize) -> Result<i64, PickleError> {
        let taken = self.take(len)?;
        if len > 8 {
            return Err(PickleError::TooLarge);
        }
        let is_negative = taken.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes = [if is_negative { 0xff } else { 0 }; 8];
        bytes[..len].copy_from_slice(taken);
        Ok(i64::from_le_bytes(bytes))
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| *byte == b'\n').ok_or(PickleError::Cut)?;
        let line = self.take(len + 1)?;
        str::from_utf8(&line[..len]).map_err(|_| PickleError::Damaged(self.at))
    }

    /// Under which name a value is remembered.
    fn name(&mut self, op: u8) -> Result<usize, PickleError> {
        match op {
            b'q' | b'h' => self.unsigned(1),
            b'r' | b'j' => self.unsigned(4),
            0x94 => Ok(self.memo.len()),
            _ => {
                let line = self.line()?;
                self.parsed(line)
            }
        }
    }

    fn parsed<T: std::str::FromStr>(&self, text: &str) -> Result<T, PickleError> {
        text.parse().map_err(|_| PickleError::Damaged(self.at))
    }

    fn float(&self, float: f64) -> Result<Value, PickleError> {
        Number::from_f64(float).map(Value::Number).ok_or(PickleError::Damaged(self.at))
    }

    fn text(&mut self, len_len: usize) -> Result<&'a str, PickleError> {
        let len = self.unsigned(len_len)?;
        let text = self.take(len)?;
        str::from_utf8(text).map_err(|_| PickleError::Damaged(self.at))
    }

    /// A text as Python 2 quotes it. Those of a state have nothing that needs a backslash.
    fn unquoted(&self, quoted: &'a str) -> Result<&'a str, PickleError> {
        let inner = ['\'', '"']
            .into_iter()
            .find_map(|quote| quoted.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)));
        inner.filter(|inner| !inner.contains('\\')).ok_or(PickleError::Damaged(self.at))
    }

    fn push(&mut self, item: Item) -> Result<(), PickleError> {
        if self.items.len() >= VALUES_MAX {
            return Err(PickleError::TooLarge);
        }
        self.stack.push(self.items.len());
        self.items.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let popped = if self.stack.len() > floor { self.stack.pop() } else { None };
        popped.ok_or(PickleError::Damaged(self.at))
    }

    fn top(&self) -> Result<Id, PickleError> {
        self.stack.last().copied().ok_or(PickleError::Damaged(self.at))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::Damaged(self.at))?;
        Ok(self.stack.split_off(mark))
    }

    fn recall(&mut self, name: usize) -> Result<(), PickleError> {
        let id = self.memo.get(&name).ok_or(PickleError::Damaged(self.at))?;
        if self.stack.len() >= VALUES_MAX {
            return Err(PickleError::TooLarge);
        }
        self.stack.push(*id);
        Ok(())
    }

    fn pairs(&self, list: &[Id]) -> Result<Vec<(Id, Id)>, PickleError> {
        let (pairs, rest) = list.as_chunks::<2>();
        let is_even = rest.is_empty();
        is_even
            .then(|| pairs.iter().map(|[key, value]| (*key, *value)).collect())
            .ok_or(PickleError::Damaged(self.at))
    }

    fn extend_list(&mut self, items: &[Id]) -> Result<(), PickleError> {
        let top = self.top()?;
        let Item::List(list) = &mut self.items[top] else {
            return Err(PickleError::Damaged(self.at));
        };
        list.extend(items);
        Ok(())
    }

    fn extend_table(&mut self, list: &[Id]) -> Result<(), PickleError> {
        let (top, pairs) = (self.top()?, self.pairs(list)?);
        let Item::Table(table) = &mut self.items[top] else {
            return Err(PickleError::Damaged(self.at));
        };
        table.extend(pairs);
        Ok(())
    }

    fn json(&self, id: Id, depth: usize, count: &mut usize) -> Result<Value, PickleError> {
        *count += 1;
        if depth > DEPTH_MAX || *count > VALUES_MAX {
            return Err(PickleError::TooLarge);
        }
        Ok(match &self.items[id] {
            Item::Plain(value) => value.clone(),
            Item::List(list) => {
                let items = list.iter().map(|item| self.json(*item, depth + 1, count));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Item::Table(table) => {
                let mut object = Map::new();
                for (key, value) in table {
                    object.insert(self.key(*key)?, self.json(*value, depth + 1, count)?);
                }
                Value::Object(object)
            }
        })
    }

    fn key(&self, id: Id) -> Result<String, PickleError> {
        match &self.items[id] {
            Item::Plain(Value::String(text)) => Ok(text.clone()),
            Item::Plain(value) => Ok(value.to_string()),
            Item::List(list) if list.len() == 2 && list.iter().all(|part| *part != id) => {
                let [from, to] = [list[0], list[1]].map(|part| match &self.items[part] {
                    Item::Plain(Value::Number(number)) => Ok(number.to_string()),
                    _ => Err(PickleError::Damaged(self.at)),
                });
                Ok(format!("{},{}", from?, to?))
            }
            _ => Err(PickleError::Damaged(self.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_state_is_refused() {
        for (bytes, expected) in [
            (&b""[..], PickleError::Cut),
            (b"}", PickleError::Cut),
            (b"cos\nsystem\n(S'true'\ntR.", PickleError::Instruction(b'c', 0)),
            (b"\x80\x04\x8c\x02os", PickleError::Cut),
            (b".", PickleError::Damaged(1)),
            (b"N0.", PickleError::Damaged(3)),
            (b"]q\x00h\x00a.", PickleError::TooLarge),
            (b"h\x07.", PickleError::Damaged(2)),
            (b"X\xff\xff\xff\xff", PickleError::Cut),
            (b"NNs.", PickleError::Damaged(3)),
        ] {
            assert_eq!(to_json(bytes), Err(expected), "{bytes:?}");
        }
    }

    #[test]
    fn both_ways_to_write_a_table() {
        let text = b"(dp0\nS'a'\np1\nI3\nsI5\n(lp2\ng1\naF2.5\nas(I0\nI86400\ntI7\nsS'L'\nL9L\ns.";
        let expected = json!({ "a": 3, "5": ["a", 2.5], "0,86400": 7, "L": 9 });
        assert_eq!(to_json(text), Ok(expected));
        let binary = b"\x80\x02}q\x00(U\x01aK\x03X\x01\x00\x00\x00b\x88K\x05\x8a\x01\xffu.";
        assert_eq!(to_json(binary), Ok(json!({ "a": 3, "b": true, "5": -1 })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = to_json(&bytes);
        }
    }
}
