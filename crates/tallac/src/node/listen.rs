//! Ports that a node listens on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

use crate::config::ListenAt;

/// A listening socket that a service can use anew each time it is started.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
}

impl Listener {
    /// Listens at an address.
    ///
    /// # Errors
    /// When it cannot, with the setting that asked for it and what to do.
    pub(crate) fn bind(at: &ListenAt, setting: &str) -> Result<Self> {
        let socket = TcpListener::bind((at.host.as_str(), at.port)).with_context(|| {
            format!(
                "cannot listen on {}:{}, which {setting} asks for. Stop the program that uses \
                 the port, or change the setting in tahoe.cfg",
                at.host, at.port
            )
        })?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// The port, chosen by the system where the setting left it open.
    pub(crate) fn port(&self) -> Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// A handle for one run of a service.
    pub(crate) fn handle(&self) -> Result<tokio::net::TcpListener> {
        Ok(tokio::net::TcpListener::from_std(self.socket.try_clone()?)?)
    }
}

/// The addresses of this machine that others may reach, or loopback if it has none.
pub(crate) fn local_addresses() -> Vec<Ipv4Addr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<_> = all
        .iter()
        .filter_map(|interface| match interface.ip() {
            std::net::IpAddr::V4(ip) => Some(ip),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    addresses.sort_by_key(Ipv4Addr::is_loopback);
    addresses.dedup();
    addresses
}

/// Ports of 127.0.0.1 that are free now, outside the range that the system gives to outgoing
/// connections, so that they are still free when a node is started later.
///
/// # Errors
/// When there are not so many.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let outgoing = range.ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
    let end: u16 = outgoing.unwrap_or(32_768u16).clamp(12_000, 60_000);
    let mut held = Vec::new();
    // All are held until all are chosen, so that none is chosen twice.
    for _ in 0..count * 200 {
        if held.len() == count {
            break;
        }
        let mut random = [0; 2];
        getrandom::fill(&mut random).context("the system gave no random bytes")?;
        let port = 10_000 + u16::from_be_bytes(random) % (end - 10_000);
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    }
    anyhow::ensure!(held.len() == count, "{count} free ports are wanted, too few could be found");
    held.iter().map(|socket| Ok(socket.local_addr()?.port())).collect()
}
