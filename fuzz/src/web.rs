//! Paths, arguments, ranges, forms and lists of children of the web API (specification sections
//! 8.1, 8.3 and 8.6).

/// Reads any text as each of them.
pub fn target(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        tallac_gateway::fuzzing::texts(text);
    }
}

/// Some of each.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([
        "/",
        "/uri/",
        "/uri/URI%3ALIT%3Akrugkidfnzsc4/a%20b/%C3%A9",
        "/cap/URI:LIT:aa",
        "/file/URI:LIT:aa/@@named=/x.txt",
        "/named/URI:LIT:aa/path/to/x.txt",
        "t=json&filename=%C3%A9+b&save=true",
        "t=uri&&x&format=CHK&replace=only-files",
        "bytes=0-3",
        "bytes=-500",
        "bytes=990-,4-5",
        r#"{"a": ["filenode", {"ro_uri": "URI:LIT:aa", "metadata": {"n": 1.5}}]}"#,
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--XX--",
        "multipart/form-data; boundary=\"XX\"",
    ])
}
