//! Ciphers and signatures (specification sections 2.8 and 2.10).

mod aes;
mod ed25519;

pub use aes::Aes128Ctr;
pub use ed25519::{BadSignature, KeyError, Signature, SigningKey, VerifyingKey};
