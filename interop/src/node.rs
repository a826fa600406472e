//! One node: its directory, its process, its port.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{Commands, Process, Web, create_all};

/// How long a node may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How often something that another process does is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Keeps Tahoe-LAFS, which opens a port for its log on all interfaces, on this machine.
const LOOPBACK_ONLY: &str = "\
import socket
_bind = socket.socket.bind
def bind(self, address):
    if self.family == socket.AF_INET and address[0] in ('', '0.0.0.0'):
        address = ('127.0.0.1',) + tuple(address[1:])
    return _bind(self, address)
socket.socket.bind = bind
";

/// Whose program runs a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tahoe-LAFS 1.20.
    Tahoe,
    /// This project.
    Tallac,
}

/// What a new node is to be.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Whether it keeps shares.
    pub storage: bool,
    /// Whether it has a web API.
    pub web: bool,
    /// Shares needed, happiness, shares made.
    pub encoding: (u16, u16, u16),
    /// Largest segment, in bytes, where it is not the usual one.
    pub segment_size_max: Option<u64>,
    /// Whether a Tahoe-LAFS client speaks Foolscap rather than HTTPS.
    pub force_foolscap: bool,
    /// FURL of an introducer.
    pub introducer: Option<String>,
    /// Whether it helps others to upload; it must keep shares too, so that it listens.
    pub helper: bool,
    /// FURL of a helper that it uploads with.
    pub helper_furl: Option<String>,
}

impl NodeOptions {
    /// A storage server and nothing else.
    #[must_use]
    pub const fn server() -> Self {
        let encoding = (3, 7, 10);
        Self {
            storage: true,
            web: false,
            encoding,
            segment_size_max: None,
            force_foolscap: false,
            introducer: None,
            helper: false,
            helper_furl: None,
        }
    }

    /// A gateway that codes files like this.
    #[must_use]
    pub fn gateway(encoding: (u16, u16, u16)) -> Self {
        Self { storage: false, web: true, encoding, ..Self::server() }
    }
}

/// What a client has to know of a storage server.
#[derive(Debug, Clone)]
pub struct ServerEntry {
    server_id: String,
    furl: String,
    nurl: String,
    permutation_seed: String,
}

impl ServerEntry {
    /// Where it is reached over Foolscap, and by whom.
    #[must_use]
    pub fn furl(&self) -> &str {
        &self.furl
    }

    /// Where it is reached over HTTPS, and by whom.
    #[must_use]
    pub fn nurl(&self) -> &str {
        &self.nurl
    }
}

/// A node directory, and the process that runs it, if one does. Dropped, it is stopped.
#[derive(Debug)]
pub struct Node {
    commands: Commands,
    dir: PathBuf,
    port: u16,
    web_port: u16,
    running: Option<Process>,
}

impl Node {
    /// Makes node directories with one of the two programs.
    ///
    /// # Errors
    /// When the program fails.
    pub fn create(
        commands: &Commands,
        kind: Kind,
        dirs: &[PathBuf],
        options: &NodeOptions,
    ) -> Result<Vec<Self>> {
        let ports = free_ports(2 * dirs.len())?;
        let mut nodes = Vec::new();
        let mut lines = Vec::new();
        for (dir, ports) in dirs.iter().zip(ports.chunks_exact(2)) {
            let (port, web_port) = (ports[0], ports[1]);
            lines.push(create_arguments(dir, port, web_port, options));
            let (commands, dir) = (commands.clone(), dir.clone());
            nodes.push(Self { commands, dir, port, web_port, running: None });
        }
        match kind {
            Kind::Tahoe => create_all(&commands.tahoe, &lines)?,
            Kind::Tallac => {
                for line in &lines {
                    let output = Command::new(&commands.tallac).args(line).output()?;
                    let text = String::from_utf8_lossy(&output.stderr);
                    ensure!(output.status.success(), "tallac {}: {text}", line.join(" "));
                }
            }
        }
        for node in &nodes {
            node.configure(options)?;
        }
        Ok(nodes)
    }

    /// Changes a setting that its configuration has.
    ///
    /// # Errors
    /// When there is none, or the file cannot be written.
    pub fn set(&self, section: &str, key: &str, value: &str) -> Result<()> {
        let path = self.dir.join("tahoe.cfg");
        let mut inside = false;
        let mut found = false;
        let mut text = String::new();
        for line in std::fs::read_to_string(&path)?.lines() {
            if line.starts_with('[') {
                inside = line == format!("[{section}]");
            }
            let is_it = inside && line.split('=').next().is_some_and(|name| name.trim() == key);
            found |= is_it;
            let _ = match is_it {
                true => writeln!(text, "{key} = {value}"),
                false => writeln!(text, "{line}"),
            };
        }
        ensure!(found, "{} has no [{section}] {key}", path.display());
        Ok(std::fs::write(path, text)?)
    }

    /// Makes the directory of an introducer, with a web page, with one of the two programs.
    ///
    /// # Errors
    /// When the program fails.
    pub fn create_introducer(commands: &Commands, kind: Kind, dir: PathBuf) -> Result<Self> {
        let ports = free_ports(2)?;
        let (port, web_port) = (ports[0], ports[1]);
        let program = match kind {
            Kind::Tahoe => &commands.tahoe,
            Kind::Tallac => &commands.tallac,
        };
        let output = Command::new(program)
            .arg("create-introducer")
            .arg(format!("--port=tcp:{port}:interface=127.0.0.1"))
            .arg(format!("--location=tcp:127.0.0.1:{port}"))
            .arg(&dir)
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} create-introducer: {text}", program.display());
        let node = Self { commands: commands.clone(), dir, port, web_port, running: None };
        node.set("node", "web.port", &format!("tcp:{web_port}:interface=127.0.0.1"))?;
        Ok(node)
    }

    /// A file of the node directory, without spaces around its text.
    ///
    /// # Errors
    /// When it is missing.
    pub fn file(&self, name: &str) -> Result<String> {
        let path = self.dir.join(name);
        let text = std::fs::read_to_string(&path);
        Ok(text.with_context(|| format!("cannot read {}", path.display()))?.trim().to_owned())
    }

    /// Adds lines to the end of its configuration.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_settings(&self, lines: &str) -> Result<()> {
        let path = self.dir.join("tahoe.cfg");
        let text = std::fs::read_to_string(&path)?;
        Ok(std::fs::write(path, format!("{text}\n{lines}"))?)
    }

    /// Settings that the commands have no flags for.
    fn configure(&self, options: &NodeOptions) -> Result<()> {
        let path = self.dir.join("tahoe.cfg");
        let mut text = std::fs::read_to_string(&path)?;
        text = text.replace("reserved_space = 1G", "reserved_space = 0");
        let mut client = format!("[client]\nforce_foolscap = {}\n", options.force_foolscap);
        if let Some(size) = options.segment_size_max {
            let key = "shares._max_immutable_segment_size_for_testing";
            let _ = writeln!(client, "{key} = {size}");
        }
        text = text.replace("[client]\n", &client);
        std::fs::write(&path, text)?;
        if let Some(furl) = &options.helper_furl {
            self.set("client", "helper.furl", furl)?;
        }
        if options.helper {
            self.set("helper", "enabled", "true")?;
        }
        Ok(())
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts it with one of the two programs, whichever made it, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, with the end of its log.
    pub fn start(&mut self, kind: Kind) -> Result<()> {
        self.launch(kind)?;
        self.wait_until_up()
    }

    /// Starts the process and does not wait.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn launch(&mut self, kind: Kind) -> Result<()> {
        ensure!(self.running.is_none(), "{} runs already", self.dir.display());
        let log = std::fs::File::create(self.dir.join("run.log"))?;
        let mut command = match kind {
            Kind::Tallac => Command::new(&self.commands.tallac),
            Kind::Tahoe => {
                let shim = self.dir.join("loopback-only");
                std::fs::create_dir_all(&shim)?;
                std::fs::write(shim.join("sitecustomize.py"), LOOPBACK_ONLY)?;
                let mut command = Command::new(&self.commands.tahoe);
                command.env("PYTHONPATH", shim);
                command
            }
        };
        command.args(["run", "--allow-stdin-close"]).arg(&self.dir);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.running = Some(Process::start(&mut command)?);
        Ok(())
    }

    /// Waits until it says that it runs, and the ports that it should have are open: either may
    /// come first, and some of its files between them.
    ///
    /// # Errors
    /// When it ended, or takes too long.
    pub fn wait_until_up(&mut self) -> Result<()> {
        let text = std::fs::read_to_string(self.dir.join("tahoe.cfg"))?;
        let has = |port: u16| text.contains(&format!("tcp:{port}:interface"));
        let ports: Vec<u16> = [self.port, self.web_port].into_iter().filter(|&p| has(p)).collect();
        let started = Instant::now();
        loop {
            let log = std::fs::read(self.dir.join("run.log")).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let says_so = ["client running", "introducer running"].iter().any(|s| log.contains(s));
            if says_so && ports.iter().all(|&port| is_open(port)) {
                return Ok(());
            }
            let child = self.running.as_mut().context("it was not started")?;
            let ended = child.try_wait()?;
            if ended.is_some() || started.elapsed() > START_TIMEOUT {
                bail!("{} did not start ({ended:?}):\n{log}", self.dir.display());
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Stops it in an orderly way, and waits for that.
    ///
    /// # Errors
    /// When it does not run, or does not stop.
    pub fn stop(&mut self) -> Result<()> {
        let mut child = self.running.take().context("it does not run")?;
        let status = Command::new("kill").arg(child.id().to_string()).status()?;
        ensure!(status.success(), "the process cannot be told to stop");
        child.wait()?;
        Ok(())
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.running.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The process's id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|process| process.id())
    }

    /// Its web API.
    #[must_use]
    pub fn web(&self) -> Web {
        Web::new(format!("http://127.0.0.1:{}", self.web_port))
    }

    /// Makes a gateway use these servers and no others.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn use_servers(&self, servers: &[ServerEntry]) -> Result<()> {
        let path = self.dir.join("private/servers.yaml");
        Ok(std::fs::write(path, servers_yaml(servers))?)
    }

    /// Tries something that depends on other processes until it gives a value.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn wait_until<T>(&self, what: &str, mut attempt: impl FnMut() -> Option<T>) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(value) = attempt() {
                return Ok(value);
            }
            ensure!(started.elapsed() < START_TIMEOUT, "{}: not so: {what}", self.dir.display());
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Waits until the gateway is connected to so many servers, over HTTPS or whatever it speaks.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn wait_for_servers(&self, count: usize) -> Result<()> {
        let mut welcome = Value::Null;
        let connected = self.wait_until("connected to the servers", || {
            let text = self.web().get_text("/?t=json").unwrap_or_default();
            welcome = serde_json::from_str(&text).unwrap_or_default();
            let servers = welcome["servers"].as_array()?;
            let status = servers.iter().filter_map(|server| server["connection_status"].as_str());
            let connected = status.filter(|text| text.to_lowercase().starts_with("connected"));
            (connected.count() >= count).then_some(())
        });
        connected.with_context(|| format!("{count} servers are wanted: {welcome}"))
    }

    /// What a client has to know of this storage server, from its own files; it was started once.
    ///
    /// # Errors
    /// When a file is missing.
    pub fn entry(&self) -> Result<ServerEntry> {
        let furl = self.file("private/storage.furl")?;
        let name = furl.rsplit('/').next().context("a FURL has a name")?.to_owned();
        let hash = self.spki_hash()?;
        Ok(ServerEntry {
            server_id: self.file("node.pubkey")?.trim_start_matches("pub-").to_owned(),
            nurl: format!("pb://{hash}@127.0.0.1:{}/{name}#v=1", self.port),
            permutation_seed: self.file("permutation-seed")?,
            furl,
        })
    }

    /// The hash that the NURL begins with, computed by Tahoe-LAFS's own code.
    fn spki_hash(&self) -> Result<String> {
        let python = self.commands.tahoe.with_file_name("python");
        let code = "import sys\n\
                    from cryptography.x509 import load_pem_x509_certificate as load\n\
                    from allmydata.storage.http_common import get_spki_hash\n\
                    print(get_spki_hash(load(open(sys.argv[1],'rb').read())).decode())";
        let pem = self.dir.join("private/node.pem");
        let output = Command::new(python).args(["-c", code]).arg(pem).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

fn create_arguments(dir: &Path, port: u16, web_port: u16, options: &NodeOptions) -> Vec<String> {
    let (needed, happy, total) = options.encoding;
    let mut line = vec![
        if options.storage { "create-node" } else { "create-client" }.to_owned(),
        format!("--shares-needed={needed}"),
        format!("--shares-happy={happy}"),
        format!("--shares-total={total}"),
        format!("--nickname={}", dir.file_name().unwrap_or_default().to_string_lossy()),
    ];
    if options.web {
        line.push(format!("--webport=tcp:{web_port}:interface=127.0.0.1"));
    } else {
        line.push("--webport=none".to_owned());
    }
    if options.storage {
        line.push(format!("--port=tcp:{port}:interface=127.0.0.1"));
        line.push(format!("--location=tcp:127.0.0.1:{port}"));
    }
    if let Some(furl) = &options.introducer {
        line.push(format!("--introducer={furl}"));
    }
    line.push(dir.to_string_lossy().into_owned());
    line
}

/// The text of `private/servers.yaml` with these servers.
#[must_use]
pub fn servers_yaml(servers: &[ServerEntry]) -> String {
    // Tahoe-LAFS does not start with an empty list that is not said to be one.
    let mut text = if servers.is_empty() { "storage: {}\n" } else { "storage:\n" }.to_owned();
    for server in servers {
        let ServerEntry { server_id, furl, nurl, permutation_seed } = server;
        let _ = write!(
            text,
            "  {server_id}:\n    ann:\n      anonymous-storage-FURL: \"{furl}\"\n      \
             permutation-seed-base32: \"{permutation_seed}\"\n      \
             anonymous-storage-NURLs:\n        - \"{nurl}\"\n"
        );
    }
    text
}

fn is_open(port: u16) -> bool {
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok()
}

/// Ports that were chosen in this process: no other test gets them, even while none has them open.
static CHOSEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Ports that are free now, outside the range that outgoing connections get.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let outgoing = range.ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
    let end: u16 = outgoing.unwrap_or(32_768u16).clamp(12_000, 60_000);
    let mut held = Vec::new();
    let mut chosen = CHOSEN.lock().expect("no holder of this lock panics");
    for _ in 0..count * 200 {
        if held.len() == count {
            break;
        }
        let mut random = [0; 2];
        getrandom::fill(&mut random).context("the system gave no random bytes")?;
        let port = 10_000 + u16::from_be_bytes(random) % (end - 10_000);
        if !chosen.contains(&port)
            && let Ok(listener) = TcpListener::bind(("127.0.0.1", port))
        {
            chosen.insert(port);
            held.push(listener);
        }
    }
    ensure!(held.len() == count, "too few free ports");
    held.iter().map(|socket| Ok(socket.local_addr()?.port())).collect()
}
