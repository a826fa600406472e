//! The page of an introducer: who is announced, and who is told of it (section 6.1).

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use http::Method;
use http::request::Parts;
use tallac_core::dirnode::Json;
use tallac_core::introducer::IntroducerReport;
use tokio::net::TcpListener;

use super::config::WebLimits;
use super::error::WebError;
use super::file_node::bad_operation;
use super::html::{self, escape};
use super::json::{self, Members};
use super::query::Query;
use super::reply::{HTML, JSON, Reply};
use super::request_body::RequestBody;
use super::serve::{self, Site};

/// What the page tells of its node.
pub struct IntroducerPageConfig {
    /// What the node's operator calls it.
    pub nickname: String,
    /// Its tub id.
    pub node_id: String,
    /// Program and version.
    pub application_version: String,
    /// Asked for what the introducer knows whenever the page is looked at; must not block.
    pub report: Box<dyn Fn() -> IntroducerReport + Send + Sync>,
}

impl fmt::Debug for IntroducerPageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntroducerPageConfig")
            .field("node_id", &self.node_id)
            .finish_non_exhaustive()
    }
}

/// The web server of an introducer. Clones are the same one.
#[derive(Debug, Clone)]
pub struct IntroducerPage(Arc<Page>);

#[derive(Debug)]
struct Page {
    config: IntroducerPageConfig,
    limits: WebLimits,
}

impl IntroducerPage {
    /// Of this introducer.
    #[must_use]
    pub fn new(config: IntroducerPageConfig) -> Self {
        Self(Arc::new(Page { config, limits: WebLimits::default() }))
    }

    /// Serves connections to `listener` until `shutdown` is ready, as
    /// [`WebApi::serve`](super::WebApi::serve) does.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        serve::serve(&self.0, listener, shutdown).await;
    }
}

impl Site for Page {
    fn limits(&self) -> &WebLimits {
        &self.limits
    }

    async fn answer(self: Arc<Self>, head: &Parts, _body: RequestBody) -> Result<Reply, WebError> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(WebError::MethodNotAllowed("GET, HEAD"));
        }
        if head.uri.path() != "/" {
            return Err(WebError::NoSuchPage);
        }
        let query = Query::parse(head.uri.query())?;
        let report = (self.config.report)();
        match query.value("t").unwrap_or_default().trim() {
            "" => Ok(Reply::text(HTML, self.page(&report))),
            "json" => Ok(Reply::text(JSON, json::pretty(&summary(&report)))),
            operation => Err(bad_operation("GET /:", operation)),
        }
    }
}

fn summary(report: &IntroducerReport) -> Json {
    let count = |(service, count): (&str, usize)| (service.to_owned(), json::number(count as u64));
    let counts =
        |counts: BTreeMap<&str, usize>| Json::Object(counts.into_iter().map(count).collect());
    Members::default()
        .with("subscription_summary", counts(report.subscription_counts()))
        .with("announcement_summary", counts(report.announcement_counts()))
        .end()
}

impl Page {
    fn page(&self, report: &IntroducerReport) -> String {
        let IntroducerPageConfig { nickname, node_id, application_version, .. } = &self.config;
        let name = escape(nickname);
        let mut page = html::begin(&format!("{name} - Tallac Introducer"));
        let _ = writeln!(
            page,
            "<h1>{name}</h1>\n<p>Introducer <code>{}</code>, {}</p>",
            escape(node_id),
            escape(application_version)
        );
        announcements(&mut page, report);
        subscribers(&mut page, report);
        page + html::END
    }
}

fn announcements(page: &mut String, report: &IntroducerReport) {
    let _ = writeln!(
        page,
        "<h2>Service Announcements</h2>\n<p>Announcement Summary: {}</p>",
        words(&report.announcement_counts())
    );
    if report.announcements.is_empty() {
        return;
    }
    *page +=
        "<table>\n<tr><th>Server</th><th>Announced</th><th>Version</th><th>Service</th></tr>\n";
    for announcement in &report.announcements {
        let _ = writeln!(
            page,
            "<tr><td>{}<br><code>{}</code></td><td title=\"{}\">{}</td><td>{}</td><td>{}</td></tr>",
            escape(&announcement.nickname),
            escape(&announcement.server_id),
            escape(&announcement.hints.join(" ")),
            time(announcement.announced),
            escape(&announcement.version),
            escape(&announcement.service)
        );
    }
    *page += "</table>\n";
}

fn subscribers(page: &mut String, report: &IntroducerReport) {
    let _ = writeln!(
        page,
        "<h2>Subscribed Clients</h2>\n<p>Subscription Summary: {}</p>",
        words(&report.subscription_counts())
    );
    if report.subscribers.is_empty() {
        return;
    }
    *page +=
        "<table>\n<tr><th>Client</th><th>Since</th><th>Version</th><th>Subscribed To</th></tr>\n";
    for subscriber in &report.subscribers {
        let _ = writeln!(
            page,
            "<tr><td>{}<br><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&subscriber.nickname),
            escape(&subscriber.tub_id),
            time(subscriber.since),
            escape(&subscriber.version),
            escape(&subscriber.service)
        );
    }
    *page += "</table>\n";
}

/// How many there are of each service.
fn words(counts: &BTreeMap<&str, usize>) -> String {
    let words = counts.iter().map(|(service, count)| format!("{}: {count}", escape(service)));
    words.collect::<Vec<_>>().join(", ")
}

/// A time as people read it.
fn time(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => String::new(),
    }
}
