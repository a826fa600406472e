//! The token by which commands prove to the node's web server that they may read its private
//! files: `private/api_auth_token`.

use std::fmt;

use data_encoding::BASE64URL;
use zeroize::Zeroizing;

use super::NodeFileError;
use crate::config::NodeDirectory;
use crate::files::{self, Access};

/// A token, made anew whenever a node starts.
#[derive(Clone)]
pub struct ApiAuthToken(Zeroizing<String>);

impl ApiAuthToken {
    /// Makes one, and puts it where commands find it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn renew(directory: &NodeDirectory) -> Result<Self, NodeFileError> {
        directory.make_private()?;
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        let token = Zeroizing::new(BASE64URL.encode(&*bytes));
        let line = Zeroizing::new(format!("{}\n", *token));
        files::write(&directory.private("api_auth_token"), &line, Access::Private)?;
        Ok(Self(token))
    }

    /// Its text, to be compared in constant time with what a request brings.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiAuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiAuthToken(…)")
    }
}
