//! The type of a file, guessed from its name as Tahoe-LAFS does (section 8.3).

/// What names are taken for that say nothing.
const DEFAULT: &str = "text/plain";

/// Where Tahoe-LAFS's table (that of Python 3.11 and Twisted) says something else than ours,
/// sorted. It also reads the machine's `/etc/mime.types`; we do not, so that every machine answers
/// alike.
const EXCEPTIONS: [(&str, &str); 41] = [
    ("3g2", "audio/3gpp2"),
    ("3gp", "audio/3gpp"),
    ("3gpp", "audio/3gpp"),
    ("3gpp2", "audio/3gpp2"),
    ("a", "application/octet-stream"),
    ("aif", "audio/x-aiff"),
    ("aifc", "audio/x-aiff"),
    ("aiff", "audio/x-aiff"),
    ("ass", "audio/aac"),
    ("bat", "text/plain"),
    ("cdf", "application/x-netcdf"),
    ("diff", "text/plain"),
    ("dll", "application/octet-stream"),
    ("flac", "audio/x-flac"),
    ("h5", "application/x-hdf5"),
    ("ico", "image/vnd.microsoft.icon"),
    ("java", "text/plain"),
    ("ksh", "text/plain"),
    ("loas", "audio/aac"),
    ("m3u", "application/vnd.apple.mpegurl"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("mif", "application/x-mif"),
    ("o", "application/octet-stream"),
    ("obj", "application/octet-stream"),
    ("opus", "audio/opus"),
    ("oz", "text/x-oz"),
    ("patch", "text/plain"),
    ("pl", "text/plain"),
    ("py", "text/x-python"),
    ("pyc", "application/x-python-code"),
    ("pyo", "application/x-python-code"),
    ("ram", "application/x-pn-realaudio"),
    ("rdf", "application/xml"),
    ("sgm", "text/x-sgml"),
    ("sgml", "text/x-sgml"),
    ("srt", "text/plain"),
    ("wav", "audio/x-wav"),
    ("wsdl", "application/xml"),
    ("xlb", "application/vnd.ms-excel"),
    ("xpdl", "application/xml"),
    ("xsl", "application/xml"),
];

/// Endings that say how the file is packed, and leave its type to the ending before.
const ENCODINGS: [(&str, &str); 2] = [("bz2", "bzip2"), ("gz", "gzip")];

/// What a name says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guess {
    /// For `Content-Type`.
    pub(super) content_type: &'static str,
    /// For `Content-Encoding`.
    pub(super) encoding: Option<&'static str>,
}

/// What this name says.
pub(super) fn guess(name: &str) -> Guess {
    let (stem, ending) = split_ending(name);
    match ENCODINGS.into_iter().find(|(known, _)| *known == ending) {
        Some((_, encoding)) => {
            Guess { content_type: of_ending(&split_ending(stem).1), encoding: Some(encoding) }
        }
        None => Guess { content_type: of_ending(&ending), encoding: None },
    }
}

/// The ending in lower case, and what is before; none where the name only begins with a dot.
fn split_ending(name: &str) -> (&str, String) {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.trim_matches('.').is_empty() => {
            (stem, ending.to_ascii_lowercase())
        }
        _ => (name, String::new()),
    }
}

fn of_ending(ending: &str) -> &'static str {
    match EXCEPTIONS.binary_search_by_key(&ending, |(known, _)| *known) {
        Ok(at) => EXCEPTIONS[at].1,
        Err(_) => mime_guess::from_ext(ending).first_raw().unwrap_or(DEFAULT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exceptions_are_sorted() {
        assert!(EXCEPTIONS.is_sorted());
    }

    #[test]
    fn types_are_tahoes() {
        let cases = [
            ("unknown", "text/plain", None),
            ("a.txt", "text/plain", None),
            ("a.b.PNG", "image/png", None),
            ("y.jpg", "image/jpeg", None),
            ("z.html", "text/html", None),
            ("z.pdf", "application/pdf", None),
            ("z.mp4", "video/mp4", None),
            ("patch.diff", "text/plain", None),
            ("main.py", "text/x-python", None),
            ("x.zzz", "text/plain", None),
            ("x.", "text/plain", None),
            (".html", "text/plain", None),
            ("..png", "text/plain", None),
            ("", "text/plain", None),
            ("a.tar.gz", "application/x-tar", Some("gzip")),
            ("notes.gz", "text/plain", Some("gzip")),
            ("a.tar.BZ2", "application/x-tar", Some("bzip2")),
        ];
        for (name, content_type, encoding) in cases {
            assert_eq!(guess(name), Guess { content_type, encoding }, "{name}");
        }
    }
}
