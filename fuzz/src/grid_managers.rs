//! What grid managers sign, as files and announcements have it, and what is set in a `tahoe.cfg`
//! (specification section 11.5).

use tallac_core::grid_manager::{IsoTime, SignedCertificate};

/// Reads any text as a certificate, and as a moment; writes what was read, and reads it again.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(signed) = SignedCertificate::parse(text) {
        assert_eq!(SignedCertificate::parse(&signed.file_text()).as_ref(), Ok(&signed));
        assert_eq!(SignedCertificate::from_json(&signed.to_json()).as_ref(), Ok(&signed));
        if let Ok(certificate) = signed.unverified() {
            let _ = (certificate.text(), certificate.expires.at());
        }
    }
    if let Ok(time) = text.parse::<IsoTime>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    let place = ("storage", "grid_management");
    if let Ok(changed) = tallac::config::set_value(text, place, "True") {
        let ini = tallac::config::Ini::parse(&changed).expect("what was changed can be read");
        assert_eq!(ini.get(place.0, place.1), Ok(Some("True".to_owned())));
    }
}

/// Certificates, moments and a `tahoe.cfg`.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let vectors = include_str!("../../vectors/grid_manager.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("the vectors are JSON");
    let texts = |key: &str, field: Option<&str>| -> Vec<String> {
        let rows = vectors[key].as_array().cloned().unwrap_or_default();
        let text = |row: serde_json::Value| match field {
            Some(field) => row[field].as_str().map(str::to_owned),
            None => row.as_str().map(str::to_owned),
        };
        rows.into_iter().filter_map(text).collect()
    };
    let config = "[node]\nnickname = x\n\n[storage]\n# kept\nenabled = true\nplugins = a\n  b\n";
    let all = [texts("files", None), texts("times", Some("text")), vec![config.to_owned()]];
    super::texts(all.concat().iter().map(String::as_str))
}
