//! An introducer, put together from its configuration.

use std::sync::Arc;

use anyhow::Result;
use tallac_gateway::wapi::{IntroducerPage, IntroducerPageConfig};
use tallac_net::introducer::{IntroducerLimits, IntroducerServer};

use super::assemble::Parts;
use super::introducers::APPLICATION_VERSION;
use super::listen::Listener;
use super::service::{OnFailure, Service, Tree};
use super::tub::{self, Reached, Silence};
use super::ways;
use crate::config::{IntroducerConfig, ListenAt};
use crate::node_files::{introducer_furl, load_or_create_certificate};

/// Starts every part of an introducer.
///
/// # Errors
/// What is wrong with the configuration, the node directory or the machine, and what to do.
pub(super) async fn assemble(config: IntroducerConfig) -> Result<Parts> {
    let directory = config.directory.clone();
    let certificate =
        tokio::task::spawn_blocking(move || load_or_create_certificate(&directory)).await??;
    let mut tree = Tree::new();
    let ways = ways::start(&mut tree, &config.directory, &config.connections)?;
    let reached = Reached::open(&mut tree, &config.directory, &config.connections, &config.tub)?;
    let silence = Silence { keepalive: config.keepalive, disconnect: config.disconnect };
    let tub = tub::tub(&certificate, silence, &ways)?;
    tub::stop_with(&mut tree, &tub);
    let introducer = IntroducerServer::new(APPLICATION_VERSION, IntroducerLimits::default());
    let furl = introducer_furl(&config.directory, &certificate, &reached.hints)?;
    tub.register(furl.name().clone(), Arc::new(introducer.clone()));
    reached.serve(&mut tree, &tub, None)?;
    let web_url = match &config.web_port {
        Some(at) => {
            let page = IntroducerPage::new(IntroducerPageConfig {
                nickname: config.nickname.clone(),
                node_id: tub.tub_id().to_string(),
                application_version: APPLICATION_VERSION.to_owned(),
                report: Box::new(move || introducer.report()),
            });
            Some(start_page(&mut tree, &config, at, &page)?)
        }
        None => None,
    };
    Ok(Parts { tree, grid: None, web_url, reload: None })
}

/// The page; gives its URL, which is left in `node.url`.
fn start_page(
    tree: &mut Tree,
    config: &IntroducerConfig,
    at: &ListenAt,
    page: &IntroducerPage,
) -> Result<String> {
    let listener = Listener::bind(at, "[node] web.port")?;
    let url = format!("http://127.0.0.1:{}/", listener.port()?);
    config.directory.save_node_url(&url)?;
    let page = page.clone();
    tree.start(Service::new("web page", OnFailure::Restart, move |stop| {
        let (page, listener) = (page.clone(), listener.handle());
        async move {
            page.serve(listener?, stop.cancelled_owned()).await;
            Ok(())
        }
    }));
    Ok(url)
}
