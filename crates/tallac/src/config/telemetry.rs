//! `[telemetry]` and `[log]` of `tallac.toml`: what a node tells of itself to those who watch it.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// Where traces go: the address of a collector of OpenTelemetry that takes OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct OtlpEndpoint {
    url: String,
    is_on_this_machine: bool,
}

/// Why an address of a collector cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL.
    #[error("no address of a collector: write it like \"http://127.0.0.1:4318\"")]
    NoUrl,
    /// It is one for a protocol that is not spoken.
    #[error(
        "collectors are spoken to over http only: let one on this machine take the traces, and \
         send them on"
    )]
    NotHttp,
}

impl OtlpEndpoint {
    /// Where spans are sent to, the path of the protocol included.
    #[must_use]
    pub fn traces_url(&self) -> String {
        format!("{}/v1/traces", self.url.trim_end_matches('/'))
    }

    /// Whether nothing leaves this machine.
    #[must_use]
    pub const fn is_on_this_machine(&self) -> bool {
        self.is_on_this_machine
    }
}

impl FromStr for OtlpEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let uri: Uri = text.trim().parse().map_err(|_| EndpointError::NoUrl)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(EndpointError::NoUrl)?;
        if uri.query().is_some() || uri.authority().is_some_and(|at| at.as_str().contains('@')) {
            return Err(EndpointError::NoUrl);
        }
        match uri.scheme_str() {
            Some("http") => {}
            Some(_) => return Err(EndpointError::NotHttp),
            None => return Err(EndpointError::NoUrl),
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_on_this_machine =
            host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        Ok(Self { url: uri.to_string(), is_on_this_machine })
    }
}

impl TryFrom<String> for OtlpEndpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

/// How much is logged: a level, or levels of parts, as `TALLAC_LOG` takes them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LogLevel(String);

impl LogLevel {
    /// The filter that it stands for.
    #[must_use]
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl TryFrom<String> for LogLevel {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "no level: write error, warn, info, debug or trace, or levels of \
                             parts, like \"info,tallac_net=debug\"";
        // The name of a part alone would be its trace.
        let is_directive = |part: &str| {
            let level = part.rsplit('=').next().unwrap_or_default().trim();
            ["off", "error", "warn", "info", "debug", "trace"].contains(&level)
        };
        if !text.split(',').all(is_directive) || EnvFilter::try_new(&text).is_err() {
            return Err(WRONG);
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let check = |text: &str, expected: Result<(&str, bool), EndpointError>| {
            let parsed = text.parse::<OtlpEndpoint>();
            let parsed = parsed.map(|it| (it.traces_url(), it.is_on_this_machine()));
            assert_eq!(parsed, expected.map(|(url, local)| (url.to_owned(), local)), "{text}");
        };
        check("http://127.0.0.1:4318", Ok(("http://127.0.0.1:4318/v1/traces", true)));
        check("http://[::1]:4318/otlp/", Ok(("http://[::1]:4318/otlp/v1/traces", true)));
        check("http://otel.example:80", Ok(("http://otel.example:80/v1/traces", false)));
        check("https://otel.example", Err(EndpointError::NotHttp));
        check("127.0.0.1:4318", Err(EndpointError::NoUrl));
        check("http://user:word@otel.example", Err(EndpointError::NoUrl));
        check("/v1/traces", Err(EndpointError::NoUrl));
        check("", Err(EndpointError::NoUrl));
    }

    #[test]
    fn levels() {
        for good in ["warn", "debug", "info,tallac_net=debug", "off"] {
            assert!(LogLevel::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "loud", "info,", "tallac_net", "tallac_net=loud", "[=info"] {
            assert!(LogLevel::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
