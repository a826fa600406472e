//! The key that a node signs its announcements with (section 2.10).

use tallac_core::crypto::SigningKey;
use zeroize::Zeroizing;

/// A new key, of the system's randomness.
///
/// # Errors
/// When the system has none to give.
pub fn generate_key() -> Result<SigningKey, getrandom::Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)?;
    SigningKey::from_seed(seed).map_err(|_| getrandom::Error::UNEXPECTED)
}
