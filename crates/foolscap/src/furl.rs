//! FURLs: where a tub is reached, the certificate that proves it is the one, and what it is asked
//! for.

use std::fmt;
use std::str::FromStr;

use crate::location::Location;
use crate::swissnum::{Swissnum, SwissnumError};
use crate::tub_id::{TubId, TubIdError};

/// Longest FURL that is taken, in bytes.
const LEN_MAX: usize = 4096;

/// Characters of a tub id; more may follow and mean nothing.
const TUB_ID_CHARS: usize = 32;

/// `pb://TUBID@HINT,HINT…/NAME`.
///
/// Whoever knows a FURL may use what it names, so `Debug` leaves the name out and there is no
/// `Display`: see [`expose_text`](Self::expose_text).
#[derive(Clone, PartialEq, Eq)]
pub struct Furl {
    tub_id: TubId,
    hints: Vec<String>,
    name: Swissnum,
}

/// Why a text is no FURL; it never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FurlError {
    /// It is unreasonably long.
    #[error("a FURL has at most {LEN_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// It does not have the form.
    #[error("a FURL has the form pb://TUB-ID@HINT,HINT/NAME")]
    BadForm,
    /// The tub id is none.
    #[error("the tub id of a FURL: {0}")]
    BadTubId(#[from] TubIdError),
    /// A hint has characters that no hint has.
    #[error("a connection hint has only printable ASCII characters and no spaces")]
    BadHint,
    /// The name is none.
    #[error("the name in a FURL: {0}")]
    BadName(#[from] SwissnumError),
}

impl Furl {
    /// The FURL of what the tub calls `name`, to be reached at these locations over TCP.
    #[must_use]
    pub fn new(tub_id: TubId, locations: &[Location], name: Swissnum) -> Self {
        let hints = locations.iter().map(|location| format!("tcp:{location}")).collect();
        Self { tub_id, hints, name }
    }

    /// The FURL of what the tub calls `name`, with these hints.
    ///
    /// # Errors
    /// [`FurlError::BadHint`] when one could not stand in a FURL.
    pub fn with_hints(
        tub_id: TubId,
        hints: Vec<String>,
        name: Swissnum,
    ) -> Result<Self, FurlError> {
        match hints.iter().all(|hint| Self::is_hint(hint)) {
            true => Ok(Self { tub_id, hints, name }),
            false => Err(FurlError::BadHint),
        }
    }

    /// Whether it can stand in a FURL as a hint.
    pub(crate) fn is_hint(hint: &str) -> bool {
        let is_part = |byte: u8| byte.is_ascii_graphic() && !b",/".contains(&byte);
        !hint.is_empty() && hint.bytes().all(is_part)
    }

    /// The FURL of what the tub calls `name`. The hints must be such as can stand in a FURL.
    pub(crate) const fn of(tub_id: TubId, hints: Vec<String>, name: Swissnum) -> Self {
        Self { tub_id, hints, name }
    }

    /// The tub that it is at.
    #[must_use]
    pub const fn tub_id(&self) -> TubId {
        self.tub_id
    }

    /// How the tub might be reached, in the words of the FURL; may be empty.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// What the tub calls it: a swissnum for all that is secret.
    #[must_use]
    pub const fn name(&self) -> &Swissnum {
        &self.name
    }

    /// Where the tub might be reached directly. Hints of other kinds are passed over.
    pub fn tcp_locations(&self) -> impl Iterator<Item = Location> {
        self.hints.iter().filter_map(|hint| hint.strip_prefix("tcp:").unwrap_or(hint).parse().ok())
    }

    /// The whole FURL, secret included, to be written to a wire or a private file.
    #[must_use]
    pub fn expose_text(&self) -> String {
        self.text_with(self.name.expose())
    }

    fn text_with(&self, name: &str) -> String {
        format!("pb://{}@{}/{name}", self.tub_id, self.hints.join(","))
    }
}

impl FromStr for Furl {
    type Err = FurlError;

    fn from_str(text: &str) -> Result<Self, FurlError> {
        if text.len() > LEN_MAX {
            return Err(FurlError::TooLong(text.len()));
        }
        let rest = text.strip_prefix("pb://").ok_or(FurlError::BadForm)?;
        let (tub_id, rest) = rest.split_once('@').ok_or(FurlError::BadForm)?;
        let (hints, name) = rest.split_once('/').ok_or(FurlError::BadForm)?;
        if !hints.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FurlError::BadHint);
        }
        let tub_id = tub_id.get(..TUB_ID_CHARS).unwrap_or(tub_id).parse()?;
        let hints = hints.split(',').filter(|hint| !hint.is_empty()).map(str::to_owned).collect();
        Ok(Self { tub_id, hints, name: Swissnum::from_text(name)? })
    }
}

impl fmt::Debug for Furl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Furl({})", self.text_with("…"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TUB: &str = "bidn6wxtlgcqtgv5p5oa3wbhtjbzzoot";

    #[test]
    fn what_is_printed_is_what_was_read() {
        for hints in ["tcp:127.0.0.1:1", "", "h:1,tcp:[::1]:2,tor:x.onion:3,i2p:y.i2p:0,odd:z"] {
            let text = format!("pb://{TUB}@{hints}/introducer");
            assert_eq!(text.parse::<Furl>().unwrap().expose_text(), text);
        }
    }

    #[test]
    fn hints_become_locations() {
        let hints = "h:1,tcp:[::1]:2,tor:x.onion:3,tor:not-onion:3,i2p:y.i2p:0";
        let furl: Furl = format!("pb://{TUB}@{hints}/s").parse().unwrap();
        let tcp: Vec<_> = furl.tcp_locations().map(|location| location.to_string()).collect();
        assert_eq!(tcp, ["h:1", "[::1]:2"]);
    }

    #[test]
    fn only_the_first_characters_of_a_tub_id_count() {
        let furl: Furl = format!("pb://{TUB}more@h:1/hush").parse().unwrap();
        assert_eq!(format!("{furl:?}"), format!("Furl(pb://{TUB}@h:1/…)"));
    }

    #[test]
    fn what_is_no_furl() {
        for text in
            ["", "pb://", "pb://x@h:1/n", &format!("pb://{TUB}@h:1"), &format!("pb://{TUB}/n")]
        {
            assert!(text.parse::<Furl>().is_err(), "{text}");
        }
        assert_eq!(format!("pb://{TUB}@h 1/n").parse::<Furl>(), Err(FurlError::BadHint));
        assert_eq!("p".repeat(5000).parse::<Furl>(), Err(FurlError::TooLong(5000)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<Furl>();
            let _ = format!("pb://{TUB}@{text}").parse::<Furl>();
        }
    }
}
