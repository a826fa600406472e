//! Secrets as types: never shown, compared in constant time, wiped when dropped.
//!
//! A secret's content leaves it only through `expose`, so that every place where one is
//! written to a wire or a file can be found by that name.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::base32::{self, Base32Error};

/// Defines a secret of a fixed number of bytes.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $len;

            /// The secret made of these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The secret that `text` spells in base32.
            ///
            /// # Errors
            /// [`Base32Error`], which never repeats the text.
            pub fn from_base32(text: &str) -> Result<Self, Base32Error> {
                base32::decode_array(text).map(Self)
            }

            /// Its bytes, to be written to a wire or a private file.
            #[must_use]
            pub const fn expose(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

pub(crate) use secret;

secret!(
    /// A node's own 32 bytes in `private/secret`, from which all its lease secrets come.
    LeaseSecret,
    32
);
secret!(
    /// What renews one lease on one server (section 2.5).
    RenewSecret,
    32
);
secret!(
    /// What would cancel one lease on one server (section 2.5).
    CancelSecret,
    32
);

secret!(
    /// What lets its holder change a mutable file's shares on one server (section 2.5).
    WriteEnabler,
    32
);

/// The two secrets of one lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSecrets {
    /// Renews it.
    pub renew: RenewSecret,
    /// Cancels it.
    pub cancel: CancelSecret,
}

/// Defines a secret of any number of bytes.
macro_rules! long_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Vec<u8>);

        impl $name {
            /// The secret made of these bytes.
            #[must_use]
            pub const fn new(bytes: Vec<u8>) -> Self {
                Self(bytes)
            }

            /// Its bytes, to be written to a wire or a private file.
            #[must_use]
            pub fn expose(&self) -> &[u8] {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

long_secret!(
    /// What lets one client go on with the shares it is uploading to a server (section 7.3): 20
    /// random bytes from Tahoe and from us, any from others.
    UploadSecret
);
long_secret!(
    /// A user's convergence secret, usually 32 bytes, in `private/convergence` (section 2.3).
    /// Files with the same content and the same secret get the same capability.
    ConvergenceSecret
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_shows_in_debug_output() {
        let secrets = LeaseSecrets {
            renew: RenewSecret::new([0x41; 32]),
            cancel: CancelSecret::new([0x42; 32]),
        };
        let shown = format!("{secrets:?} {:?}", ConvergenceSecret::new(vec![0x43; 32]));
        assert_eq!(
            shown,
            "LeaseSecrets { renew: RenewSecret(…), cancel: CancelSecret(…) } ConvergenceSecret(…)"
        );
    }
}
