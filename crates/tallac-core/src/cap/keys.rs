//! What caps are made of: keys, which are secrets, and hashes, which are not (sections 1.2, 2.4).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::base32::{self, Base32Error};
use crate::hash::{self, Hash};
use crate::ids::StorageIndex;
use crate::secrets::secret;

secret!(
    /// The AES key of an immutable file: whoever has it can read the file.
    EncryptionKey,
    16
);
secret!(
    /// Lets its holder change a mutable file; the read key comes from it.
    WriteKey,
    16
);
secret!(
    /// Lets its holder read a mutable file; the storage index comes from it.
    ReadKey,
    16
);
impl EncryptionKey {
    /// Where servers keep the shares of the file with this key.
    #[must_use]
    pub fn storage_index(&self) -> StorageIndex {
        hash::storage_index(self.expose())
    }
}

impl WriteKey {
    /// The key that reads what this one writes.
    #[must_use]
    pub fn read_key(&self) -> ReadKey {
        ReadKey::new(hash::truncate(&hash::SSK_READKEY.hash(self.expose())))
    }
}

impl ReadKey {
    /// Where servers keep the shares of the file with this key.
    #[must_use]
    pub fn storage_index(&self) -> StorageIndex {
        StorageIndex::new(hash::truncate(&hash::SSK_STORAGE_INDEX.hash(self.expose())))
    }
}

/// Defines a hash that a cap carries.
macro_rules! cap_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Hash);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = 32;

            /// The hash made of these bytes.
            #[must_use]
            pub const fn new(bytes: Hash) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &Hash {
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
    };
}

cap_hash!(
    /// Hash of an immutable file's URI extension block, which everything else is proven by.
    UebHash
);
cap_hash!(
    /// Hash of a mutable file's RSA public key, which every version of it is signed with.
    Fingerprint
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_section_15_4() {
        let write_key = WriteKey::new(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let read_key = write_key.read_key();
        assert_eq!(base32::encode(read_key.expose()), "zlnpn42lu7xedonux53kr42hsm");
        assert_eq!(read_key.storage_index().to_string(), "axmc3zjy3mkanylpyx7u2zuqum");
    }

    #[test]
    fn keys_do_not_show() {
        let shown = format!("{:?} {:?}", WriteKey::new([1; 16]), EncryptionKey::new([2; 16]));
        assert_eq!(shown, "WriteKey(…) EncryptionKey(…)");
    }
}
