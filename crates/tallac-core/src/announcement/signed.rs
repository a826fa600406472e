//! Announcements as they travel: a JSON text, a signature over its very bytes, and the key
//! (section 6.1).

use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::base32;
use crate::crypto::{Signature, SigningKey, VerifyingKey};

/// Longest message that is taken, in bytes. Real ones have a few hundred; certificates and
/// the offers of plugins may add thousands.
pub const MESSAGE_LEN_MAX: usize = 64 << 10;

/// Longest name of a service that is taken, in bytes. The only one in use is `storage`.
pub const SERVICE_LEN_MAX: usize = 64;

/// What the texts of keys and signatures begin with.
const V0: &str = "v0-";

/// Longest text of a key or signature that is looked at, in bytes.
const TEXT_LEN_MAX: usize = 128;

/// An announcement as it is sent; nothing is known of it yet.
///
/// `Debug` leaves the message out: it holds addresses, and whoever knows one may use the server.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignedAnnouncement {
    /// The dictionary, as JSON.
    pub message: Bytes,
    /// `v0-` and the signature in base32.
    pub signature: Bytes,
    /// `v0-` and the public key in base32.
    pub key: Bytes,
}

/// Why an announcement is refused. It is the fault of whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementRefusal {
    /// Nobody signed it.
    #[error("it is not signed")]
    Unsigned,
    /// It is signed in a way that is not known here.
    #[error("its key or signature is not of the kind {V0}")]
    UnknownKeyKind,
    /// The key or the signature is none.
    #[error("its key or signature is damaged")]
    Damaged,
    /// It is not what the holder of the key signed.
    #[error("its signature does not match")]
    BadSignature,
    /// It is beyond all reason.
    #[error("it has {0} bytes, more than the {MESSAGE_LEN_MAX} that are taken")]
    TooLong(usize),
    /// What was signed is no dictionary in JSON.
    #[error("what was signed is no dictionary in JSON")]
    NotADictionary,
    /// It does not say what it announces.
    #[error("it names no service, or one with an unreasonably long name")]
    NoService,
}

/// An announcement whose signature is good.
#[derive(Clone, PartialEq)]
pub struct Announcement {
    key: VerifyingKey,
    service: String,
    seqnum: Option<u64>,
    keys: Map<String, Value>,
    signed: SignedAnnouncement,
}

impl SignedAnnouncement {
    /// Signs a dictionary.
    #[must_use]
    pub fn sign(keys: &Map<String, Value>, key: &SigningKey) -> Self {
        let message = serde_json::to_vec(keys).expect("maps of values have a JSON text");
        let signature = base32::encode(key.sign(&message).as_bytes());
        Self {
            signature: format!("{V0}{signature}").into(),
            key: key.verifying_key().server_id().as_str().to_owned().into(),
            message: message.into(),
        }
    }

    /// How much memory it takes, about.
    #[must_use]
    pub fn len(&self) -> usize {
        self.message.len() + self.signature.len() + self.key.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks the signature over the bytes that were received, and only then reads them.
    ///
    /// # Errors
    /// [`AnnouncementRefusal`], which repeats nothing of it.
    pub fn verify(self) -> Result<Announcement, AnnouncementRefusal> {
        use AnnouncementRefusal as Refusal;
        if self.signature.is_empty() || self.key.is_empty() {
            return Err(Refusal::Unsigned);
        }
        if self.message.len() > MESSAGE_LEN_MAX {
            return Err(Refusal::TooLong(self.message.len()));
        }
        let key = VerifyingKey::new(v0_bytes(&self.key)?);
        let signature = Signature::new(v0_bytes(&self.signature)?);
        key.verify(&self.message, &signature).map_err(|_| Refusal::BadSignature)?;
        let keys: Map<String, Value> =
            serde_json::from_slice(&self.message).map_err(|_| Refusal::NotADictionary)?;
        let service = keys.get("service-name").and_then(Value::as_str);
        let service = service.filter(|name| (1..=SERVICE_LEN_MAX).contains(&name.len()));
        Ok(Announcement {
            key,
            service: service.ok_or(Refusal::NoService)?.to_owned(),
            seqnum: seqnum_of(&keys),
            keys,
            // What was received may be a slice of something much larger.
            signed: self.compact(),
        })
    }

    fn compact(self) -> Self {
        let copy = |bytes: Bytes| Bytes::copy_from_slice(&bytes);
        Self { message: copy(self.message), signature: copy(self.signature), key: copy(self.key) }
    }
}

impl fmt::Debug for SignedAnnouncement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedAnnouncement({} bytes)", self.message.len())
    }
}

impl Announcement {
    /// Who made it.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// What kind of service it announces.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The number that counts its maker's announcements, if it has one.
    #[must_use]
    pub const fn seqnum(&self) -> Option<u64> {
        self.seqnum
    }

    /// The dictionary.
    #[must_use]
    pub const fn keys(&self) -> &Map<String, Value> {
        &self.keys
    }

    /// The text under a key, if there is one.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.keys.get(key).and_then(Value::as_str)
    }

    /// What it was when it was sent.
    #[must_use]
    pub const fn signed(&self) -> &SignedAnnouncement {
        &self.signed
    }
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement")
            .field("key", &self.key)
            .field("service", &self.service)
            .field("seqnum", &self.seqnum)
            .finish_non_exhaustive()
    }
}

/// The sequence number in an announcement, if it has a usable one.
#[must_use]
pub fn seqnum_of(keys: &Map<String, Value>) -> Option<u64> {
    keys.get("seqnum").and_then(Value::as_u64)
}

/// The bytes that a text of the kind `v0-` spells.
fn v0_bytes<const N: usize>(text: &[u8]) -> Result<[u8; N], AnnouncementRefusal> {
    let text = text.strip_prefix(V0.as_bytes()).ok_or(AnnouncementRefusal::UnknownKeyKind)?;
    let text = str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_LEN_MAX);
    let bytes = text.and_then(|text| base32::decode_array(text).ok());
    bytes.ok_or(AnnouncementRefusal::Damaged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use zeroize::Zeroizing;

    use super::*;

    fn key() -> SigningKey {
        let seed: [u8; 32] = std::array::from_fn(|i| i.try_into().unwrap());
        SigningKey::from_seed(Zeroizing::new(seed)).unwrap()
    }

    fn keys(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    /// The announcement of section 15.5.
    fn known() -> SignedAnnouncement {
        let signature = "v0-6pinoa2t5tb2s4c5tmp5akhmkodcr2suyvjgmghed7w5r6bbr2xnn7swfa6poycm\
                         aoyctgc2feb5k7jz5quefyat4di4gxa2dffeicq";
        SignedAnnouncement {
            message: Bytes::from_static(br#"{"service-name": "storage", "seqnum": 1}"#),
            signature: Bytes::from_static(signature.as_bytes()),
            key: Bytes::from_static(b"v0-aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a"),
        }
    }

    #[test]
    fn the_announcement_of_section_15_5() {
        let announcement = known().verify().unwrap();
        assert_eq!(announcement.key(), key().verifying_key());
        assert_eq!((announcement.service(), announcement.seqnum()), ("storage", Some(1)));
        assert_eq!(announcement.signed(), &known());
        let signature = key().sign(&known().message);
        assert_eq!(known().signature, format!("v0-{}", base32::encode(signature.as_bytes())));
    }

    #[test]
    fn what_is_signed_here_is_good() {
        let keys = keys(json!({"service-name": "x", "nickname": "ä\u{1f600}", "nonce": "n"}));
        let announcement = SignedAnnouncement::sign(&keys, &key()).verify().unwrap();
        assert_eq!((announcement.keys(), announcement.seqnum()), (&keys, None));
        assert_eq!(announcement.text("nonce"), Some("n"));
        let shown = format!("{announcement:?} {:?}", announcement.signed());
        assert!(!shown.contains("nonce"), "{shown}");
    }

    #[test]
    fn each_fault_has_its_reason() {
        use AnnouncementRefusal::*;
        let check = |change: fn(&mut SignedAnnouncement), expected: AnnouncementRefusal| {
            let mut announcement = known();
            change(&mut announcement);
            assert_eq!(announcement.verify().unwrap_err(), expected);
        };
        check(|a| a.signature = Bytes::new(), Unsigned);
        check(|a| a.key = Bytes::new(), Unsigned);
        check(|a| a.key = Bytes::from_static(b"v1-aaaa"), UnknownKeyKind);
        check(|a| a.signature = a.signature.slice(3..), UnknownKeyKind);
        check(|a| a.key = a.key.slice(..20), Damaged);
        check(|a| a.signature = [&b"v0-"[..], &[0xff; 8]].concat().into(), Damaged);
        check(|a| a.signature = [&b"v0-"[..], &[b'a'; 1 << 20]].concat().into(), Damaged);
        // The same dictionary, but not the bytes that were signed.
        check(
            |a| a.message = Bytes::from_static(br#"{"service-name":"storage","seqnum":1}"#),
            BadSignature,
        );
        check(|a| a.message = vec![b' '; MESSAGE_LEN_MAX + 1].into(), TooLong(MESSAGE_LEN_MAX + 1));
    }

    fn signed(message: &[u8]) -> SignedAnnouncement {
        let signature = base32::encode(key().sign(message).as_bytes());
        SignedAnnouncement {
            message: Bytes::copy_from_slice(message),
            signature: format!("v0-{signature}").into(),
            key: key().verifying_key().server_id().as_str().to_owned().into(),
        }
    }

    #[test]
    fn what_is_signed_must_make_sense() {
        use AnnouncementRefusal::*;
        let long = format!(r#"{{"service-name": "{}"}}"#, "s".repeat(SERVICE_LEN_MAX + 1));
        let cases: [(&[u8], _); 8] = [
            (b"", NotADictionary),
            (b"[]", NotADictionary),
            (b"\xff", NotADictionary),
            (b"{\"service-name\": \"storage\"} x", NotADictionary),
            (b"{}", NoService),
            (b"{\"service-name\": 7}", NoService),
            (b"{\"service-name\": \"\"}", NoService),
            (long.as_bytes(), NoService),
        ];
        for (message, expected) in cases {
            assert_eq!(signed(message).verify().unwrap_err(), expected, "{message:?}");
        }
        let deep = [b"{\"a\":".as_slice(), &[b'['; 10_000]].concat();
        assert_eq!(signed(&deep).verify().unwrap_err(), NotADictionary);
        for seqnum in ["-1", "1.5", "\"1\"", "null", "99999999999999999999"] {
            let message = format!(r#"{{"service-name": "storage", "seqnum": {seqnum}}}"#);
            assert_eq!(signed(message.as_bytes()).verify().unwrap().seqnum(), None, "{seqnum}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(
            message in prop::collection::vec(any::<u8>(), 0..100),
            signature in "(v0-)?[a-z2-7]{0,110}",
            key in "(v0-)?[a-z2-7]{50,56}",
        ) {
            let announcement = SignedAnnouncement {
                message: message.into(),
                signature: signature.into(),
                key: key.into(),
            };
            prop_assert!(announcement.verify().is_err());
        }

        #[test]
        fn one_changed_byte_is_noticed(place in 0_usize..40, bit in 0_u32..8) {
            let mut announcement = known();
            let mut message = announcement.message.to_vec();
            message[place] ^= 1 << bit;
            announcement.message = message.into();
            prop_assert_eq!(announcement.verify().unwrap_err(), AnnouncementRefusal::BadSignature);
        }
    }
}
