//! `/report_incident`: what was lately logged is kept, with what somebody says of it.

use super::node;
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;

/// Type of the answer, in Tahoe-LAFS's spelling.
const PLAIN: &str = "text/plain; charset=UTF-8";

/// Characters of what somebody says that are kept.
const DETAILS_LEN_MAX: usize = 10_000;

/// Answers a report.
pub(super) async fn answer(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let details = asked.args.value("details").unwrap_or_default();
    let details = details.chars().take(DETAILS_LEN_MAX).collect();
    let kept = node(asked).report_incident(details).await;
    kept.map_err(|error| WebError::IncidentNotKept(error.to_string()))?;
    Ok(Reply::text(
        PLAIN,
        "An incident report has been saved to logs/incidents/ in the node directory.",
    ))
}
