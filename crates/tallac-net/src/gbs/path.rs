//! Which operation a request is for: the paths of section 7.3, printed by the client and read by
//! the server. Nothing is ever unescaped: every path has exactly one spelling.

use std::fmt;

use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::ShareKind;

const ROOT: &str = "/storage/v1/";

/// A path that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// What the server says of itself.
    Version,
    /// An immutable file, to allocate shares of.
    Slot(StorageIndex),
    /// Which shares there are.
    Shares(ShareKind, StorageIndex),
    /// A share, to read or write.
    Share(ShareKind, StorageIndex, ShareNumber),
    /// An upload, to give up.
    Abort(StorageIndex, ShareNumber),
    /// A share that is corrupt.
    Corrupt(ShareKind, StorageIndex, ShareNumber),
    /// The leases of a file.
    Lease(StorageIndex),
    /// A mutable file, to test and change shares of.
    ReadTestWrite(StorageIndex),
    /// A mutable file, to read all shares of: ours alone.
    ReadSlot(StorageIndex),
}

impl Path {
    /// What `path` names, if it names anything.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix(ROOT)?.split('/');
        let kind = match parts.next()? {
            "immutable" => ShareKind::Immutable,
            "mutable" => ShareKind::Mutable,
            "lease" => {
                let storage_index = parts.next()?.parse().ok()?;
                return parts.next().is_none().then_some(Self::Lease(storage_index));
            }
            "version" => return parts.next().is_none().then_some(Self::Version),
            _ => return None,
        };
        let storage_index = parts.next()?.parse().ok()?;
        let (share, verb) = (parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        match (kind, share, verb) {
            (ShareKind::Immutable, None, None) => Some(Self::Slot(storage_index)),
            (ShareKind::Mutable, Some("read-test-write"), None) => {
                Some(Self::ReadTestWrite(storage_index))
            }
            (ShareKind::Mutable, Some("read"), None) => Some(Self::ReadSlot(storage_index)),
            (_, Some("shares"), None) => Some(Self::Shares(kind, storage_index)),
            (_, Some(share), None) => {
                share_number(share).map(|share| Self::Share(kind, storage_index, share))
            }
            (ShareKind::Immutable, Some(share), Some("abort")) => {
                share_number(share).map(|share| Self::Abort(storage_index, share))
            }
            (_, Some(share), Some("corrupt")) => {
                share_number(share).map(|share| Self::Corrupt(kind, storage_index, share))
            }
            _ => None,
        }
    }

    /// The methods that it takes, as an `Allow` header has them.
    pub(crate) const fn methods(&self) -> &'static str {
        match self {
            Self::Version | Self::Shares(..) | Self::Share(ShareKind::Mutable, ..) => "GET, HEAD",
            Self::Share(ShareKind::Immutable, ..) => "GET, HEAD, PATCH",
            Self::Slot(_) | Self::Corrupt(..) | Self::ReadTestWrite(_) | Self::ReadSlot(_) => {
                "POST"
            }
            Self::Abort(..) | Self::Lease(_) => "PUT",
        }
    }
}

/// No share has a number above 255, so a path with one names nothing.
fn share_number(text: &str) -> Option<ShareNumber> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal {
        return None;
    }
    text.parse().ok().map(ShareNumber::new)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROOT)?;
        match self {
            Self::Version => f.write_str("version"),
            Self::Slot(index) => write!(f, "immutable/{index}"),
            Self::Shares(kind, index) => write!(f, "{kind}/{index}/shares"),
            Self::Share(kind, index, share) => write!(f, "{kind}/{index}/{share}"),
            Self::Abort(index, share) => write!(f, "immutable/{index}/{share}/abort"),
            Self::Corrupt(kind, index, share) => write!(f, "{kind}/{index}/{share}/corrupt"),
            Self::Lease(index) => write!(f, "lease/{index}"),
            Self::ReadTestWrite(index) => write!(f, "mutable/{index}/read-test-write"),
            Self::ReadSlot(index) => write!(f, "mutable/{index}/read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SI: &str = "2k6avpjga3dho3zsjo6nnkt7n4";

    #[test]
    fn every_path_is_read_as_it_is_printed() {
        for rest in [
            "version",
            &format!("lease/{SI}"),
            &format!("immutable/{SI}"),
            &format!("immutable/{SI}/shares"),
            &format!("immutable/{SI}/0"),
            &format!("immutable/{SI}/255"),
            &format!("immutable/{SI}/7/abort"),
            &format!("immutable/{SI}/7/corrupt"),
            &format!("mutable/{SI}/shares"),
            &format!("mutable/{SI}/9"),
            &format!("mutable/{SI}/9/corrupt"),
            &format!("mutable/{SI}/read-test-write"),
            &format!("mutable/{SI}/read"),
        ] {
            let path = format!("{ROOT}{rest}");
            assert_eq!(Path::parse(&path).unwrap().to_string(), path);
        }
    }

    #[test]
    fn what_names_nothing() {
        for path in [
            "",
            "/",
            "/storage",
            "/storage/v1",
            "/storage/v1/",
            "/storage/v2/version",
            "/storage/v1/version/",
            "//storage/v1/version",
            "/storage/v1//version",
            "/storage/v1/lease",
            "/storage/v1/lease/",
            "/storage/v1/immutable/",
            "/storage/v1/immutable/..",
            "/storage/v1/immutable/../../etc/passwd",
            "/storage/v1/immutable/%2e%2e%2f%2e%2e/0",
        ] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
        for rest in [
            "2k6avpjga3dho3zsjo6nnkt7n5",
            "2k6avpjga3dho3zsjo6nnkt7n",
            "2K6AVPJGA3DHO3ZSJO6NNKT7N4",
            "2k6avpjga3dho3zsjo6nnkt7%6e4",
            "..",
            ".",
            "aaaaaaaaaaaaaaaaaaaaaaaa/a",
        ] {
            for path in [format!("immutable/{rest}/0"), format!("lease/{rest}")] {
                assert_eq!(Path::parse(&format!("{ROOT}{path}")), None, "{path}");
            }
        }
        for rest in
            ["-1", "+1", "1.0", "256", "99999999999999999999", "x", "", "0/", "0/x", "0/abort/1"]
        {
            assert_eq!(Path::parse(&format!("{ROOT}immutable/{SI}/{rest}")), None, "{rest}");
        }
        for rest in ["", "/0/abort", "/read-test-write/", "/read/0"] {
            assert_eq!(Path::parse(&format!("{ROOT}mutable/{SI}{rest}")), None, "{rest}");
        }
        for rest in ["/read-test-write", "/read"] {
            assert_eq!(Path::parse(&format!("{ROOT}immutable/{SI}{rest}")), None, "{rest}");
        }
    }

    proptest! {
        #[test]
        fn any_text_names_something_or_nothing(text: String) {
            let _ = Path::parse(&text);
            let _ = Path::parse(&format!("{ROOT}immutable/{SI}/{text}"));
        }
    }
}
