//! Whether the clocks of the servers agree with this machine's: leases and certificates are told
//! by the hour of whoever looks.

use std::time::{Duration, SystemTime};

use tallac_core::announcement::StorageAnnouncement;
use tallac_net::gbs::GbsClient;
use tallac_net::identity::Nurl;
use tallac_net::transport::Ways;
use tokio::task::JoinSet;

use super::finding::Findings;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clocks that are this far apart, in seconds, are not set by NTP.
const APART_MAX_S: u64 = 60;

/// Asks all servers that speak HTTPS for the time. One that does not answer is told of elsewhere.
pub(super) async fn check(
    ways: &Ways,
    servers: impl Iterator<Item = (String, StorageAnnouncement)>,
    findings: &mut Findings,
) {
    let mut asked = JoinSet::new();
    for (name, announcement) in servers {
        let nurls = announcement.nurls().iter();
        let nurls: Vec<Nurl> = nurls.filter_map(|nurl| nurl.parse().ok()).collect();
        if let Ok(client) = GbsClient::new(&nurls, ways) {
            asked.spawn(async move { Some((name, ahead_s(&client).await?)) });
        }
    }
    let mut clocks: Vec<_> = asked.join_all().await.into_iter().flatten().collect();
    clocks.sort();
    tell(&clocks, findings);
}

/// Seconds that a server's clock is ahead of ours.
async fn ahead_s(client: &GbsClient) -> Option<i64> {
    let date = tokio::time::timeout(PATIENCE, client.date()).await.ok()?.ok()??;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(parse(&date)? - i64::try_from(now.as_secs()).ok()?)
}

/// The time of a `Date` header, in seconds since 1970.
fn parse(date: &str) -> Option<i64> {
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second())
}

/// Tells of servers and the seconds that their clocks are ahead.
fn tell(clocks: &[(String, i64)], findings: &mut Findings) {
    let is_off = |ahead: i64| ahead.unsigned_abs() > APART_MAX_S;
    let off = clocks.iter().filter(|(_, ahead)| is_off(*ahead)).count();
    if clocks.is_empty() {
        return findings.note("clock", "no server told what its clock shows");
    }
    let own = "this machine's clock is wrong, most likely: set it, best with NTP";
    let theirs = "ask the operator of that server to set its clock, best with NTP";
    for (name, ahead) in clocks.iter().filter(|(_, ahead)| is_off(*ahead)) {
        let direction = if *ahead > 0 { "ahead of" } else { "behind" };
        let apart = ahead.unsigned_abs();
        let what = format!(
            "the clock of {name} is {apart} s {direction} this machine's: one of them sees leases \
             and certificates end too early or too late"
        );
        // It is not likely that most others are wrong.
        findings.warning("clock", what, if off * 2 > clocks.len() { own } else { theirs });
    }
    let good = clocks.len() - off;
    if good > 0 {
        let what = format!("the clocks of {good} servers agree with it to {APART_MAX_S} s or less");
        findings.ok("clock", what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Level;

    #[test]
    fn dates_of_servers() {
        assert_eq!(parse("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(parse("Wed, 25 Nov 2026 17:38:24 GMT"), Some(1_795_628_304));
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn who_is_off_is_told() {
        let check = |ahead: &[i64], warnings: usize, expected: &str| {
            let name = |(at, ahead): (usize, &i64)| (format!("s{at}"), *ahead);
            let clocks: Vec<_> = ahead.iter().enumerate().map(name).collect();
            let mut findings = Findings::default();
            tell(&clocks, &mut findings);
            let all: Vec<_> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(findings.count(Level::Warning), warnings, "{all:?}");
            assert!(all.join("\n").contains(expected), "{all:?}");
        };
        check(&[], 0, "no server told");
        check(&[0, -2, 60], 0, "the clocks of 3 servers agree");
        check(&[0, 1, 600], 1, "the clock of s2 is 600 s ahead of");
        check(&[0, 1, 600], 1, "ask the operator");
        check(&[-7200, -7201], 2, "this machine's clock is wrong, most likely");
        check(&[i64::MIN], 1, "behind");
    }
}
