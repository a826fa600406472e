//! The arguments of a request, from its URL or else from its form (section 8.1).

use data_encoding::BASE64URL as PRIVATE_KEY_TEXT;
use tallac_core::cap::MutableFormat;
use tallac_core::dirnode::Overwrite;
use zeroize::Zeroizing;

use super::error::WebError;
use super::query::{Query, quotable};

/// The arguments of one request.
#[derive(Debug, Default)]
pub(super) struct Args {
    query: Query,
    fields: Query,
}

/// What kind of file or directory is to be made (`format=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One that never changes.
    Chk,
    /// One that can be written again.
    Mutable(MutableFormat),
}

impl Args {
    /// Those of the URL, and those of the form, if there is one.
    pub(super) const fn new(query: Query, fields: Query) -> Self {
        Self { query, fields }
    }

    /// Whether some came in a form.
    pub(super) const fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The value of an argument. The URL counts before the form, the first before the others.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.query.value(name).or_else(|| self.fields.value(name))
    }

    /// The value of an argument, if it is more than nothing.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// Which operation is asked for: `t=`, empty where there is none.
    pub(super) fn operation(&self) -> &str {
        self.value("t").unwrap_or_default().trim()
    }

    /// A switch that is off unless it is given.
    pub(super) fn is_on(&self, name: &'static str) -> Result<bool, WebError> {
        self.value(name).map_or(Ok(false), |value| boolean(name, value))
    }

    /// `replace=`, which is `true` unless it is given.
    pub(super) fn replace(&self) -> Result<Overwrite, WebError> {
        let Some(value) = self.value("replace") else { return Ok(Overwrite::Yes) };
        if value.eq_ignore_ascii_case("only-files") {
            return Ok(Overwrite::OnlyFiles);
        }
        let is_on = boolean("replace", value).map_err(|_| WebError::BadReplace)?;
        Ok(if is_on { Overwrite::Yes } else { Overwrite::No })
    }

    /// `format=`, or what `mutable=` means; nothing if neither says anything.
    pub(super) fn format(&self) -> Result<Option<Format>, WebError> {
        let Some(format) = self.filled("format") else {
            let is_mutable = self.is_on("mutable")?;
            return Ok(is_mutable.then_some(Format::Mutable(MutableFormat::Sdmf)));
        };
        Ok(Some(match format.trim().to_ascii_lowercase().as_str() {
            "chk" => Format::Chk,
            "sdmf" => Format::Mutable(MutableFormat::Sdmf),
            "mdmf" => Format::Mutable(MutableFormat::Mdmf),
            _ => return Err(WebError::UnknownFormat(quotable(format))),
        }))
    }

    /// `offset=`: where in a mutable file the body is to be written.
    pub(super) fn offset(&self) -> Result<Option<u64>, WebError> {
        let Some(offset) = self.value("offset") else { return Ok(None) };
        offset.trim().parse().map(Some).map_err(|_| WebError::BadOffset)
    }

    /// `private-key=`: the PKCS#8 DER of the key of a mutable file that is to be made.
    pub(super) fn private_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>, WebError> {
        let Some(text) = self.value("private-key") else { return Ok(None) };
        let der = PRIVATE_KEY_TEXT.decode(text.trim().as_bytes());
        der.map(|der| Some(Zeroizing::new(der))).map_err(|_| WebError::BadKeyText)
    }

    /// `when_done=`: where the client wants to be sent.
    pub(super) fn when_done(&self) -> Option<&str> {
        self.filled("when_done")
    }

    /// Whether the client wants to be sent to what was made.
    pub(super) fn is_redirected(&self) -> Result<bool, WebError> {
        self.is_on("redirect_to_result")
    }
}

fn boolean(name: &'static str, value: &str) -> Result<bool, WebError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "on" => Ok(true),
        "false" | "f" | "0" | "off" => Ok(false),
        _ => Err(WebError::NoBoolean(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(query: &str, fields: &str) -> Args {
        Args::new(Query::parse(Some(query)).unwrap(), Query::parse(Some(fields)).unwrap())
    }

    #[test]
    fn the_url_counts_before_the_form() {
        let args = args("t=+upload&a=1", "t=uri&a=2&b=3&when_done=.");
        assert_eq!(args.operation(), "upload");
        assert_eq!((args.value("a"), args.value("b")), (Some("1"), Some("3")));
        assert_eq!(args.when_done(), Some("."));
    }

    #[test]
    fn booleans_are_tahoes() {
        let is_on = |value: &str| args(&format!("save={value}"), "").is_on("save").ok();
        for yes in ["true", "T", "1", "On"] {
            assert_eq!(is_on(yes), Some(true), "{yes}");
        }
        for no in ["false", "F", "0", "OFF"] {
            assert_eq!(is_on(no), Some(false), "{no}");
        }
        for bad in ["", "yes", "2", "maybe"] {
            assert_eq!(is_on(bad), None, "{bad}");
        }
        assert!(!Args::default().is_on("save").unwrap());
    }

    #[test]
    fn what_may_be_replaced() {
        let replace = |query| args(query, "").replace().ok();
        assert_eq!(replace(""), Some(Overwrite::Yes));
        assert_eq!(replace("replace=T"), Some(Overwrite::Yes));
        assert_eq!(replace("replace=off"), Some(Overwrite::No));
        assert_eq!(replace("replace=Only-Files"), Some(Overwrite::OnlyFiles));
        assert_eq!(replace("replace=perhaps"), None);
    }

    #[test]
    fn formats() {
        let format = |query| args(query, "").format().ok();
        let sdmf = Some(Some(Format::Mutable(MutableFormat::Sdmf)));
        assert_eq!(format(""), Some(None));
        assert_eq!(format("mutable=false"), Some(None));
        assert_eq!(format("mutable=true"), sdmf);
        assert_eq!(format("format=&mutable=true"), sdmf);
        assert_eq!(format("format=Sdmf"), sdmf);
        assert_eq!(format("format=chk&mutable=true"), Some(Some(Format::Chk)));
        assert_eq!(format("format=MDMF"), Some(Some(Format::Mutable(MutableFormat::Mdmf))));
        assert_eq!(format("format=zip"), None);
    }

    #[test]
    fn offsets() {
        let offset = |query| args(query, "").offset().ok();
        assert_eq!(offset(""), Some(None));
        assert_eq!(offset("offset=0"), Some(Some(0)));
        assert_eq!(offset("offset=18446744073709551615"), Some(Some(u64::MAX)));
        for bad in ["offset=", "offset=-1", "offset=x", "offset=18446744073709551616"] {
            assert_eq!(offset(bad), None, "{bad}");
        }
    }
}
