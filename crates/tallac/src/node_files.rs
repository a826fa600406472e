//! The files of a node directory that a node makes for itself: who it is, and its secrets
//! (section 10.4). They are those of Tahoe-LAFS, to the letter, so that either program can go on
//! with them.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use tallac_core::base32;
use tallac_core::ids::ServerId;
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};
use tallac_net::identity::{CertificateError, Furl, Location, NodeCertificate, Swissnum};

use crate::config::NodeDirectory;

/// Mode of files that hold secrets. Tahoe-LAFS leaves most of them to the mode of `private`.
const SECRET: u32 = 0o600;

/// Mode of all others, before the umask.
const PUBLIC: u32 = 0o666;

/// Why a file of a node cannot be used or made; it never repeats what a file holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeFileError {
    #[error("cannot {action} {}: {error}", path.display())]
    Io { action: &'static str, path: PathBuf, error: io::Error },
    #[error("{}: {why}. Restore the file from a backup of the node", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("the system gave no random bytes")]
    NoRandomness,
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] CertificateError),
}

type Result<T> = std::result::Result<T, NodeFileError>;

/// An Ed25519 key as Tahoe-LAFS writes it (section 2.10).
pub(crate) struct NodeKey {
    seed: [u8; 32],
    public: [u8; 32],
}

impl NodeKey {
    /// A new key.
    pub(crate) fn generate() -> Result<Self> {
        Self::of_seed(random()?).ok_or(NodeFileError::NoRandomness)
    }

    fn of_seed(seed: [u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { seed, public })
    }

    /// The key in a text of the form `priv-v0-…`; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of_seed(base32::decode_array(text.trim().strip_prefix("priv-v0-")?).ok()?)
    }

    /// `priv-v0-…`, which is secret.
    pub(crate) fn expose_private(&self) -> String {
        format!("priv-v0-{}", base32::encode(&self.seed))
    }

    /// `pub-v0-…`.
    pub(crate) fn public(&self) -> String {
        format!("pub-v0-{}", base32::encode(&self.public))
    }
}

/// Who a node is.
#[derive(Debug)]
pub(crate) struct NodeIdentity {
    pub(crate) certificate: NodeCertificate,
    /// Its name in the grid: `v0-…`.
    pub(crate) server_id: ServerId,
    /// What `permutation-seed` says.
    pub(crate) permutation_seed: String,
}

impl NodeIdentity {
    /// The identity that the directory holds, or a new one, kept there. May take a tenth of a
    /// second of computing.
    ///
    /// # Errors
    /// [`NodeFileError`]; a damaged file is never replaced by a new identity.
    pub(crate) fn load_or_create(directory: &NodeDirectory) -> Result<Self> {
        make_private(directory)?;
        let pem_path = directory.private("node.pem");
        let certificate = match read(&pem_path)? {
            Some(pem) => NodeCertificate::from_pem(&pem).map_err(|e| damaged(&pem_path, &e))?,
            None => {
                let certificate = NodeCertificate::generate()?;
                write(&pem_path, certificate.to_pem(), SECRET)?;
                certificate
            }
        };
        write_if_other(&directory.file("my_nodeid"), &format!("{}\n", certificate.tub_id()))?;
        let key_path = directory.private("node.privkey");
        let key = match read(&key_path)? {
            Some(text) => NodeKey::parse(&text)
                .ok_or_else(|| damaged(&key_path, &"it holds no key of the form priv-v0-..."))?,
            None => {
                let key = NodeKey::generate()?;
                write(&key_path, &format!("{}\n", key.expose_private()), SECRET)?;
                key
            }
        };
        let public = key.public();
        write_if_other(&directory.file("node.pubkey"), &format!("{public}\n"))?;
        let server_id = ServerId::new(public.trim_start_matches("pub-"));
        let permutation_seed = permutation_seed(directory, &certificate, &public)?;
        Ok(Self { certificate, server_id, permutation_seed })
    }
}

/// The seed that the directory holds, or a new one: of the tub id where there are shares from
/// before there were seeds, else of the public key's text, as Tahoe-LAFS has it (section 4.1).
fn permutation_seed(
    directory: &NodeDirectory,
    certificate: &NodeCertificate,
    public: &str,
) -> Result<String> {
    let path = directory.file("permutation-seed");
    if let Some(seed) = read(&path)? {
        return Ok(seed.trim().to_owned());
    }
    let has_shares = std::fs::read_dir(directory.file("storage/shares"))
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != "incoming"));
    let seed = if has_shares {
        base32::encode(certificate.tub_id().as_bytes())
    } else {
        base32::encode(public.trim_start_matches("pub-v0-").as_bytes())
    };
    write(&path, &format!("{seed}\n"), PUBLIC)?;
    Ok(seed)
}

/// The secrets of a node as a client.
#[derive(Debug)]
pub(crate) struct NodeSecrets {
    pub(crate) lease_secret: LeaseSecret,
    pub(crate) convergence: ConvergenceSecret,
}

impl NodeSecrets {
    /// The secrets that the directory holds, or new ones, kept there.
    ///
    /// # Errors
    /// [`NodeFileError`]; a damaged secret is never replaced by a new one.
    pub(crate) fn load_or_create(directory: &NodeDirectory) -> Result<Self> {
        make_private(directory)?;
        let path = directory.private("secret");
        let lease_secret = load_or_random(&path)?;
        let lease_secret = LeaseSecret::from_base32(lease_secret.trim())
            .map_err(|e| damaged(&path, &format!("it holds no secret of 32 bytes ({e})")))?;
        let path = directory.private("convergence");
        let convergence = load_or_random(&path)?;
        let convergence = base32::decode(convergence.trim())
            .map_err(|e| damaged(&path, &format!("it holds no base32 ({e})")))?;
        Ok(Self { lease_secret, convergence: ConvergenceSecret::new(convergence) })
    }
}

fn load_or_random(path: &Path) -> Result<String> {
    if let Some(text) = read(path)? {
        return Ok(text);
    }
    let text = format!("{}\n", base32::encode(&random::<32>()?));
    write(path, &text, SECRET)?;
    Ok(text)
}

/// The FURL of the node's storage server, in `private/storage.furl`: its name is kept, and where
/// it is to be found is brought up to date.
///
/// # Errors
/// [`NodeFileError`], also when the file belongs to another certificate.
pub(crate) fn storage_furl(
    directory: &NodeDirectory,
    certificate: &NodeCertificate,
    locations: &[Location],
) -> Result<Furl> {
    make_private(directory)?;
    let path = directory.private("storage.furl");
    let name = match read(&path)? {
        None => Swissnum::generate().map_err(|_| NodeFileError::NoRandomness)?,
        Some(text) => {
            let furl: Furl = text.trim().parse().map_err(|e| damaged(&path, &e))?;
            if furl.tub_id() != certificate.tub_id() {
                return Err(damaged(&path, &"it belongs to another certificate than node.pem"));
            }
            furl.name().clone()
        }
    };
    let furl = Furl::new(certificate.tub_id(), locations, name);
    let text = format!("{}\n", furl.expose_text());
    if read(&path)?.as_deref() != Some(&text) {
        write(&path, &text, SECRET)?;
    }
    Ok(furl)
}

/// Makes the token for privileged parts of the web API anew, as each start does.
pub(crate) fn renew_api_auth_token(directory: &NodeDirectory) -> Result<()> {
    let token = data_encoding::BASE64URL.encode(&random::<32>()?);
    write(&directory.private("api_auth_token"), &format!("{token}\n"), SECRET)
}

/// Leaves word of where the web API is.
pub(crate) fn write_node_url(directory: &NodeDirectory, url: &str) -> Result<()> {
    write(&directory.file("node.url"), &format!("{url}\n"), PUBLIC)
}

/// The port that was chosen when `tub.port` was not set.
pub(crate) fn saved_port(directory: &NodeDirectory) -> Result<Option<u16>> {
    let path = directory.file("client.port");
    let Some(text) = read(&path)? else { return Ok(None) };
    let port = text.trim().strip_prefix("tcp:").unwrap_or(text.trim()).parse();
    port.map(Some).map_err(|_| damaged(&path, &"it holds no port of the form tcp:NUMBER"))
}

/// Keeps that port.
pub(crate) fn save_port(directory: &NodeDirectory, port: u16) -> Result<()> {
    write(&directory.file("client.port"), &format!("tcp:{port}\n"), PUBLIC)
}

/// Makes the `private` directory, for its owner only.
pub(crate) fn make_private(directory: &NodeDirectory) -> Result<()> {
    let path = directory.path().join("private");
    match std::fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(NodeFileError::Io { action: "make", path, error })
        }
        _ => Ok(()),
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NodeFileError::NoRandomness)?;
    Ok(bytes)
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> NodeFileError {
    NodeFileError::Damaged { path: path.to_owned(), why: why.to_string() }
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NodeFileError::Io { action: "read", path: path.to_owned(), error }),
    }
}

fn write_if_other(path: &Path, text: &str) -> Result<()> {
    if read(path)?.as_deref() == Some(text) { Ok(()) } else { write(path, text, PUBLIC) }
}

/// Writes a file whole and durably, or leaves what was there.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let io = |action| {
        let path = path.to_owned();
        move |error| NodeFileError::Io { action, path, error }
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    // One that a crash left behind may have another mode.
    let _ = std::fs::remove_file(&temporary);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary);
    let mut file = file.map_err(io("make"))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(io("write"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn identity_and_secrets_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let directory = NodeDirectory::new(dir.path());
        let first = NodeIdentity::load_or_create(&directory).unwrap();
        let again = NodeIdentity::load_or_create(&directory).unwrap();
        assert_eq!(first.certificate.tub_id(), again.certificate.tub_id());
        assert_eq!(first.server_id, again.server_id);
        assert_eq!(first.permutation_seed.len(), 84);
        let secrets = NodeSecrets::load_or_create(&directory).unwrap();
        let same = NodeSecrets::load_or_create(&directory).unwrap();
        assert_eq!(secrets.lease_secret.expose(), same.lease_secret.expose());
        assert_eq!(secrets.convergence.expose(), same.convergence.expose());
        for name in ["node.pem", "node.privkey", "secret", "convergence"] {
            let mode = std::fs::metadata(directory.private(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn the_furl_keeps_its_name_and_follows_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let directory = NodeDirectory::new(dir.path());
        let certificate = NodeCertificate::generate().unwrap();
        let at = |port| [Location::new("127.0.0.1", port).unwrap()];
        let first = storage_furl(&directory, &certificate, &at(1)).unwrap();
        let moved = storage_furl(&directory, &certificate, &at(2)).unwrap();
        assert_eq!(first.name().expose(), moved.name().expose());
        assert_eq!(moved.hints(), ["tcp:127.0.0.1:2"]);
        let other = NodeCertificate::generate().unwrap();
        let error = storage_furl(&directory, &other, &at(2)).unwrap_err().to_string();
        assert!(error.contains("another certificate"), "{error}");
        assert!(!error.contains(first.name().expose()), "secrets stay out of errors");
    }

    #[test]
    fn damaged_files_are_not_replaced() {
        for name in ["node.pem", "node.privkey", "secret", "convergence"] {
            let dir = tempfile::tempdir().unwrap();
            let directory = NodeDirectory::new(dir.path());
            make_private(&directory).unwrap();
            std::fs::write(directory.private(name), "Damaged!").unwrap();
            let error = NodeIdentity::load_or_create(&directory)
                .map(drop)
                .and_then(|()| NodeSecrets::load_or_create(&directory).map(drop))
                .unwrap_err()
                .to_string();
            assert!(error.contains(name) && error.contains("Restore"), "{error}");
            assert_eq!(std::fs::read(directory.private(name)).unwrap(), b"Damaged!");
        }
    }

    #[test]
    fn keys_as_tahoe_prints_them() {
        // Made by `tahoe admin generate-keypair`, the node of which is long gone.
        let key =
            NodeKey::parse("priv-v0-3i4mpm7qwgcwnfptzpv7uzuvym4tu2irir6isz2yj65nn3bbokcq").unwrap();
        let public = "pub-v0-76zq53ibp3jcnvockbsvb4wbpxxjiukowqty763u7fim5vthuzvq";
        assert_eq!(key.public(), public);
        assert!(NodeKey::parse("priv-v0-short").is_none());
    }
}
