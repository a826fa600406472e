//! `webopen`: a page of the node in a web browser (section 9.4).

use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;
use clap::Args;

use super::Globals;
use super::location::Location;
use super::remote::RemoteArgs;

/// Open a web browser to the contents of some file or directory on the grid.
///
/// Without an argument, the node's first page. The browser is what BROWSER names, or else the
/// desktop's own; where there is none, the URL is printed.
#[derive(Debug, Args)]
pub(super) struct WebopenArgs {
    /// File or directory: a path that may begin with an alias
    #[arg(value_name = "ALIAS:PATH", default_value = "", hide_default_value = true)]
    place: String,
    /// Open the page that tells of the file
    #[arg(short, long)]
    info: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) fn run(args: &WebopenArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let mut location =
        if args.place.is_empty() { Location::new("/") } else { remote.locate_root(&args.place)? };
    if args.info {
        location = location.t("info");
    }
    let url = remote.node.url(&location);
    if !openers().iter().any(|opener| opens(opener, &url)) {
        globals.note("No web browser can be opened from here. The page is at");
        globals.say(url)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Commands that may open a page, the best first.
fn openers() -> Vec<String> {
    let browser = std::env::var("BROWSER").unwrap_or_default();
    let mut openers: Vec<String> =
        browser.split(':').filter(|command| !command.is_empty()).map(str::to_owned).collect();
    let has_desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|v| std::env::var_os(v).is_some());
    if cfg!(target_os = "macos") {
        openers.push("open".to_owned());
    } else if has_desktop {
        openers.push("xdg-open".to_owned());
    }
    openers
}

/// Whether a command, in which `%s` stands for the URL, could be started with it and was content.
fn opens(command: &str, url: &str) -> bool {
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else { return false };
    let args: Vec<String> = words.map(|word| word.replace("%s", url)).collect();
    let mut call = Command::new(program);
    call.args(&args);
    if !command.contains("%s") {
        call.arg(url);
    }
    call.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}
