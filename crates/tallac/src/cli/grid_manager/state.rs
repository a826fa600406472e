//! What a grid manager keeps: `config.json` with its key and the servers that it knows, and beside
//! it the certificates that it signed, `NAME.cert.N`.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use tallac_core::crypto::{SigningKey, VerifyingKey};
use tallac_core::grid_manager::{Certificate, SignedCertificate, json_string};
use zeroize::Zeroizing;

use crate::files::{self, Access};

/// The version of the file that is written, and the only one that is understood.
const VERSION: u64 = 0;

/// Longest text that is taken from standard input.
const LEN_MAX: u64 = 4 << 20;

/// Most certificates of one server that are looked at.
const CERTIFICATES_MAX: usize = 10_000;

/// Where a grid manager is kept.
#[derive(Debug)]
pub(super) enum Place {
    /// In the user's hands: it comes through standard input, and goes to standard output.
    Pipe,
    /// In this directory.
    Dir(PathBuf),
}

/// A grid manager.
#[derive(Debug)]
pub(super) struct State {
    key: SigningKey,
    servers: Vec<Server>,
}

/// A storage server that a grid manager knows.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) public_key: VerifyingKey,
    /// What it was given.
    pub(super) certificates: Vec<Certificate>,
}

impl Place {
    pub(super) fn new(config: &str) -> Result<Self> {
        if config == "-" {
            return Ok(Self::Pipe);
        }
        Ok(Self::Dir(std::path::absolute(config).context("cannot find the current directory")?))
    }

    fn read(&self) -> Result<Zeroizing<String>> {
        match self {
            Self::Pipe => {
                let mut text = Zeroizing::new(String::new());
                io::stdin()
                    .take(LEN_MAX)
                    .read_to_string(&mut text)
                    .context("cannot read standard input")?;
                Ok(text)
            }
            Self::Dir(dir) => {
                let file = dir.join("config.json");
                let text = files::read_text(&file)?.with_context(|| {
                    format!("there is no '{}': make one with the command create", file.display())
                })?;
                Ok(Zeroizing::new(text))
            }
        }
    }

    /// The file of a server's certificate; nothing when there are no files.
    fn certificate(&self, name: &str, index: usize) -> Result<Option<PathBuf>> {
        let Self::Dir(dir) = self else { return Ok(None) };
        check_name(name)?;
        Ok(Some(dir.join(format!("{name}.cert.{index}"))))
    }

    /// What the certificates of a server say.
    fn certificates(&self, name: &str) -> Result<Vec<Certificate>> {
        let mut certificates = Vec::new();
        while let Some(file) = self.certificate(name, certificates.len())?
            && let Some(text) = files::read_text(&file)?
        {
            ensure!(certificates.len() < CERTIFICATES_MAX, "'{name}' has too many certificates");
            let said = SignedCertificate::parse(&text).and_then(|signed| signed.unverified());
            certificates.push(said.map_err(|error| anyhow!("{error} in '{}'", file.display()))?);
        }
        Ok(certificates)
    }

    /// Keeps a new certificate beside those that are there.
    pub(super) fn add_certificate(&self, name: &str, text: &str) -> Result<()> {
        for index in 0..CERTIFICATES_MAX {
            let Some(file) = self.certificate(name, index)? else { return Ok(()) };
            match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&file) {
                Ok(mut made) => {
                    return made
                        .write_all(text.as_bytes())
                        .and_then(|()| made.sync_all())
                        .with_context(|| format!("cannot write {}", file.display()));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => bail!("{name}.cert.{index}: {error}"),
            }
        }
        bail!("'{name}' has too many certificates: remove some of its files")
    }

    pub(super) fn remove_certificates(&self, name: &str) -> Result<()> {
        for index in 0.. {
            let Some(file) = self.certificate(name, index)? else { break };
            match fs::remove_file(&file) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => bail!("cannot remove {}: {error}", file.display()),
            }
        }
        Ok(())
    }
}

impl State {
    /// A new one, which knows no servers.
    pub(super) fn generate() -> Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).context("the system gives no random bytes")?;
        Ok(Self { key: SigningKey::from_seed(seed)?, servers: Vec::new() })
    }

    pub(super) fn load(place: &Place) -> Result<Self> {
        let file = serde_json::from_str::<ConfigFile>(&place.read()?)?;
        let version = file.grid_manager_config_version;
        if version.as_ref().and_then(Value::as_u64) != Some(VERSION) {
            let found = version.map_or_else(|| "None".to_owned(), |version| version.to_string());
            bail!("Missing or unknown version '{found}' of Grid Manager config");
        }
        let key = Zeroizing::new(file.private_key.context("'private_key' required in config")?);
        let key = SigningKey::from_text(&key)
            .map_err(|error| anyhow!("Invalid Grid Manager private_key: {error}"))?;
        let mut state = Self { key, servers: Vec::new() };
        for (name, server) in file.storage_servers.unwrap_or_default().0 {
            let public_key = server
                .public_key
                .with_context(|| format!("No 'public_key' for storage server '{name}'"))?;
            let public_key = public_key
                .parse()
                .map_err(|error| anyhow!("the public_key of '{name}' is wrong: {error}"))?;
            let certificates = place.certificates(&name)?;
            state.servers.push(Server { name, public_key, certificates });
        }
        Ok(state)
    }

    /// Puts it where there is none yet.
    pub(super) fn create(&self, place: &Place) -> Result<()> {
        if let Place::Dir(dir) = place {
            make_dir(dir).map_err(|error| anyhow!("{}", as_python_says(&error, dir)))?;
        }
        self.save(place)
    }

    pub(super) fn save(&self, place: &Place) -> Result<()> {
        let text = self.text();
        match place {
            Place::Pipe => super::say(&format!("{}\n", *text)),
            Place::Dir(dir) => {
                let text = Zeroizing::new(format!("{}\n", *text));
                Ok(files::write(&dir.join("config.json"), &text, Access::Private)?)
            }
        }
    }

    fn text(&self) -> Zeroizing<String> {
        let key = self.key.expose_text();
        let mut text = Zeroizing::new(format!(
            "{{\n    \"grid_manager_config_version\": {VERSION},\n    \"private_key\": \"{}\"",
            *key
        ));
        if !self.servers.is_empty() {
            let server = |server: &Server| {
                let (name, key) = (json_string(&server.name), server.public_key);
                format!("        {name}: {{\n            \"public_key\": \"{key}\"\n        }}")
            };
            let servers: Vec<_> = self.servers.iter().map(server).collect();
            text.push_str(",\n    \"storage_servers\": {\n");
            text.push_str(&servers.join(",\n"));
            text.push_str("\n    }");
        }
        text.push_str("\n}");
        text
    }

    pub(super) const fn key(&self) -> &SigningKey {
        &self.key
    }

    pub(super) const fn public_identity(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    pub(super) fn servers(&self) -> &[Server] {
        &self.servers
    }

    pub(super) fn server(&self, name: &str) -> Result<&Server> {
        let found = self.servers.iter().find(|server| server.name == name);
        found.with_context(|| format!("No storage-server called '{name}' exists"))
    }

    pub(super) fn add(&mut self, name: &str, public_key: VerifyingKey) -> Result<()> {
        check_name(name)?;
        if self.servers.iter().any(|server| server.name == name) {
            bail!("A storage-server called '{name}' already exists");
        }
        self.servers.push(Server { name: name.to_owned(), public_key, certificates: Vec::new() });
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<()> {
        self.server(name)?;
        self.servers.retain(|server| server.name != name);
        Ok(())
    }
}

/// `config.json`, as far as it is looked at.
#[derive(Deserialize)]
struct ConfigFile {
    grid_manager_config_version: Option<Value>,
    private_key: Option<String>,
    storage_servers: Option<Servers>,
}

#[derive(Deserialize)]
struct ServerEntry {
    public_key: Option<String>,
}

/// Servers in the order of the file; of two with one name the later counts.
#[derive(Default)]
struct Servers(Vec<(String, ServerEntry)>);

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Servers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("storage servers by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Servers, M::Error> {
                let mut servers = Vec::new();
                while let Some((name, entry)) = map.next_entry::<String, ServerEntry>()? {
                    servers.retain(|(known, _)| *known != name);
                    servers.push((name, entry));
                }
                Ok(Servers(servers))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A name is part of the names of files.
fn check_name(name: &str) -> Result<()> {
    ensure!(
        !name.is_empty() && !name.contains(['/', '\0']),
        "the name of a storage-server cannot be empty, nor have a '/' in it"
    );
    Ok(())
}

fn make_dir(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(dir)?;
    // The umask may have taken something away.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

/// `[Errno 17] File exists: '/path'`.
fn as_python_says(error: &io::Error, path: &Path) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(number) => {
            let text = text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text);
            format!("[Errno {number}] {text}: '{}'", path.display())
        }
        None => text,
    }
}
