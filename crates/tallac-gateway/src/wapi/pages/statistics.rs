//! `/statistics`: what the node counts and measures, under Tahoe-LAFS's names (section 11.9).

use std::fmt::Write as _;

use tallac_core::dirnode::Json;

use super::{Form, as_u64, begin, end, find, form, node, object, pretty, size};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::html::escape;
use crate::wapi::json::{Members, number};
use crate::wapi::node_view::Statistics;
use crate::wapi::reply::{HTML, Reply, TEXT};

/// Type of what monitoring programs read.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What stands at the end of the name of a percentile.
const PERCENTILE: &str = "_percentile";

/// Answers a request for the page.
pub(super) async fn answer(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let form = form(asked)?;
    let mut statistics = node(asked).statistics().await;
    let counters = asked.state.grid.history().counters();
    let counters = counters.into_iter().map(|(name, value)| (name.to_owned(), number(value)));
    statistics.counters.extend(counters);
    Ok(match form {
        Form::Page => Reply::text(HTML, page(statistics)),
        Form::Json => Reply::text(TEXT, pretty(&json(statistics))),
        Form::OpenMetrics => Reply::text(OPEN_METRICS, open_metrics(statistics)),
    })
}

fn json(Statistics { counters, stats }: Statistics) -> Json {
    Members::default().with("counters", object(counters)).with("stats", object(stats)).end()
}

fn page(statistics: Statistics) -> String {
    let mut page = begin("Operational Statistics");
    page += "<h2>General</h2>\n<ul>\n";
    for (what, files, bytes) in [
        ("Uploaded (immutable)", "uploader.files_uploaded", "uploader.bytes_uploaded"),
        ("Downloaded (immutable)", "downloader.files_downloaded", "downloader.bytes_downloaded"),
        ("Published (mutable)", "mutable.files_published", "mutable.bytes_published"),
        ("Retrieved (mutable)", "mutable.files_retrieved", "mutable.bytes_retrieved"),
    ] {
        let count = |name| as_u64(find(&statistics.counters, name));
        let (files, bytes) = (count(files), count(bytes));
        let _ = writeln!(
            page,
            "<li>Files {what}: {files} files / {bytes} bytes ({})</li>",
            size(bytes)
        );
    }
    let raw = pretty(&json(statistics));
    let _ = writeln!(page, "</ul>\n<h2>Raw Stats:</h2>\n<pre>{}</pre>", escape(&raw));
    end(page)
}

fn open_metrics(statistics: Statistics) -> String {
    let mut text = String::new();
    for (kind, mut values) in [("counters", statistics.counters), ("stats", statistics.stats)] {
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, value) in values {
            let value = match value {
                Json::Null => "NaN".to_owned(),
                value => value.to_string(),
            };
            let _ = writeln!(text, "tahoe_{kind}_{} {value}", metric(&name));
        }
    }
    text + "# EOF\n"
}

/// The name of a metric; that of a percentile has the percentile as a label.
fn metric(name: &str) -> String {
    let name = name.replace('.', "_");
    let quantile = name.strip_suffix(PERCENTILE).and_then(|rest| {
        let (rest, tenth) = rest.rsplit_once('_')?;
        let (rest, percent) = rest.rsplit_once('_')?;
        let is_digits =
            |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_digits(percent, 2) && is_digits(tenth, 1))
            .then(|| format!("{rest}{{quantile=\"0.{percent}{tenth}\"}}"))
    });
    quantile.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics() {
        assert_eq!(metric("node.uptime"), "node_uptime");
        assert_eq!(
            metric("storage_server.latencies.add-lease.99_9_percentile"),
            "storage_server_latencies_add-lease{quantile=\"0.999\"}"
        );
        assert_eq!(metric("a.x_percentile"), "a_x_percentile");
    }

    #[test]
    fn values_in_order() {
        let statistics = Statistics {
            counters: vec![("b".to_owned(), number(2_u64)), ("a".to_owned(), number(1_u64))],
            stats: vec![("c".to_owned(), Json::Null), ("d".to_owned(), Json::float(0.5))],
        };
        let expected = "tahoe_counters_a 1\ntahoe_counters_b 2\ntahoe_stats_c NaN\n\
            tahoe_stats_d 0.5\n# EOF\n";
        assert_eq!(open_metrics(statistics), expected);
    }
}
