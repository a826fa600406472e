//! `mv` and `ln`: an object gets another name (section 9.4).

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use hyper::StatusCode;

use super::Globals;
use super::node_json::Node;
use super::remote::{RemoteArgs, fail};

/// Move a file or directory within the grid.
///
/// To move something into a directory, end the name of the directory with '/': 'mv tahoe:file
/// tahoe:dir/'. A directory is never overwritten. Local files go to the grid with 'cp' or 'put'.
#[derive(Debug, Args)]
pub(super) struct MvArgs {
    #[command(flatten)]
    places: Places,
}

/// Link a file or directory of the grid under another name.
///
/// As 'mv', but the old name stays.
#[derive(Debug, Args)]
pub(super) struct LnArgs {
    #[command(flatten)]
    places: Places,
}

#[derive(Debug, Args)]
struct Places {
    /// What there is: a path that may begin with an alias, or a capability
    from: String,
    /// Its other name: a path that may begin with an alias
    to: String,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// What becomes of the old name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OldName {
    Goes,
    Stays,
}

/// Runs `mv`.
pub(super) async fn mv(args: MvArgs, globals: &Globals) -> Result<ExitCode> {
    relink(&args.places, OldName::Goes, globals).await
}

/// Runs `ln`.
pub(super) async fn ln(args: LnArgs, globals: &Globals) -> Result<ExitCode> {
    relink(&args.places, OldName::Stays, globals).await
}

async fn relink(args: &Places, old: OldName, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let place = remote.aliases.resolve(&args.from)?;
    let from = place.location();
    let mut to = remote.locate(&args.to)?;
    if to.ends_with_slash() {
        let name = place.path.rsplit('/').next().unwrap_or_default();
        to = to.join(name);
    }
    if to == from {
        return Ok(fail(1, "Error: the old name and the new one are the same"));
    }
    let answer = remote.node.get(&from.clone().t("json")).await?;
    if !answer.status().is_success() {
        return Ok(fail(1, answer.failure("Error").await));
    }
    let node: Node = answer.json().await?;
    let cap = node.best_cap().context("the node does not tell the capability")?.to_owned();
    let answer = remote.node.put(&to.t("uri").with("replace", "only-files"), cap).await?;
    if answer.status() == StatusCode::CONFLICT {
        return Ok(fail(1, "Error: You can't overwrite a directory with a file"));
    }
    if !answer.status().is_success() {
        let mut message = answer.failure("Error").await;
        if old == OldName::Goes {
            message.push_str("\nNOT removing the original");
        }
        return Ok(fail(1, message));
    }
    if old == OldName::Goes {
        let answer = remote.node.delete(&from).await?;
        if !answer.status().is_success() {
            return Ok(fail(2, answer.failure("Error deleting original after move").await));
        }
    }
    globals.say("OK")?;
    Ok(ExitCode::SUCCESS)
}
