//! One entry of a directory, packed (section 5.1): the netstrings of name, read cap, encrypted
//! write cap and metadata. What follows the fourth is left to later versions.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Child, ChildName, Damage, DirectoryAccess, Metadata, Node};
use crate::cap::{CapError, WriteKey};
use crate::crypto::Aes128Ctr;
use crate::hash::{self, Hash};
use crate::netstring;

/// Bytes of the salt before an encrypted write cap.
const SALT: usize = 16;

/// Bytes of the MAC after an encrypted write cap.
const MAC: usize = 32;

/// An entry in its packed form, without the netstring around it.
#[derive(Clone)]
pub(super) struct Entry(Bytes);

/// The fields of an entry.
struct Fields<'a> {
    name: &'a [u8],
    read: &'a [u8],
    write: &'a [u8],
    metadata: &'a [u8],
}

impl<'a> Fields<'a> {
    fn split(entry: &'a [u8]) -> Result<Self, Damage> {
        let (name, rest) = netstring::take(entry)?;
        let (read, rest) = netstring::take(rest)?;
        let (write, rest) = netstring::take(rest)?;
        let (metadata, _) = netstring::take(rest)?;
        Ok(Self { name, read, write, metadata })
    }
}

impl Entry {
    /// The entry that these bytes are, and its name.
    pub(super) fn parse(
        bytes: Bytes,
        access: &DirectoryAccess,
    ) -> Result<(ChildName, Self), Damage> {
        let fields = Fields::split(&bytes)?;
        if matches!(access, DirectoryAccess::Immutable) && !fields.write.is_empty() {
            return Err(Damage::WriteCap);
        }
        let name = std::str::from_utf8(fields.name).map_err(|_| Damage::Name)?;
        Ok((ChildName::new(name), Self(bytes)))
    }

    /// The entry of a child, for a directory that the child may be in.
    pub(super) fn pack(name: &ChildName, child: &Child, access: &DirectoryAccess) -> Self {
        let mut out = Vec::with_capacity(512);
        netstring::push(&mut out, name.as_str().as_bytes());
        netstring::push(&mut out, child.node.stored_read_cap(access.context()).as_bytes());
        let write = match access {
            DirectoryAccess::Write(key) => {
                encrypt(key, child.node.write_cap().unwrap_or_default().as_bytes())
            }
            DirectoryAccess::Read | DirectoryAccess::Immutable => Vec::new(),
        };
        netstring::push(&mut out, &write);
        netstring::push(&mut out, child.metadata.to_string().as_bytes());
        Self(out.into())
    }

    /// The packed form.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it points at.
    pub(super) fn node(&self, access: &DirectoryAccess) -> Result<Node, CapError> {
        let fields = self.fields();
        let write = match access {
            DirectoryAccess::Write(key) => decrypt(key, fields.write),
            DirectoryAccess::Read | DirectoryAccess::Immutable => Vec::new(),
        };
        // Old clients padded caps with spaces.
        let text = |cap| std::str::from_utf8(cap).map(|cap| cap.trim_end_matches(' '));
        let (Ok(write), Ok(read)) = (text(&write), text(fields.read)) else {
            return Err(CapError::UnknownKind);
        };
        let node = Node::from_caps(Some(write), Some(read), access.context())?;
        if access.is_mutable() || node.is_allowed_in_immutable_directory() {
            Ok(node)
        } else {
            Err(CapError::UnknownWriteCap { immutable: true })
        }
    }

    /// Its metadata; none if they cannot be read.
    pub(super) fn metadata(&self) -> Metadata {
        let text = std::str::from_utf8(self.fields().metadata).ok();
        text.and_then(|text| Metadata::parse(text).ok()).unwrap_or_default()
    }

    /// All of it.
    pub(super) fn child(&self, access: &DirectoryAccess) -> Result<Child, CapError> {
        Ok(Child { node: self.node(access)?, metadata: self.metadata() })
    }

    fn fields(&self) -> Fields<'_> {
        Fields::split(&self.0).expect("it was split when it was parsed, or packed here")
    }
}

/// The AES key for a write cap with this salt.
fn cap_key(salt: &[u8], key: &WriteKey) -> [u8; 16] {
    hash::truncate(&hash::DIRNODE_CHILD_KEY.pair(salt, key.expose()))
}

/// A write cap as it is stored. The salt comes from the cap, so that the same cap is stored as the
/// same bytes.
fn encrypt(key: &WriteKey, cap: &[u8]) -> Vec<u8> {
    let salt: [u8; SALT] = hash::truncate(&hash::DIRNODE_CHILD_SALT.hash(cap));
    let key = cap_key(&salt, key);
    let mut out = Vec::with_capacity(SALT + cap.len() + MAC);
    out.extend_from_slice(&salt);
    out.extend_from_slice(cap);
    Aes128Ctr::new(&key).apply(0, &mut out[SALT..]);
    let mac = mac(&key, &out);
    out.extend_from_slice(&mac);
    out
}

/// The write cap that was stored. As in Tahoe-LAFS the MAC is not looked at: the whole table is
/// signed.
fn decrypt(key: &WriteKey, stored: &[u8]) -> Vec<u8> {
    if stored.len() <= SALT + MAC {
        return Vec::new();
    }
    let (salt, rest) = stored.split_at(SALT);
    let mut cap = rest[..rest.len() - MAC].to_vec();
    Aes128Ctr::new(&cap_key(salt, key)).apply(0, &mut cap);
    cap
}

/// Tahoe's own kind of HMAC (section 2.6): the key is not padded to a block of the hash.
fn mac(key: &[u8; 16], data: &[u8]) -> Hash {
    let inner = Sha256::new().chain_update(key.map(|b| b ^ 0x36)).chain_update(data).finalize();
    Sha256::new().chain_update(key.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}
