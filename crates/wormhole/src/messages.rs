//! What is said to the rendezvous server, and what it says: the mailbox protocol, version 1.

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Longest text that is taken from the server, in bytes: a message in hexadecimal digits, and
/// what is around it.
pub(crate) const TEXT_LEN_MAX: usize = 2 * (crate::MESSAGE_LEN_MAX + 256) + 1024;

/// Longest name of a nameplate, mailbox, side or phase.
const NAME_LEN_MAX: usize = 128;

/// Longest text of the server's that is shown.
const SHOWN_LEN_MAX: usize = 300;

/// How a conversation ended: the server counts these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// All was said.
    Happy,
    /// Nobody came.
    Lonely,
    /// The codes did not match.
    Scary,
    /// Something else went wrong.
    Errory,
}

/// What we say.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Request<'a> {
    Bind { appid: &'a str, side: &'a str },
    Allocate,
    Claim { nameplate: &'a str },
    Release,
    Open { mailbox: &'a str },
    Add { phase: &'a str, body: String },
    Close { mood: Mood },
}

/// What the server says, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Response {
    Welcome,
    Allocated {
        nameplate: String,
    },
    Claimed {
        mailbox: String,
    },
    Message(Message),
    Closed,
    /// An answer that nothing is done about, or one that is not known here.
    Other,
}

/// What one of the two sides put into the mailbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) side: String,
    pub(crate) phase: String,
    pub(crate) body: Vec<u8>,
}

/// Any answer: the keys of all kinds together.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "type")]
    kind: String,
    welcome: Option<Welcome>,
    nameplate: Option<String>,
    mailbox: Option<String>,
    side: Option<String>,
    phase: Option<String>,
    body: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Welcome {
    error: Option<String>,
}

impl Request<'_> {
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Response {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let nonsense = || Error::Nonsense("the rendezvous server's answer makes no sense");
        let answer: Answer = serde_json::from_str(text).map_err(|_| nonsense())?;
        let name = |name: Option<String>| {
            let fits = |name: &String| !name.is_empty() && name.len() <= NAME_LEN_MAX;
            name.filter(fits).ok_or_else(nonsense)
        };
        match answer.kind.as_str() {
            "welcome" => match answer.welcome.and_then(|welcome| welcome.error) {
                Some(error) => Err(Error::Refused(shown(&error))),
                None => Ok(Self::Welcome),
            },
            "allocated" => Ok(Self::Allocated { nameplate: name(answer.nameplate)? }),
            "claimed" => Ok(Self::Claimed { mailbox: name(answer.mailbox)? }),
            "message" => Ok(Self::Message(Message {
                side: name(answer.side)?,
                phase: name(answer.phase)?,
                body: HEXLOWER_PERMISSIVE
                    .decode(answer.body.ok_or_else(nonsense)?.as_bytes())
                    .map_err(|_| nonsense())?,
            })),
            "closed" => Ok(Self::Closed),
            "error" => match answer.error.unwrap_or_default().as_str() {
                "crowded" | "reclaimed" => Err(Error::Crowded),
                error => Err(Error::Refused(shown(error))),
            },
            _ => Ok(Self::Other),
        }
    }
}

/// A text of the server's, safe to be shown.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_the_protocols() {
        let check = |request: Request<'_>, expected: &str| assert_eq!(request.text(), expected);
        check(Request::Bind { appid: "a", side: "s" }, r#"{"type":"bind","appid":"a","side":"s"}"#);
        check(Request::Allocate, r#"{"type":"allocate"}"#);
        check(Request::Claim { nameplate: "7" }, r#"{"type":"claim","nameplate":"7"}"#);
        check(Request::Release, r#"{"type":"release"}"#);
        check(Request::Open { mailbox: "m" }, r#"{"type":"open","mailbox":"m"}"#);
        let body = "00ff".to_owned();
        let add = r#"{"type":"add","phase":"pake","body":"00ff"}"#;
        check(Request::Add { phase: "pake", body }, add);
        check(Request::Close { mood: Mood::Happy }, r#"{"type":"close","mood":"happy"}"#);
    }

    #[test]
    fn answers_are_understood_or_refused() {
        let check = |text: &str, expected: Response| {
            assert_eq!(Response::parse(text).unwrap(), expected, "{text}");
        };
        check(r#"{"type": "welcome", "welcome": {"motd": "hi"}}"#, Response::Welcome);
        check(r#"{"type": "ack", "id": "a1b2", "server_tx": 1.5}"#, Response::Other);
        check(r#"{"type": "future", "body": "xyz"}"#, Response::Other);
        check(r#"{"type": "closed"}"#, Response::Closed);
        let nameplate = "7".to_owned();
        check(r#"{"type": "allocated", "nameplate": "7"}"#, Response::Allocated { nameplate });
        let message = Message { side: "s".into(), phase: "0".into(), body: vec![0, 255] };
        check(
            r#"{"type": "message", "side": "s", "phase": "0", "body": "00Ff", "id": 1}"#,
            Response::Message(message),
        );

        let error = |text: &str| Response::parse(text).unwrap_err().to_string();
        assert_eq!(
            error(r#"{"type": "welcome", "welcome": {"error": "too\nold"}}"#),
            "the rendezvous server refuses: tooold"
        );
        assert!(error(r#"{"type": "error", "error": "crowded"}"#).contains("used already"));
        let long = format!(r#"{{"type": "claimed", "mailbox": "{}"}}"#, "x".repeat(129));
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type": "allocated"}"#,
            r#"{"type": "claimed", "mailbox": ""}"#,
            r#"{"type": "claimed", "mailbox": 7}"#,
            r#"{"type": "message", "side": "s", "phase": "0", "body": "0"}"#,
            &long,
        ] {
            assert!(error(text).contains("makes no sense"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text: String) {
            let _ = Response::parse(&text);
        }
    }
}
