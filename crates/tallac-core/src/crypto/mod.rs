//! Ciphers (specification section 2.8).

mod aes;

pub use aes::Aes128Ctr;
