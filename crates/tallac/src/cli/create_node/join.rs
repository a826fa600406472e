//! `--join`: what a new node is told by whoever invited it (section 11.4).

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use wormhole::{Code, Wormhole};

use super::super::Globals;
use super::super::invitation::{self, End, PATIENCE};
use super::options::one_line;
use super::template::{Settings, Shares};

/// Longest address that is taken, in bytes.
const FURL_LEN_MAX: usize = 4096;

/// Longest name that is taken, in bytes.
const NICKNAME_LEN_MAX: usize = 1024;

/// Asks whoever made the code; gives the settings with what they want otherwise.
pub(super) async fn join(code: Code, settings: Settings, globals: &Globals) -> Result<Settings> {
    let (server, url) = invitation::server(globals)?;
    globals.say(format!("Opening wormhole with code '{}'", code.expose()))?;
    globals.say(format!("Connecting to '{url}'"))?;
    let ways = invitation::ways_of_new(settings.reach.hide_ip);
    let dial = async |host: &str, port| invitation::dial(&ways, host, port).await;
    let mut wormhole = server.join(code, dial).await?;
    globals.say("Connected to wormhole server")?;
    let asked = ask(&mut wormhole, globals).await;
    let message = invitation::end(wormhole, asked).await?;
    apply(&invitation::parse(&message)?, settings, globals)
        .context("the invitation makes no sense: ask for another one")
}

async fn ask(wormhole: &mut Wormhole, globals: &Globals) -> Result<Vec<u8>> {
    wormhole.verify(PATIENCE).await?;
    wormhole.send(&End::Client.introduction()).await?;
    let introduction = wormhole.receive(PATIENCE).await?;
    globals.say("  received server introduction")?;
    End::Server.check_introduction(&introduction)?;
    let config = wormhole.receive(PATIENCE).await?;
    globals.say("  received configuration")?;
    Ok(config)
}

/// Of what an inviter says, only this counts: the shares, the introducer and the nickname.
fn apply(config: &Value, mut settings: Settings, globals: &Globals) -> Result<Settings> {
    let text = |key: &str| match config.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let Shares { needed, happy, total } = settings.shares;
    let shares = [("needed", needed), ("happy", happy), ("total", total)]
        .map(|(name, own)| text(&format!("shares-{name}")).unwrap_or_else(|| own.to_string()));
    settings.shares = Shares::parse([&shares[0], &shares[1], &shares[2]])?;
    let Shares { needed, happy, total } = settings.shares;
    globals.say(format!("Encoding: {needed} of {total} shares, on at least {happy} servers"))?;
    globals.say("Overriding the following config:")?;
    if let Some(furl) = text("introducer") {
        let is_furl = furl.starts_with("pb://") && furl.len() <= FURL_LEN_MAX;
        ensure!(is_furl, "its introducer has no address that begins with pb://");
        settings.introducer = Some(one_line("introducer", furl)?);
        globals.say("  introducer: [sensitive data; see tahoe.cfg]")?;
    }
    if let Some(nickname) = text("nickname") {
        ensure!(nickname.len() <= NICKNAME_LEN_MAX, "its nickname is too long");
        settings.nickname = one_line("nickname", nickname)?;
        globals.say(format!("  nickname: {}", settings.nickname))?;
    }
    Ok(settings)
}
