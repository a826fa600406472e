//! The URI extension block, UEB: what a share tells of its file, vouched for by the cap
//! (specification section 3.2).

use std::collections::BTreeMap;

use super::{Encoding, EncodingError, Geometry};
use crate::hash::{self, Hash};
use crate::netstring;

/// Bytes of a UEB that are read at most; those of today have about 300.
pub const UEB_LEN_MAX: u64 = 2000;

/// What a UEB says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ueb {
    /// Sizes and encoding.
    pub geometry: Geometry,
    /// Hash of the whole ciphertext.
    pub crypttext_hash: Option<Hash>,
    /// Root of the tree over the ciphertext's segments.
    pub crypttext_root: Hash,
    /// Root of the tree over the shares.
    pub share_root: Hash,
}

/// Why a UEB was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UebError {
    /// Its hash is not the one in the cap.
    #[error("the UEB's hash is not the one in the cap")]
    WrongHash,
    /// It is no list of names and netstrings.
    #[error("the UEB is malformed")]
    Malformed,
    /// A field that must be there is missing or not of its kind.
    #[error("the UEB's field {0:?} is missing or malformed")]
    BadField(&'static str),
    /// A field says otherwise than the cap does, or than the other fields.
    #[error("the UEB's field {0:?} contradicts the cap")]
    Contradiction(&'static str),
    /// The sizes cannot belong to a file.
    #[error(transparent)]
    Geometry(#[from] EncodingError),
}

impl Ueb {
    /// Its bytes: names in order, each with a netstring.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let geometry = &self.geometry;
        let (k, n) = (geometry.encoding().needed(), geometry.encoding().total());
        let codec = |segment: u64| format!("{segment}-{k}-{n}").into_bytes();
        let number = |value: u64| value.to_string().into_bytes();
        let fields: [(&str, Option<Vec<u8>>); 11] = [
            ("codec_name", Some(b"crs".to_vec())),
            ("codec_params", Some(codec(geometry.segment_size()))),
            ("crypttext_hash", self.crypttext_hash.map(|hash| hash.to_vec())),
            ("crypttext_root_hash", Some(self.crypttext_root.to_vec())),
            ("needed_shares", Some(number(k.into()))),
            ("num_segments", Some(number(geometry.segment_count()))),
            ("segment_size", Some(number(geometry.segment_size()))),
            ("share_root_hash", Some(self.share_root.to_vec())),
            ("size", Some(number(geometry.size()))),
            ("tail_codec_params", Some(codec(geometry.padded_tail()))),
            ("total_shares", Some(number(n.into()))),
        ];
        let mut out = Vec::with_capacity(320);
        for (name, value) in fields {
            if let Some(value) = value {
                out.extend_from_slice(name.as_bytes());
                out.push(b':');
                netstring::push(&mut out, &value);
            }
        }
        out
    }

    /// Bytes of the UEB of a file with these sizes, whatever its hashes.
    #[must_use]
    pub fn len_for(geometry: &Geometry) -> u64 {
        let zero = [0; 32];
        let ueb = Self {
            geometry: *geometry,
            crypttext_hash: Some(zero),
            crypttext_root: zero,
            share_root: zero,
        };
        ueb.to_bytes().len() as u64
    }

    /// The hash that a cap holds of a UEB.
    #[must_use]
    pub fn hash(bytes: &[u8]) -> Hash {
        hash::URI_EXTENSION.hash(bytes)
    }

    /// Reads the UEB of a file whose cap tells its hash, encoding and size.
    ///
    /// # Errors
    /// [`UebError`]; only [`UebError::WrongHash`] is the doing of the server that sent it, all else
    /// was so when the file was made.
    pub fn parse(
        bytes: &[u8],
        expected_hash: &Hash,
        encoding: Encoding,
        size: u64,
    ) -> Result<Self, UebError> {
        if Self::hash(bytes) != *expected_hash {
            return Err(UebError::WrongHash);
        }
        let fields = Fields::parse(bytes)?;
        let segment_size =
            fields.number("segment_size")?.ok_or(UebError::BadField("segment_size"))?;
        let geometry = Geometry::with_segment_size(encoding, size, segment_size)?;
        let ueb = Self {
            geometry,
            crypttext_hash: fields.hash("crypttext_hash")?,
            crypttext_root: fields
                .hash("crypttext_root_hash")?
                .ok_or(UebError::BadField("crypttext_root_hash"))?,
            share_root: fields
                .hash("share_root_hash")?
                .ok_or(UebError::BadField("share_root_hash"))?,
        };
        ueb.check_redundant(&fields)?;
        Ok(ueb)
    }

    /// All fields by name, as they stand there, known or not: to be looked at, not believed.
    ///
    /// # Errors
    /// [`UebError::Malformed`] when the bytes are no UEB.
    pub fn fields(bytes: &[u8]) -> Result<BTreeMap<&str, &[u8]>, UebError> {
        Ok(Fields::parse(bytes)?.0)
    }

    /// What stands there twice must agree.
    fn check_redundant(&self, fields: &Fields<'_>) -> Result<(), UebError> {
        let geometry = &self.geometry;
        let encoding = geometry.encoding();
        for (name, expected) in [
            ("size", geometry.size()),
            ("num_segments", geometry.segment_count()),
            ("needed_shares", encoding.needed().into()),
            ("total_shares", encoding.total().into()),
        ] {
            if fields.number(name)?.is_some_and(|found| found != expected) {
                return Err(UebError::Contradiction(name));
            }
        }
        let (k, n) = (encoding.needed(), encoding.total());
        for (name, expected) in [
            ("codec_name", "crs".to_owned()),
            ("codec_params", format!("{}-{k}-{n}", geometry.segment_size())),
            ("tail_codec_params", format!("{}-{k}-{n}", geometry.padded_tail())),
        ] {
            if fields.0.get(name).is_some_and(|&found| found != expected.as_bytes()) {
                return Err(UebError::Contradiction(name));
            }
        }
        Ok(())
    }
}

/// The fields of a UEB, of which readers tolerate any that they do not know.
struct Fields<'a>(BTreeMap<&'a str, &'a [u8]>);

impl<'a> Fields<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, UebError> {
        let mut fields = BTreeMap::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let colon = rest.iter().position(|&b| b == b':').ok_or(UebError::Malformed)?;
            let name = std::str::from_utf8(&rest[..colon]).map_err(|_| UebError::Malformed)?;
            let (value, after) =
                netstring::take(&rest[colon + 1..]).map_err(|_| UebError::Malformed)?;
            if fields.insert(name, value).is_some() {
                return Err(UebError::Malformed);
            }
            rest = after;
        }
        Ok(Self(fields))
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, UebError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        std::str::from_utf8(value)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or(UebError::BadField(name))
    }

    fn hash(&self, name: &'static str) -> Result<Option<Hash>, UebError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        (*value).try_into().map(Some).map_err(|_| UebError::BadField(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Ueb {
        let encoding = Encoding::new(3, 10).unwrap();
        Ueb {
            geometry: Geometry::for_upload(encoding, 1000, 256).unwrap(),
            crypttext_hash: Some([1; 32]),
            crypttext_root: [2; 32],
            share_root: [3; 32],
        }
    }

    fn parse(bytes: &[u8]) -> Result<Ueb, UebError> {
        Ueb::parse(bytes, &Ueb::hash(bytes), Encoding::new(3, 10).unwrap(), 1000)
    }

    #[test]
    fn what_is_packed_is_read() {
        let bytes = sample().to_bytes();
        assert_eq!(parse(&bytes), Ok(sample()));
        assert_eq!(bytes.len() as u64, Ueb::len_for(&sample().geometry));
        assert_eq!(
            Ueb::parse(&bytes, &[0; 32], Encoding::new(3, 10).unwrap(), 1000),
            Err(UebError::WrongHash)
        );
    }

    #[test]
    fn unknown_fields_are_tolerated_and_contradictions_are_not() {
        let with = |extra: &str| [&sample().to_bytes()[..], extra.as_bytes()].concat();
        assert!(parse(&with("zz_future:1:x,")).is_ok());
        assert_eq!(parse(&with("size:4:1000,")), Err(UebError::Malformed), "twice");
        let swapped = |from: &str, to: &str| {
            let bytes = sample().to_bytes();
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
            parse(&[&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat())
        };
        assert_eq!(swapped("size:4:1000,t", "size:4:1001,t"), Err(UebError::Contradiction("size")));
        assert_eq!(
            swapped("codec_name:3:crs", "codec_name:3:foo"),
            Err(UebError::Contradiction("codec_name"))
        );
        assert_eq!(swapped("size:4:1000,t", "size:2:-1,t"), Err(UebError::BadField("size")));
        assert_eq!(
            swapped("share_root_hash:32:", "share_r00t_hash:32:"),
            Err(UebError::BadField("share_root_hash"))
        );
        assert!(matches!(
            swapped("segment_size:3:258", "segment_size:3:257"),
            Err(UebError::Geometry(_))
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>, cut in 0_usize..330, byte: u8) {
            let _ = parse(&bytes);
            let mut near = sample().to_bytes();
            let at = cut % near.len();
            near[at] = byte;
            let _ = parse(&near);
        }
    }
}
