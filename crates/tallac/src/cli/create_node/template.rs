//! The files of a new node: sections and keys in Tahoe-LAFS's order, explained in our words
//! (section 10.3).

use super::reach::Reach;
use crate::config::Ini;

/// What a new node is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) nickname: String,
    pub(crate) introducer: Option<String>,
    pub(crate) web_port: String,
    pub(crate) reach: Reach,
    pub(crate) shares: Shares,
    pub(crate) storage: bool,
    pub(crate) storage_dir: Option<String>,
    /// Bytes to leave free, as the file says it.
    pub(crate) reserved_space: &'static str,
    pub(crate) helper: bool,
}

/// The encoding of new files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    pub(crate) needed: u16,
    pub(crate) happy: u16,
    pub(crate) total: u16,
}

/// What nodes of every kind are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeSettings<'a> {
    pub(crate) nickname: &'a str,
    pub(crate) web_port: &'a str,
    pub(crate) reach: &'a Reach,
}

/// The text of the `tahoe.cfg` of an introducer, and the beginning of that of other nodes.
pub(crate) fn node_cfg(settings: NodeSettings<'_>) -> String {
    let value = |text: &str| Ini::escape(text);
    let reach = settings.reach;
    let connections = match reach.hide_ip {
        true => "[connections]\ntcp = tor\n\n",
        false => "",
    };
    let mut sections = String::new();
    for (name, keys) in &reach.sections {
        sections.push_str(&format!("[{name}]\n"));
        for (key, text) in keys {
            sections.push_str(&format!("{key} = {}\n", value(text)));
        }
        sections.push('\n');
    }
    format!(
        "\
# -*- mode: conf; coding: utf-8 -*-

# What this node is told when it starts. Both Tahoe-LAFS and Tallac read this file, so it must
# have no keys but those that Tahoe-LAFS knows; its manual, docs/configuration.rst, tells of all.


{connections}[node]
nickname = {nickname}
reveal-IP-address = {reveal}
web.port = {web_port}
web.static = public_html
tub.port = {tub_port}
tub.location = {tub_location}

#log_gatherer.furl =
#timeout.keepalive =
#timeout.disconnect =
#ssh.port = 8022
#ssh.authorized_keys_file = ~/.ssh/authorized_keys

{sections}",
        reveal = !reach.hide_ip,
        nickname = value(settings.nickname),
        web_port = value(settings.web_port),
        tub_port = value(&reach.tub_port),
        tub_location = value(&reach.tub_location),
    )
}

/// The text of `tahoe.cfg`.
pub(crate) fn tahoe_cfg(settings: &Settings) -> String {
    let value = |text: &str| Ini::escape(text);
    let Shares { needed, happy, total } = settings.shares;
    let storage_dir = match &settings.storage_dir {
        Some(dir) => format!("storage_dir = {}", value(dir)),
        None => "#storage_dir =".to_owned(),
    };
    format!(
        "\
{node}[client]
helper.furl =

# How new files are spread: any `needed` of `total` shares make up the file, and an upload fails
# unless they are on `happy` servers. Files that are there already keep what they were made with.
shares.needed = {needed}
shares.happy = {happy}
shares.total = {total}

[storage]
# Whether this node keeps shares for others.
enabled = {storage}
#readonly =
reserved_space = {reserved_space}
{storage_dir}
#expire.enabled =
#expire.mode =

[helper]
# Whether this node uploads files on behalf of clients with little bandwidth.
enabled = {helper}

",
        node = node_cfg(NodeSettings {
            nickname: &settings.nickname,
            web_port: &settings.web_port,
            reach: &settings.reach,
        }),
        storage = settings.storage,
        reserved_space = settings.reserved_space,
        helper = settings.helper,
    )
}

/// The text of `private/introducers.yaml`, with one introducer.
pub(crate) fn introducers_yaml(furl: &str) -> String {
    format!("introducers:\n  default:\n    furl: {}\n", serde_json::Value::from(furl))
}
