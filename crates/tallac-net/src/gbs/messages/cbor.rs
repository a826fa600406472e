//! What the messages are written and read with.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use bytes::Bytes;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::Error as EncodeError;
use minicbor::{Decoder, Encoder};
use tallac_core::ids::ShareNumber;

/// The tag that makes an array a set.
const SET: Tag = Tag::new(258);

/// Shorter byte strings are copied into a message, which is cheaper than a piece of their own.
const COPIED_LEN_MAX: usize = 4096;

/// Why bytes are not the message that belongs here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MessageError(pub(super) String);

impl MessageError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl From<DecodeError> for MessageError {
    fn from(error: DecodeError) -> Self {
        Self(format!("malformed CBOR: {error}"))
    }
}

/// A message being written to memory.
pub(super) type Writer = Encoder<Vec<u8>>;

/// The bytes of the message that `write` writes.
pub(super) fn encode(
    write: impl FnOnce(&mut Writer) -> Result<(), EncodeError<Infallible>>,
) -> Bytes {
    let mut writer = Encoder::new(Vec::with_capacity(64));
    write(&mut writer).expect("writing to memory cannot fail");
    writer.into_writer().into()
}

/// A message with byte strings that may be long: those become pieces and are not copied.
pub(super) struct PieceWriter {
    pub(super) writer: Writer,
    pieces: Vec<Bytes>,
}

impl PieceWriter {
    pub(super) fn bytes(&mut self, data: &Bytes) -> Result<(), EncodeError<Infallible>> {
        if data.len() <= COPIED_LEN_MAX {
            self.writer.bytes(data)?;
            return Ok(());
        }
        self.writer.bytes_len(data.len() as u64)?;
        let so_far = std::mem::take(self.writer.writer_mut());
        self.pieces.extend([so_far.into(), data.clone()]);
        Ok(())
    }
}

/// The message that `write` writes, in pieces that follow each other.
pub(super) fn encode_pieces(
    write: impl FnOnce(&mut PieceWriter) -> Result<(), EncodeError<Infallible>>,
) -> Vec<Bytes> {
    let writer = Encoder::new(Vec::with_capacity(256));
    let mut message = PieceWriter { writer, pieces: Vec::new() };
    write(&mut message).expect("writing to memory cannot fail");
    let PieceWriter { writer, mut pieces } = message;
    let end = writer.into_writer();
    if !end.is_empty() {
        pieces.push(end.into());
    }
    pieces
}

pub(super) fn write_set(
    writer: &mut Writer,
    numbers: &BTreeSet<ShareNumber>,
) -> Result<(), EncodeError<Infallible>> {
    writer.tag(SET)?.array(numbers.len() as u64)?;
    for number in numbers {
        writer.u8(number.get())?;
    }
    Ok(())
}

/// A message being read.
pub(super) struct Reader<'b>(Decoder<'b>);

/// The value that `read` reads, if it is all there is in `bytes`.
pub(super) fn decode<'b, T>(
    bytes: &'b [u8],
    read: impl FnOnce(&mut Reader<'b>) -> Result<T, MessageError>,
) -> Result<T, MessageError> {
    let mut reader = Reader(Decoder::new(bytes));
    let value = read(&mut reader)?;
    match reader.0.position() == bytes.len() {
        true => Ok(value),
        false => Err(MessageError::new("bytes behind the end of the message")),
    }
}

impl<'b> Reader<'b> {
    /// Reads a map of at most `len_max` entries; `entry` gets each key and reads its value.
    pub(super) fn map(
        &mut self,
        len_max: u64,
        mut entry: impl FnMut(&mut Self, &'b [u8]) -> Result<(), MessageError>,
    ) -> Result<(), MessageError> {
        let len = bounded(self.0.map()?, len_max)?;
        for _ in 0..len {
            let key = self.key()?;
            entry(self, key)?;
        }
        Ok(())
    }

    /// A key is text, or in version messages a byte string.
    fn key(&mut self) -> Result<&'b [u8], MessageError> {
        Ok(match self.0.datatype()? {
            Type::Bytes => self.0.bytes()?,
            _ => self.0.str()?.as_bytes(),
        })
    }

    /// Reads an array of at most `len_max` elements.
    pub(super) fn array<T>(
        &mut self,
        len_max: u64,
        mut element: impl FnMut(&mut Self) -> Result<T, MessageError>,
    ) -> Result<Vec<T>, MessageError> {
        let len = bounded(self.0.array()?, len_max)?;
        (0..len).map(|_| element(self)).collect()
    }

    /// Reads a set of share numbers, in any order.
    pub(super) fn set(&mut self) -> Result<BTreeSet<ShareNumber>, MessageError> {
        if self.0.tag()? != SET {
            return Err(MessageError::new("expected a set, which is an array with tag 258"));
        }
        let len = bounded(self.0.array()?, ShareNumber::COUNT_MAX as u64)?;
        let mut numbers = BTreeSet::new();
        for _ in 0..len {
            numbers.insert(self.share_number()?);
        }
        Ok(numbers)
    }

    /// Reads a map with share numbers for keys; `value` reads what each has.
    pub(super) fn by_share<T>(
        &mut self,
        mut value: impl FnMut(&mut Self) -> Result<T, MessageError>,
    ) -> Result<BTreeMap<ShareNumber, T>, MessageError> {
        let len = bounded(self.0.map()?, ShareNumber::COUNT_MAX as u64)?;
        let mut values = BTreeMap::new();
        for _ in 0..len {
            let number = self.share_number()?;
            if values.insert(number, value(self)?).is_some() {
                return Err(MessageError::new("a share number appears twice"));
            }
        }
        Ok(values)
    }

    fn share_number(&mut self) -> Result<ShareNumber, MessageError> {
        let number = u8::try_from(self.uint()?)
            .map_err(|_| MessageError::new("a share number is 0 to 255"))?;
        Ok(ShareNumber::new(number))
    }

    pub(super) fn uint(&mut self) -> Result<u64, MessageError> {
        Ok(self.0.u64()?)
    }

    /// Reads a number or null.
    pub(super) fn uint_or_null(&mut self) -> Result<Option<u64>, MessageError> {
        match self.0.datatype()? {
            Type::Null => Ok(self.0.null().map(|()| None)?),
            _ => self.uint().map(Some),
        }
    }

    pub(super) fn flag(&mut self) -> Result<bool, MessageError> {
        Ok(self.0.bool()?)
    }

    pub(super) fn text(&mut self) -> Result<&'b str, MessageError> {
        Ok(self.0.str()?)
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8], MessageError> {
        Ok(self.0.bytes()?)
    }

    /// Passes over a value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), MessageError> {
        Ok(self.0.skip()?)
    }
}

fn bounded(len: Option<u64>, len_max: u64) -> Result<u64, MessageError> {
    match len {
        None => Err(MessageError::new("a map or array without a length")),
        Some(len) if len > len_max => {
            Err(MessageError(format!("{len} elements where at most {len_max} may be")))
        }
        Some(len) => Ok(len),
    }
}

/// Puts a value where its key belongs, unless one is there already.
pub(super) fn put_once<T>(place: &mut Option<T>, value: T) -> Result<(), MessageError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(MessageError::new("a key appears twice")),
    }
}

/// The value of a key that must be there.
pub(super) fn required<T>(value: Option<T>, key: &str) -> Result<T, MessageError> {
    value.ok_or_else(|| MessageError(format!("{key} is missing")))
}

/// The complaint about a key that means nothing here.
pub(super) fn unknown_key<T>(key: &[u8]) -> Result<T, MessageError> {
    Err(MessageError(format!("unknown key {:.40}", key.escape_ascii().to_string())))
}
