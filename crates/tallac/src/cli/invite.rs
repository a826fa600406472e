//! `tallac invite`: tell another machine how to join a grid (sections 9.2 and 11.4).

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use wormhole::Wormhole;

use super::create_node::Shares;
use super::invitation::{self, End, PATIENCE};
use super::quote::quoted_path;
use super::{Globals, UsageError};
use crate::config::{Invitation, NodeDirectory};
use crate::node::ways::outgoing;

/// Invite a new node to this grid.
///
/// Prints a code. Whoever gets it, and runs `tallac create-client --join CODE`, has a node in this
/// grid. This command waits for that; the code can be used once.
#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    /// What to call the new node
    nickname: String,
    /// How many shares make up a file of its [default: as here]
    #[arg(long, value_name = "K")]
    shares_needed: Option<String>,
    /// On how many servers a file's shares must be [default: as here]
    #[arg(long, value_name = "H")]
    shares_happy: Option<String>,
    /// How many shares are made of a file [default: as here]
    #[arg(long, value_name = "N")]
    shares_total: Option<String>,
}

pub(super) async fn run(args: InviteArgs, globals: &Globals) -> Result<ExitCode> {
    let directory = globals.directory();
    let invited = match Invitation::load(&directory) {
        Ok(invited) => invited,
        Err(error) => {
            let node = quoted_path(&directory);
            eprintln!("Can't find introducer FURL for node {node}: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let shares = shares(&args, &invited)?;
    // Numbers, not texts: of texts, Tahoe-LAFS 1.20 makes a tahoe.cfg that it cannot read.
    let config = json!({
        "shares-needed": shares.needed,
        "shares-happy": shares.happy,
        "shares-total": shares.total,
        "nickname": args.nickname.trim(),
        "introducer": invited.introducer,
    });

    let (server, url) = invitation::server(globals)?;
    globals.say(format!("Connecting to '{url}'..."))?;
    let ways = outgoing(&NodeDirectory::new(&directory)?, &invited.connections)?;
    let dial = async |host: &str, port| invitation::dial(&ways, host, port).await;
    let mut wormhole = server.allocate(dial).await?;
    globals.say("Connected to wormhole server")?;
    globals.say(format!("Invite Code for client: {}", wormhole.code().expose()))?;
    let told = tell(&mut wormhole, config.to_string().as_bytes(), globals).await;
    invitation::end(wormhole, told).await?;
    globals.say("Completed successfully")?;
    Ok(ExitCode::SUCCESS)
}

fn shares(args: &InviteArgs, invited: &Invitation) -> Result<Shares, UsageError> {
    let (needed, happy, total) = invited.shares;
    let or = |text: &Option<String>, own: u16| text.clone().unwrap_or_else(|| own.to_string());
    Shares::parse([
        &or(&args.shares_needed, needed),
        &or(&args.shares_happy, happy),
        &or(&args.shares_total, total),
    ])
}

/// Waits for as long as it takes until somebody has the code; then tells what it is good for.
async fn tell(wormhole: &mut Wormhole, config: &[u8], globals: &Globals) -> Result<()> {
    wormhole.verify(None).await?;
    wormhole.send(&End::Server.introduction()).await?;
    let introduction = wormhole.receive(PATIENCE).await?;
    globals.say("  received client introduction")?;
    End::Client.check_introduction(&introduction)?;
    globals.say("  transmitting configuration")?;
    wormhole.send(config).await?;
    Ok(())
}
