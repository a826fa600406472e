//! How the two sides get a key out of the code, and what they do with it.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::error::Error;

/// Length of a nonce, which stands before each message.
const NONCE_LEN: usize = 24;

/// Length of a key, and of all that is derived.
const KEY_LEN: usize = 32;

/// The first half of the exchange was made.
pub(crate) struct Exchange {
    state: Spake2<Ed25519Group>,
    ours: Vec<u8>,
}

/// What both sides know if their codes are the same.
pub(crate) struct SharedKey(Zeroizing<Vec<u8>>);

impl Exchange {
    /// Begins; gives what the other side must be told.
    pub(crate) fn start(code: &Code, app_id: &str) -> (Self, Vec<u8>) {
        let password = Password::new(&*code.password());
        let (state, ours) = Spake2::start_symmetric(&password, &Identity::new(app_id.as_bytes()));
        let body = json!({ "pake_v1": HEXLOWER_PERMISSIVE.encode(&ours) }).to_string();
        (Self { state, ours }, body.into_bytes())
    }

    /// Ends, with what the other side told.
    pub(crate) fn finish(self, body: &[u8]) -> Result<SharedKey, Error> {
        let nonsense = Error::Nonsense("the other side's first message makes no sense");
        let body: Value = serde_json::from_slice(body).map_err(|_| Error::WrongCode)?;
        let Some(text) = body.get("pake_v1").and_then(Value::as_str) else { return Err(nonsense) };
        let theirs = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| Error::WrongCode)?;
        // Our own message sent back to us would make a key that we share with nobody.
        if theirs == self.ours {
            return Err(Error::WrongCode);
        }
        let key = self.state.finish(&theirs).map_err(|_| Error::WrongCode)?;
        Ok(SharedKey(Zeroizing::new(key)))
    }
}

impl SharedKey {
    /// Seals what a side says in a phase.
    pub(crate) fn seal(&self, (side, phase): (&str, &str), plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let sealed = self
            .cipher(side, phase)?
            .encrypt(&Nonce::from(nonce), plain)
            .map_err(|_| Error::TooLong(plain.len()))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what a side said in a phase.
    pub(crate) fn open(&self, (side, phase): (&str, &str), body: &[u8]) -> Result<Vec<u8>, Error> {
        let (nonce, sealed) = body.split_first_chunk::<NONCE_LEN>().ok_or(Error::WrongCode)?;
        let opened = self.cipher(side, phase)?.decrypt(&Nonce::from(*nonce), sealed);
        opened.map_err(|_| Error::WrongCode)
    }

    fn cipher(&self, side: &str, phase: &str) -> Result<XSalsa20Poly1305, Error> {
        let purpose = [
            b"wormhole:phase:".as_slice(),
            &Sha256::digest(side.as_bytes()),
            &Sha256::digest(phase.as_bytes()),
        ];
        let mut key = Zeroizing::new([0; KEY_LEN]);
        Salt::new(HKDF_SHA256, &[])
            .extract(&self.0)
            .expand(&[&purpose.concat()], KeyLen)
            .and_then(|derived| derived.fill(&mut *key))
            .map_err(|_| Error::Nonsense("no key can be derived"))?;
        Ok(XSalsa20Poly1305::new(Key::from_slice(&*key)))
    }
}

/// Tells the derivation how much is wanted.
struct KeyLen;

impl KeyType for KeyLen {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(…)")
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(one: &str, other: &str) -> (SharedKey, SharedKey) {
        let start = |code: &str| Exchange::start(&code.parse().unwrap(), "example.org/test");
        let ((one, to_other), (other, to_one)) = (start(one), start(other));
        (one.finish(&to_one).unwrap(), other.finish(&to_other).unwrap())
    }

    #[test]
    fn the_same_code_makes_the_same_key() {
        let (one, other) = exchange("7-a-b", "7-a-b");
        let sealed = one.seal(("side", "0"), b"hello").unwrap();
        assert_eq!(other.open(("side", "0"), &sealed).unwrap(), b"hello");
        assert!(other.open(("side", "1"), &sealed).is_err());
        assert!(other.open(("edis", "0"), &sealed).is_err());
        assert!(other.open(("side", "0"), &sealed[1..]).is_err());
        assert!(other.open(("side", "0"), &sealed[..20]).is_err());
    }

    #[test]
    fn another_code_makes_another_key() {
        let (one, other) = exchange("7-a-b", "7-a-c");
        let sealed = one.seal(("side", "0"), b"hello").unwrap();
        assert!(matches!(other.open(("side", "0"), &sealed), Err(Error::WrongCode)));
    }

    #[test]
    fn what_python_sealed_is_opened() {
        // By PyNaCl and cryptography: see vectors/make_wormhole.py.
        let vectors: Value =
            serde_json::from_str(include_str!("../../../vectors/wormhole.json")).unwrap();
        for case in vectors["sealed"].as_array().unwrap() {
            let text = |name: &str| case[name].as_str().unwrap();
            let key = SharedKey(Zeroizing::new(hex::decode(text("key")).unwrap()));
            let body = hex::decode(text("body")).unwrap();
            let opened = key.open((text("side"), text("phase")), &body).unwrap();
            assert_eq!(opened, text("plain").as_bytes());
        }
    }

    #[test]
    fn bad_exchanges_are_refused() {
        let check = |body: &[u8]| {
            let (exchange, _) = Exchange::start(&"7-a".parse().unwrap(), "x");
            assert!(exchange.finish(body).is_err(), "{body:?}");
        };
        let pake = |bytes: &[u8]| json!({ "pake_v1": hex::encode(bytes) }).to_string();
        for body in ["", "{}", "[]", "{\"pake_v1\": 7}", "{\"pake_v1\": \"5\"}"] {
            check(body.as_bytes());
        }
        for bytes in [&b""[..], b"S", &[0x53; 32], &[0xff; 33], &[b'A'; 33]] {
            check(pake(bytes).as_bytes());
        }
        let (exchange, ours) = Exchange::start(&"7-a".parse().unwrap(), "x");
        assert!(matches!(exchange.finish(&ours), Err(Error::WrongCode)));
    }
}
