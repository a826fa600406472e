//! How a new node is to be reached: the options that say so, and what is agreed on with Tor and
//! I2P for it (sections 9.2, 11.2 and 11.3).

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use tallac_net::transport::Endpoint;
use tallac_net::transport::i2p::{I2p, SAM_PORT_DEFAULT};
use tallac_net::transport::tor::{Control, Launch, TorError};
use zeroize::Zeroizing;

use super::super::{Globals, UsageError};
use super::options::one_line;
use crate::config::NodeDirectory;

/// How others reach a node.
#[derive(Debug, Args)]
pub(super) struct ReachArgs {
    /// Name or address of this machine, by which others reach it; a port is chosen
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// Kinds of listener, separated by commas: tcp, tor, i2p, none
    #[arg(long, value_name = "KINDS", default_value = "tcp")]
    listen: String,
    /// Where to listen, like tcp:3457; goes with --location
    #[arg(long, value_name = "ENDPOINT")]
    port: Option<String>,
    /// Where others reach the node, like tcp:example.org:3457; goes with --port
    #[arg(long, value_name = "HINTS")]
    location: Option<String>,
    /// Launch a Tor of the node's own, instead of using one that runs
    #[arg(long)]
    tor_launch: bool,
    /// The program to launch as Tor [default: tor]
    #[arg(long, value_name = "PROGRAM")]
    tor_executable: Option<String>,
    /// Where Tor is controlled, like tcp:127.0.0.1:9051 or unix:/run/tor/control
    #[arg(long, value_name = "ENDPOINT")]
    tor_control_port: Option<String>,
    /// Launch an I2P router of the node's own (not in this version)
    #[arg(long)]
    i2p_launch: bool,
    /// The program to launch as I2P router (not in this version)
    #[arg(long, value_name = "PROGRAM")]
    i2p_executable: Option<String>,
    /// Where the I2P router's SAM listens [default: tcp:127.0.0.1:7656]
    #[arg(long, value_name = "ENDPOINT")]
    i2p_sam_port: Option<String>,
}

/// The word for a tub that does not listen.
const DISABLED: &str = "disabled";

/// Where Tor may be controlled, if nobody says otherwise: Debian's, its own default, the one of the
/// Tor Browser.
const TOR_CONTROL_PORTS: [&str; 3] =
    ["unix:/var/run/tor/control", "tcp:127.0.0.1:9051", "tcp:127.0.0.1:9151"];

/// The port that others connect to in a network where a node has all ports to itself.
const EXTERNAL_PORT: u16 = 3457;

/// How a node is reached, and reaches others.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// Whether nobody may learn this machine's address.
    pub(crate) hide_ip: bool,
    pub(crate) tub_port: String,
    pub(crate) tub_location: String,
    /// What is said of Tor and I2P.
    pub(crate) sections: Vec<Section>,
    /// The keys of its addresses there, by file in `private`.
    pub(crate) keys: Vec<(&'static str, Zeroizing<String>)>,
}

/// A section of `tahoe.cfg`: its name, and its keys with their values.
pub(crate) type Section = (&'static str, Vec<(&'static str, String)>);

/// One way to be reached.
struct Listener {
    port: String,
    location: String,
    section: Option<Section>,
    key: Option<(&'static str, Zeroizing<String>)>,
}

impl Reach {
    /// Not at all.
    pub(crate) fn disabled() -> Self {
        Self::at(DISABLED.to_owned(), DISABLED.to_owned())
    }

    /// At an endpoint of this machine, and others at a place.
    pub(crate) const fn at(tub_port: String, tub_location: String) -> Self {
        Self { hide_ip: false, tub_port, tub_location, sections: Vec::new(), keys: Vec::new() }
    }

    /// The ways together; as Tahoe-LAFS has it, the last comes first.
    fn of(listeners: Vec<Listener>) -> Self {
        let join = |text: fn(&Listener) -> &str| {
            listeners.iter().rev().map(text).collect::<Vec<_>>().join(",")
        };
        let mut reach = Self::at(join(|it| &it.port), join(|it| &it.location));
        for listener in listeners.into_iter().rev() {
            reach.sections.extend(listener.section);
            reach.keys.extend(listener.key);
        }
        reach
    }
}

impl ReachArgs {
    /// Refuses what does not go together.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let wrong = |message: &str| Err(UsageError::new(message));
        let is_none = self.listen == "none";
        let (port, location) = (self.port.is_some(), self.location.is_some());
        let hostname = self.hostname.is_some();
        match (port, location) {
            _ if is_none && hostname => wrong("--hostname cannot be used when --listen=none"),
            _ if is_none && (port || location) => {
                wrong("--port/--location cannot be used when --listen=none")
            }
            (false, true) => wrong("--location must be used with --port"),
            (true, false) => wrong("--port must be used with --location"),
            (true, true) if hostname => wrong("--hostname cannot be used with --location/--port"),
            _ => Ok(()),
        }?;
        if !self.kinds().all(|kind| ["i2p", "none", "tcp", "tor"].contains(&kind)) {
            return wrong("--listen= must be one/some of: i2p, none, tcp, tor");
        }
        if self.listens_on("tcp") && !port && !hostname {
            return wrong("--listen=tcp requires --hostname=");
        }
        if !self.listens_on("tcp") && hostname {
            return wrong("--listen= must be tcp to use --hostname");
        }
        self.check_networks()
    }

    fn check_networks(&self) -> Result<(), UsageError> {
        let wrong = |message: String| Err(UsageError::new(message));
        let tor = (self.tor_launch, self.tor_control_port.as_deref(), "tor", "control");
        let i2p = (self.i2p_launch, self.i2p_sam_port.as_deref(), "i2p", "sam");
        for (launch, port, kind, name) in [tor, i2p] {
            let is_used = self.listens_on(kind);
            if launch && !is_used {
                return wrong(format!("--{kind}-launch requires --listen={kind}"));
            }
            if port.is_some() && !is_used {
                return wrong(format!("--{kind}-{name}-port= requires --listen={kind}"));
            }
            if launch && port.is_some() {
                return wrong(format!(
                    "use either --{kind}-launch or --{kind}-{name}-port=, not both"
                ));
            }
            if let Some(Err(error)) = port.map(str::parse::<Endpoint>) {
                return wrong(format!("--{kind}-{name}-port {error}"));
            }
        }
        if self.i2p_launch {
            return wrong("--i2p-launch is under development".to_owned());
        }
        Ok(())
    }

    fn kinds(&self) -> impl Iterator<Item = &str> {
        self.listen.split(',')
    }

    fn listens_on(&self, kind: &str) -> bool {
        self.kinds().any(|listened| listened == kind)
    }

    /// Settles how the node in a directory is reached, with Tor and I2P if they are to be used.
    pub(super) async fn settle(
        &self,
        directory: &NodeDirectory,
        globals: &Globals,
    ) -> anyhow::Result<Reach> {
        if self.listens_on("none") {
            return Ok(Reach::disabled());
        }
        let mut listeners = Vec::new();
        for kind in self.kinds() {
            listeners.push(match kind {
                "tor" => self.tor(directory, globals).await?,
                "i2p" => self.i2p(globals).await?,
                _ => self.tcp()?,
            });
        }
        Ok(Reach::of(listeners))
    }

    fn tcp(&self) -> anyhow::Result<Listener> {
        let (port, location) = match (&self.port, &self.location) {
            (Some(port), Some(location)) => (port.clone(), location.clone()),
            _ => {
                let port = free_port()?;
                let host = self.hostname.clone().unwrap_or_default();
                (format!("tcp:{port}"), format!("tcp:{}:{port}", one_line("hostname", host)?))
            }
        };
        let (port, location) = (one_line("port", port)?, one_line("location", location)?);
        Ok(Listener { port, location, section: None, key: None })
    }

    /// Makes an onion service, which the node will make again each time it starts.
    async fn tor(&self, directory: &NodeDirectory, globals: &Globals) -> anyhow::Result<Listener> {
        let local_port = free_port()?;
        let (mut settings, (address, key)) = if self.tor_launch {
            let mut settings = vec![("launch", "true".to_owned())];
            if let Some(program) = &self.tor_executable {
                let program = one_line("tor-executable", program.clone())?;
                settings.push(("tor.executable", program));
            }
            globals.say("launching Tor (to allocate .onion address)..")?;
            let executable = self.tor_executable.as_ref().map(PathBuf::from);
            directory.make_private()?;
            let mut launched =
                Launch { executable, private: directory.private("") }.start().await?;
            globals.say("Tor launched")?;
            let made = allocate_onion(&mut launched.control, local_port, globals).await;
            launched.stop().await?;
            (settings, made?)
        } else {
            globals.say("connecting to Tor (to allocate .onion address)..")?;
            let (port, mut control) = self.reach_tor(globals).await?;
            globals.say("Tor connection established")?;
            let made = allocate_onion(&mut control, local_port, globals).await?;
            (vec![("control.port", port)], made)
        };
        settings.extend([
            ("onion", "true".to_owned()),
            ("onion.local_port", local_port.to_string()),
            ("onion.external_port", EXTERNAL_PORT.to_string()),
            ("onion.private_key_file", "private/tor_onion.privkey".to_owned()),
        ]);
        Ok(Listener {
            port: format!("tcp:{local_port}:interface=127.0.0.1"),
            location: format!("tor:{address}:{EXTERNAL_PORT}"),
            section: Some(("tor", settings)),
            key: Some(("tor_onion.privkey", key)),
        })
    }

    /// The control port of the Tor that runs, and a connection to it.
    async fn reach_tor(&self, globals: &Globals) -> anyhow::Result<(String, Control)> {
        let given = self.tor_control_port.as_deref();
        for port in given.map_or(TOR_CONTROL_PORTS.to_vec(), |port| vec![port]) {
            match Control::connect(&port.parse()?).await {
                Ok(control) => return Ok((port.to_owned(), control)),
                Err(error) => {
                    let reason = match error {
                        TorError::Unreachable { error, .. } => error.to_string(),
                        error => error.to_string(),
                    };
                    globals.say(format!("Unable to reach Tor at '{port}': {reason}"))?;
                }
            }
        }
        match given {
            Some(_) => bail!("unable to reach Tor's control port, which --tor-control-port names"),
            None => bail!(
                "unable to reach any default Tor control port: start Tor with a ControlPort and \
                 CookieAuthentication 1, or use --tor-launch"
            ),
        }
    }

    /// Makes an I2P destination, whose key the node keeps.
    async fn i2p(&self, globals: &Globals) -> anyhow::Result<Listener> {
        globals.say("connecting to I2P (to allocate .i2p address)..")?;
        let default = Endpoint::loopback(SAM_PORT_DEFAULT).to_string();
        let port = self.i2p_sam_port.clone().unwrap_or(default);
        let made = I2p::new(port.parse()?).generate().await;
        let (address, key) = made.context(
            "unable to reach any default I2P SAM port: switch SAM on, or say with --i2p-sam-port \
             where it is",
        )?;
        globals.say("I2P connection established")?;
        globals.say(".i2p address allocated")?;
        let settings = vec![
            ("sam.port", port),
            ("dest", "true".to_owned()),
            ("dest.port", EXTERNAL_PORT.to_string()),
            ("dest.private_key_file", "private/i2p_dest.privkey".to_owned()),
        ];
        Ok(Listener {
            // Means: see [i2p].
            port: "listen:i2p".to_owned(),
            location: format!("i2p:{address}:{EXTERNAL_PORT}"),
            section: Some(("i2p", settings)),
            key: Some(("i2p_dest.privkey", Zeroizing::new(key.expose().to_owned()))),
        })
    }
}

/// An onion service's address and key. The service itself is ended again: that of the node will
/// have the same address.
async fn allocate_onion(
    control: &mut Control,
    local_port: u16,
    globals: &Globals,
) -> anyhow::Result<(String, Zeroizing<String>)> {
    globals.say("allocating .onion address..")?;
    let (address, key) = control.add_new_onion(EXTERNAL_PORT, local_port).await?;
    control.remove_onion(&address).await?;
    globals.say(".onion address allocated")?;
    Ok((address.to_string(), Zeroizing::new(key.expose().to_owned())))
}

/// A port that nothing listens on now.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.context("cannot find a free port: give --port and --location")?.port())
}
