//! NURLs: where a storage server speaks GBS, and the key that proves it is the one (section 7.1).

use std::fmt;
use std::str::FromStr;

use foolscap::{Furl, Location, LocationError, Swissnum, SwissnumError};

use super::tls_pin::{SpkiHash, SpkiHashError};
pub use crate::transport::Network;

/// Longest NURL that is taken, in bytes.
const LEN_MAX: usize = 4096;

/// Most locations that are taken from one NURL.
const LOCATIONS_MAX: usize = 16;

/// The only version there is.
const VERSION: &str = "v=1";

impl Network {
    const ALL: [Self; 3] = [Self::Tcp, Self::Tor, Self::I2p];

    const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "pb://",
            Self::Tor => "pb+tor://",
            Self::I2p => "pb+i2p://",
        }
    }

    /// What may stand before a location to say how it is reached.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Tcp => "tcp:",
            Self::Tor => "tor:",
            Self::I2p => "i2p:",
        }
    }
}

/// `pb://SPKI@HOST:PORT/SWISSNUM#v=1`, with several locations separated by commas.
///
/// Whoever knows a NURL may use the server, so `Debug` leaves the swissnum out and there is no
/// `Display`: see [`expose_text`](Self::expose_text).
#[derive(Clone, PartialEq, Eq)]
pub struct Nurl {
    network: Network,
    spki_hash: SpkiHash,
    locations: Vec<Location>,
    swissnum: Swissnum,
}

/// Why a text is no NURL; it never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NurlError {
    /// It is unreasonably long.
    #[error("a NURL has at most {LEN_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// It begins with something else.
    #[error("a NURL begins with pb://, pb+tor:// or pb+i2p://")]
    BadScheme,
    /// It does not end with the version that is known; without one it would be a FURL.
    #[error("a NURL ends with #{VERSION}")]
    BadVersion,
    /// It has no `@`, or no `/` behind that.
    #[error("a NURL has the form pb://KEY-HASH@HOST:PORT/SWISSNUM#{VERSION}")]
    BadForm,
    /// The key hash is none.
    #[error(transparent)]
    BadSpkiHash(#[from] SpkiHashError),
    /// A location is none.
    #[error(transparent)]
    BadLocation(#[from] LocationError),
    /// There are too many locations.
    #[error("a NURL has at most {LOCATIONS_MAX} locations")]
    TooManyLocations,
    /// The swissnum is none.
    #[error(transparent)]
    BadSwissnum(#[from] SwissnumError),
}

impl Nurl {
    /// The NURL of a server that holds the key with that hash and listens directly at `location`.
    #[must_use]
    pub fn new(spki_hash: SpkiHash, location: Location, swissnum: Swissnum) -> Self {
        Self::with_network(Network::Tcp, spki_hash, location, swissnum)
    }

    /// The same, for a location on another network.
    #[must_use]
    pub fn with_network(
        network: Network,
        spki_hash: SpkiHash,
        location: Location,
        swissnum: Swissnum,
    ) -> Self {
        Self { network, spki_hash, locations: vec![location], swissnum }
    }

    /// In which network the locations are.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// The hash of the key that the server must prove to hold.
    #[must_use]
    pub const fn spki_hash(&self) -> &SpkiHash {
        &self.spki_hash
    }

    /// Where it listens; never empty.
    #[must_use]
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The secret that the server asks for.
    #[must_use]
    pub const fn swissnum(&self) -> &Swissnum {
        &self.swissnum
    }

    /// The whole NURL, secret included, to be written to a wire or a private file.
    #[must_use]
    pub fn expose_text(&self) -> String {
        self.text_with(self.swissnum.expose())
    }

    fn text_with(&self, swissnum: &str) -> String {
        let locations: Vec<_> = self.locations.iter().map(ToString::to_string).collect();
        let (scheme, locations) = (self.network.scheme(), locations.join(","));
        format!("{scheme}{}@{locations}/{swissnum}#{VERSION}", self.spki_hash)
    }
}

/// The NURLs of a storage server with this FURL, whose certificate has a key with this hash: one
/// for each hint that GBS can be reached by (section 6.8).
#[must_use]
pub fn nurls_of(furl: &Furl, spki_hash: SpkiHash) -> Vec<Nurl> {
    let nurl =
        |network, location| Nurl::with_network(network, spki_hash, location, furl.name().clone());
    let of_hint = |hint: &String| match hint.split_once(':')? {
        ("tcp", rest) => Some(nurl(Network::Tcp, rest.parse().ok()?)),
        ("tor", rest) => {
            let location: Location = rest.parse().ok()?;
            location.host().ends_with(".onion").then(|| nurl(Network::Tor, location))
        }
        _ => None,
    };
    furl.hints().iter().filter_map(of_hint).collect()
}

impl FromStr for Nurl {
    type Err = NurlError;

    fn from_str(text: &str) -> Result<Self, NurlError> {
        if text.len() > LEN_MAX {
            return Err(NurlError::TooLong(text.len()));
        }
        let (network, rest) = Network::ALL
            .into_iter()
            .find_map(|network| Some((network, text.strip_prefix(network.scheme())?)))
            .ok_or(NurlError::BadScheme)?;
        let (rest, version) = rest.split_once('#').ok_or(NurlError::BadVersion)?;
        if version != VERSION {
            return Err(NurlError::BadVersion);
        }
        let (spki_hash, rest) = rest.split_once('@').ok_or(NurlError::BadForm)?;
        let (locations, swissnum) = rest.split_once('/').ok_or(NurlError::BadForm)?;
        let mut parsed = Vec::new();
        for location in locations.split(',') {
            if parsed.len() == LOCATIONS_MAX {
                return Err(NurlError::TooManyLocations);
            }
            let location = location.strip_prefix(network.prefix()).unwrap_or(location);
            parsed.push(location.parse()?);
        }
        Ok(Self {
            network,
            spki_hash: spki_hash.parse()?,
            locations: parsed,
            swissnum: Swissnum::from_text(swissnum)?,
        })
    }
}

impl fmt::Debug for Nurl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nurl({})", self.text_with("…"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "JIj6ezHkdSBlHhrnezAgIC_mrVQHy4KAFyL-8ZNPGPM";

    #[test]
    fn what_is_printed_is_what_was_read() {
        let cases = [
            format!("pb://{HASH}@127.0.0.1:41000/sw1ssnum#v=1"),
            format!("pb://{HASH}@[::1]:41000/sw1ssnum#v=1"),
            format!("pb://{HASH}@a.example:1,[::1]:2,10.0.0.1:3/sw1ssnum#v=1"),
            format!("pb+tor://{HASH}@{}.onion:80/sw1ssnum#v=1", "a".repeat(56)),
            format!("pb+i2p://{HASH}@x.b32.i2p:80/sw1ssnum#v=1"),
        ];
        for text in cases {
            assert_eq!(text.parse::<Nurl>().unwrap().expose_text(), text);
        }
    }

    #[test]
    fn locations_may_say_that_they_are_tcp() {
        let nurl: Nurl = format!("pb://{HASH}@tcp:a:1,tcp:b:2/s#v=1").parse().unwrap();
        assert_eq!(nurl.expose_text(), format!("pb://{HASH}@a:1,b:2/s#v=1"));
    }

    #[test]
    fn the_secret_is_not_shown() {
        let nurl: Nurl = format!("pb://{HASH}@h:1/hush#v=1").parse().unwrap();
        assert_eq!(format!("{nurl:?}"), format!("Nurl(pb://{HASH}@h:1/…#v=1)"));
    }

    #[test]
    fn what_is_no_nurl() {
        let cases = [
            ("", NurlError::BadScheme),
            ("http://x", NurlError::BadScheme),
            (&format!("pb://{HASH}@h:1/s"), NurlError::BadVersion),
            (&format!("pb://{HASH}@h:1/s#v=2"), NurlError::BadVersion),
            (&format!("pb://{HASH}/s#v=1"), NurlError::BadForm),
            (&format!("pb://{HASH}@h:1#v=1"), NurlError::BadForm),
            (&format!("pb://{}@h:1/s#v=1", &HASH[1..]), SpkiHashError.into()),
            (&format!("pb://{HASH}@/s#v=1"), LocationError::BadPort.into()),
            (&format!("pb://{HASH}@h:1,/s#v=1"), LocationError::BadPort.into()),
            (&format!("pb://{HASH}@h:1/#v=1"), SwissnumError::WrongLength(0).into()),
            (&format!("pb://{HASH}@h:1/a/b#v=1"), SwissnumError::BadCharacter.into()),
            (&format!("pb://{HASH}@{}h:1/s#v=1", "h:1,".repeat(16)), NurlError::TooManyLocations),
            (&"p".repeat(5000), NurlError::TooLong(5000)),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Nurl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn hints_become_nurls() {
        let hash = "JIj6ezHkdSBlHhrnezAgIC_mrVQHy4KAFyL-8ZNPGPM";
        let hints = "h:1,tcp:[::1]:2,tor:x.onion:3,tor:not-onion:3,i2p:y.i2p:0";
        let furl: Furl =
            format!("pb://bidn6wxtlgcqtgv5p5oa3wbhtjbzzoot@{hints}/s").parse().unwrap();
        let nurls = nurls_of(&furl, hash.parse().unwrap());
        let nurls: Vec<_> = nurls.iter().map(Nurl::expose_text).collect();
        let expected =
            [format!("pb://{hash}@[::1]:2/s#v=1"), format!("pb+tor://{hash}@x.onion:3/s#v=1")];
        assert_eq!(nurls, expected);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<Nurl>();
        }

        #[test]
        fn what_is_read_has_one_spelling(rest in "[a-z0-9:.,@/#=\\[\\]-]{0,60}") {
            let text = format!("pb://{HASH}@{rest}#v=1");
            if let Ok(nurl) = text.parse::<Nurl>() {
                prop_assert_eq!(nurl.expose_text().parse::<Nurl>().unwrap(), nurl);
            }
        }
    }
}
