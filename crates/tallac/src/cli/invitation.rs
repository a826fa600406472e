//! What both ends of an invitation have in common (section 11.4): where they meet, how long they
//! wait, and what each first says it can do.

use std::io;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tallac_net::transport::tor::SocksPort;
use tallac_net::transport::{BoxStream, Network, Ways};
use wormhole::{Error, Mood, Server, Wormhole};

use super::Globals;
use crate::node::ways::through_tor;

/// Where both meet unless they are told otherwise.
const SERVER: &str = "ws://wormhole.tahoe-lafs.org:4000/v1";

/// What they are there for.
const APP_ID: &str = "tahoe-lafs.org/invite";

/// How long either waits for the other, once both have the code.
pub(super) const PATIENCE: Option<Duration> = Some(Duration::from_secs(120));

/// One of the two ends, and what it says it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Who invites.
    Server,
    /// Who is invited.
    Client,
}

impl End {
    const fn ability(self) -> &'static str {
        match self {
            Self::Server => "server-v1",
            Self::Client => "client-v1",
        }
    }

    /// What this end first says.
    pub(super) fn introduction(self) -> Vec<u8> {
        json!({ "abilities": { self.ability(): {} } }).to_string().into_bytes()
    }

    /// Checks what this end, being the other one, first said.
    pub(super) fn check_introduction(self, message: &[u8]) -> Result<()> {
        let who = match self {
            Self::Server => "server",
            Self::Client => "client",
        };
        let message = parse(message)?;
        let abilities = message
            .get("abilities")
            .with_context(|| format!("Expected 'abilities' in {who} introduction"))?;
        let ability = self.ability();
        abilities
            .get(ability)
            .map(drop)
            .with_context(|| format!("Expected '{ability}' in {who} abilities"))
    }
}

/// The rendezvous server.
pub(super) fn server(globals: &Globals) -> Result<(Server, String)> {
    let url = globals.wormhole_server.as_deref().unwrap_or(SERVER);
    let app_id = globals.wormhole_invite_appid.as_deref().unwrap_or(APP_ID);
    Ok((Server::new(url, app_id)?, url.to_owned()))
}

/// How a node that is only being made reaches others: through the Tor of this machine if it is to
/// hide.
pub(super) fn ways_of_new(hide_ip: bool) -> Ways {
    if hide_ip { through_tor(SocksPort::Default) } else { Ways::direct() }
}

/// Opens a connection in one of these ways.
pub(super) async fn dial(ways: &Ways, host: &str, port: u16) -> io::Result<BoxStream> {
    let location =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let location = location.parse().map_err(io::Error::other)?;
    let none = || io::Error::other("there is no way to it that does not reveal this machine");
    ways.route(Network::Tcp, &location).ok_or_else(none)?.open().await
}

/// Ends the conversation, however it went.
pub(super) async fn end<T>(wormhole: Wormhole, outcome: Result<T>) -> Result<T> {
    let mood = match &outcome {
        Ok(_) => Mood::Happy,
        Err(error) => match error.downcast_ref::<Error>() {
            Some(Error::WrongCode) => Mood::Scary,
            Some(Error::NoAnswer) => Mood::Lonely,
            _ => Mood::Errory,
        },
    };
    wormhole.close(mood).await;
    outcome
}

/// Reads what the other end said. It is never repeated: addresses are in it.
pub(super) fn parse(message: &[u8]) -> Result<Value> {
    serde_json::from_slice(message).ok().context("what the other end says is no JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_knows_the_other() {
        assert_eq!(End::Client.introduction(), br#"{"abilities":{"client-v1":{}}}"#);
        assert!(End::Client.check_introduction(&End::Client.introduction()).is_ok());
        let check = |message: &[u8], expected: &str| {
            let error = End::Server.check_introduction(message).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(b"{}", "Expected 'abilities' in server introduction");
        check(&End::Client.introduction(), "Expected 'server-v1' in server abilities");
        check(b"{", "what the other end says is no JSON");
    }
}
