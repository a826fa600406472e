//! How a node stores and finds files: `[client]` (section 10.2).

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::Value;
use tallac_core::cap::MutableFormat;
use tallac_core::grid_manager::GridManagers;
use tallac_core::immutable::{Encoding, SEGMENT_SIZE_DEFAULT, SEGMENT_SIZE_MAX};
use tallac_net::identity::{Furl, FurlError};

use super::error::ConfigError;
use super::reader::{Place, Reader};
use super::{grid_managers, values, yaml};

/// How a node stores and finds files.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// How many shares make up a file, `k`.
    pub needed: u16,
    /// On how many servers the shares must be, so that any of these may fail.
    pub happy: u16,
    /// How many shares are made, `N`.
    pub total: u16,
    /// Largest segment of an immutable file, in bytes.
    pub segment_size_max: u64,
    /// Kind of new mutable files.
    pub mutable_format: MutableFormat,
    /// Whether servers are only spoken to over Foolscap.
    pub force_foolscap: bool,
    /// Addresses of introducers by petname. Secret: whoever knows one may use the grid.
    pub introducers: BTreeMap<String, Furl>,
    /// Address of a helper, if one is to be used. Secret.
    pub helper_furl: Option<Furl>,
    /// Who may say which servers shares are put on.
    pub grid_managers: GridManagers,
}

impl ClientConfig {
    /// `k`-of-`N`.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        Encoding::new(self.needed.into(), self.total.into()).expect("checked when it was read")
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("needed", &self.needed)
            .field("happy", &self.happy)
            .field("total", &self.total)
            .field("segment_size_max", &self.segment_size_max)
            .field("mutable_format", &self.mutable_format)
            .field("force_foolscap", &self.force_foolscap)
            .field("introducers", &self.introducers.len())
            .field("helper_furl", &self.helper_furl.is_some())
            .field("grid_managers", &self.grid_managers)
            .finish()
    }
}

const NEEDED: Place = ("client", "shares.needed");
const HAPPY: Place = ("client", "shares.happy");
const TOTAL: Place = ("client", "shares.total");
const SEGMENT_SIZE: Place = ("client", "shares._max_immutable_segment_size_for_testing");
const INTRODUCER: Place = ("client", "introducer.furl");
const HELPER: Place = ("client", "helper.furl");

pub(super) fn read(reader: &Reader<'_>) -> Result<ClientConfig, ConfigError> {
    let (needed, happy, total) = shares(reader)?;
    Ok(ClientConfig {
        needed,
        happy,
        total,
        segment_size_max: segment_size_max(reader)?,
        mutable_format: match reader.text(("client", "mutable.format"))? {
            Some(text) if text.eq_ignore_ascii_case("mdmf") => MutableFormat::Mdmf,
            _ => MutableFormat::Sdmf,
        },
        force_foolscap: reader.boolean(("client", "force_foolscap"), false)?,
        introducers: introducers(reader)?,
        helper_furl: helper_furl(reader)?,
        grid_managers: grid_managers::trusted(reader)?,
    })
}

pub(super) fn shares(reader: &Reader<'_>) -> Result<(u16, u16, u16), ConfigError> {
    let number = |place: Place, default: u16| -> Result<u16, ConfigError> {
        let Some(number) = reader.parse(place, values::whole)? else { return Ok(default) };
        let fits = u16::try_from(number).ok().filter(|number| (1..=256).contains(number));
        fits.ok_or_else(|| reader.wrong(place, "must be a number from 1 to 256".to_owned()))
    };
    let (needed, happy, total) = (number(NEEDED, 3)?, number(HAPPY, 7)?, number(TOTAL, 10)?);
    if needed > total {
        let problem = format!(
            "is {needed}, but shares.total is {total}: a file cannot need more shares than it \
             has; lower shares.needed or raise shares.total"
        );
        return Err(reader.wrong(NEEDED, problem));
    }
    if happy > total {
        let problem = format!(
            "is {happy}, but shares.total is {total}: shares cannot be on more servers than \
             there are shares; lower shares.happy or raise shares.total"
        );
        return Err(reader.wrong(HAPPY, problem));
    }
    Ok((needed, happy, total))
}

fn segment_size_max(reader: &Reader<'_>) -> Result<u64, ConfigError> {
    let size = reader.parse(SEGMENT_SIZE, values::whole)?.unwrap_or(SEGMENT_SIZE_DEFAULT);
    if !(1..=SEGMENT_SIZE_MAX).contains(&size) {
        let problem = format!("must be a number from 1 to {SEGMENT_SIZE_MAX}");
        return Err(reader.wrong(SEGMENT_SIZE, problem));
    }
    Ok(size)
}

/// The petname of the introducer that `introducer.furl` names.
const DEFAULT_PETNAME: &str = "default";

/// Longest petname of an introducer, in bytes.
const PETNAME_LEN_MAX: usize = 200;

pub(super) fn introducers(reader: &Reader<'_>) -> Result<BTreeMap<String, Furl>, ConfigError> {
    let mut introducers = introducers_yaml(&reader.directory.private("introducers.yaml"))?;
    match reader.filled(INTRODUCER)? {
        Some(furl) if furl == "None" => {
            let problem = "has invalid 'introducer.furl = None': to disable it omit the key \
                           entirely";
            Err(reader.wrong(INTRODUCER, problem.to_owned()))
        }
        Some(_) if introducers.contains_key(DEFAULT_PETNAME) => {
            let problem = "'default' introducer furl cannot be specified in tahoe.cfg and \
                           introducers.yaml; please fix impossible configuration: remove \
                           introducer.furl here, or the entry 'default' there";
            Err(reader.wrong(INTRODUCER, problem.to_owned()))
        }
        Some(furl) => {
            let furl = furl.trim().parse();
            let furl = furl.map_err(|error: FurlError| reader.wrong(INTRODUCER, error.to_string()));
            introducers.insert(DEFAULT_PETNAME.to_owned(), furl?);
            Ok(introducers)
        }
        None => Ok(introducers),
    }
}

fn helper_furl(reader: &Reader<'_>) -> Result<Option<Furl>, ConfigError> {
    let Some(furl) = reader.filled(HELPER)?.filter(|furl| furl != "None") else { return Ok(None) };
    let furl = furl.trim().parse();
    furl.map(Some).map_err(|error: FurlError| reader.wrong(HELPER, error.to_string()))
}

/// `introducers: {petname: {furl: …}}`.
fn introducers_yaml(file: &Path) -> Result<BTreeMap<String, Furl>, ConfigError> {
    let Some(document) = yaml::read(file)? else { return Ok(BTreeMap::new()) };
    let wrong = |place: &str, problem: &str| ConfigError::Malformed {
        file: file.to_owned(),
        place: place.to_owned(),
        problem: problem.to_owned(),
    };
    let entries = match document.get("introducers") {
        None if document.is_object() => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        _ => return Err(wrong("", "must be like introducers: {petname: {furl: pb://…}}")),
    };
    let mut introducers = BTreeMap::new();
    for (petname, entry) in entries {
        let place = format!(", introducer '{petname}'");
        if petname.contains(['/', '\0']) || petname.len() > PETNAME_LEN_MAX {
            // It becomes part of a file's name.
            return Err(wrong(&place, "its name must be short, and without a slash"));
        }
        let furl = entry.get("furl").and_then(Value::as_str);
        let furl = furl.ok_or_else(|| wrong(&place, "furl must be a text"))?.trim().parse();
        let furl = furl.map_err(|error: FurlError| wrong(&place, &error.to_string()))?;
        introducers.insert(petname.clone(), furl);
    }
    Ok(introducers)
}
