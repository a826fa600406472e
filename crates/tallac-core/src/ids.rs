//! The ids of the system: one type each, so that none can be taken for another.

use std::fmt;

use crate::base32::{self, Base32Error};

/// Defines an id of a fixed number of bytes that prints and parses as Tahoe's base32.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $len;

            /// The id made of these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base32::encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Base32Error;

            fn from_str(text: &str) -> Result<Self, Base32Error> {
                base32::decode_array(text).map(Self)
            }
        }
    };
}

byte_id!(
    /// The name of a file or slot on storage servers: 16 bytes, 26 characters (section 1.2).
    StorageIndex,
    16
);
impl StorageIndex {
    /// Its first five characters: enough to tell files apart in a trace, and too little to ask for
    /// one.
    #[must_use]
    pub fn abbreviated(&self) -> String {
        let mut text = self.to_string();
        text.truncate(5);
        text
    }
}

byte_id!(
    /// The identity of a node for leases and write enablers: SHA-1 of its certificate
    /// (section 6.2), 20 bytes, 32 characters.
    TubId,
    20
);

/// Which share of a file this is: `0 ..= 255` (section 2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareNumber(u8);

impl ShareNumber {
    /// Shares a file can have at most.
    pub const COUNT_MAX: usize = 256;

    /// Share number `number`.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The number, to index with.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The first `count` share numbers; at most all 256.
    pub fn first(count: usize) -> impl Iterator<Item = Self> + Clone {
        (0..=u8::MAX).take(count).map(Self)
    }
}

impl fmt::Display for ShareNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A storage server as the rest of a grid names it: `v0-` and its public key in base32, or
/// any other text that a static server list gives it (sections 2.10 and 4.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(String);

impl ServerId {
    /// The server of that long name.
    #[must_use]
    pub fn new(long_name: impl Into<String>) -> Self {
        Self(long_name.into())
    }

    /// The long name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What people are shown: the first eight characters after `v0-`.
    #[must_use]
    pub fn short_name(&self) -> &str {
        let name = self.0.strip_prefix("v0-").unwrap_or(&self.0);
        name.char_indices().nth(8).map_or(name, |(at, _)| &name[..at])
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_index_has_one_spelling() {
        let si: StorageIndex = "2k6avpjga3dho3zsjo6nnkt7n4".parse().unwrap();
        assert_eq!(si.to_string(), "2k6avpjga3dho3zsjo6nnkt7n4");
        for bad in ["", "2k6avpjga3dho3zsjo6nnkt7n5", "../../../etc/passwd", "2k6avpjga3dho3"] {
            assert!(bad.parse::<StorageIndex>().is_err(), "{bad}");
        }
    }

    #[test]
    fn short_names_survive_odd_ids() {
        assert_eq!(ServerId::new("v0-abcdefghijkl").short_name(), "abcdefgh");
        assert_eq!(ServerId::new("x").short_name(), "x");
        assert_eq!(ServerId::new("ääääääääää").short_name(), "ääääääää");
    }

    #[test]
    fn there_are_never_more_than_256_shares() {
        assert_eq!(ShareNumber::first(10).count(), 10);
        assert_eq!(ShareNumber::first(usize::MAX).count(), ShareNumber::COUNT_MAX);
    }
}
