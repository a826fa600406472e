//! Helpers over Foolscap, both sides (specification section 4.3).
//!
//! [`HelperClient`] is an [`UploadHelper`](tallac_core::helper::UploadHelper) somewhere else;
//! [`HelperService`] lets the peers of a tub reach whatever is one.

mod ciphertext;
mod client;
mod messages;
mod results;
mod service;

pub use client::HelperClient;
pub use service::HelperService;

use foolscap::{CallError, Failure};
use tallac_core::helper::HelperError;

use crate::foolscap_storage::values::Wrong;

/// The interface of a helper.
const HELPER: &str = "RIHelper.tahoe.allmydata.com";

/// The interface of one file's upload at a helper.
const UPLOAD_HELPER: &str = "RIUploadHelper.tahoe.allmydata.com";

/// The interface of what a helper reads.
const ENCRYPTED_UPLOADABLE: &str = "RIEncryptedUploadable.tahoe.allmydata.com";

/// What a helper must say that it speaks.
const HELPER_V1: &[u8] = b"http://allmydata.org/tahoe/protocols/helper/v1";

/// And the upload of one file.
const CHK_UPLOAD_V1: &[u8] = b"http://allmydata.org/tahoe/protocols/helper/chk-upload/v1";

/// Characters of the other side's own words that are repeated.
const SHOWN_MAX: usize = 200;

/// Most bytes of ciphertext that are read in one call. Tahoe-LAFS asks for 51,200.
const READ_LEN_MAX: usize = 4 << 20;

/// What became of a call.
fn error_of(error: CallError) -> HelperError {
    match error {
        CallError::Remote(failure) => {
            let all = failure.to_string();
            let plain = all.chars().map(|c| if c.is_control() { ' ' } else { c });
            HelperError::Failed(plain.take(SHOWN_MAX).collect())
        }
        CallError::Disconnected => HelperError::Disconnected,
        CallError::TooLarge => HelperError::Local(error.to_string()),
    }
}

/// What the other side is told.
fn failure_of(error: &HelperError) -> Failure {
    let kind = match error {
        HelperError::Misbehaved(reason) => return Failure::violation(reason.clone()),
        HelperError::NotConnected | HelperError::Disconnected => {
            "allmydata.immutable.offloaded.NotEnoughWritersError"
        }
        HelperError::Failed(_) => "allmydata.interfaces.UploadUnhappinessError",
        HelperError::Local(_) => {
            tracing::warn!(%error, "an upload for a client failed");
            // What is wrong with this machine is for its operator, not for the client.
            return Failure::new("builtins.OSError", "the helper failed");
        }
    };
    Failure::new(kind, error.to_string())
}

impl From<Wrong> for HelperError {
    fn from(wrong: Wrong) -> Self {
        Self::Misbehaved(wrong.to_string())
    }
}
