//! How errors are called, both ways. Names are those of Python's exceptions, since Tahoe-LAFS
//! shows some of them to its users.

use foolscap::{CallError, ConnectError, Failure};
use tallac_core::storage::StorageError;

/// Characters of a server's own words that are repeated.
const SHOWN_MAX: usize = 200;

/// What a client is told of an error.
pub(crate) fn failure_of(error: StorageError) -> Failure {
    let kind = match &error {
        StorageError::NotFound => "builtins.FileNotFoundError",
        StorageError::Unauthorized => "allmydata.interfaces.BadWriteEnablerError",
        StorageError::Conflict => "allmydata.interfaces.ConflictingWriteError",
        StorageError::AlreadyComplete => "builtins.AssertionError",
        StorageError::BadRange(_) => "allmydata.interfaces.DataTooLargeError",
        StorageError::NoSpace => "allmydata.interfaces.NoSpace",
        StorageError::BadRequest(reason) => return Failure::violation(reason.clone()),
        StorageError::Unreachable(_)
        | StorageError::TimedOut { .. }
        | StorageError::PeerMisbehaved(_)
        | StorageError::Damaged(_)
        | StorageError::Local(_) => {
            tracing::warn!(%error, "a storage operation failed");
            // What is wrong with this machine is for its operator, not for the client.
            return Failure::new("builtins.OSError", "the storage server failed");
        }
    };
    Failure::new(kind, error.to_string())
}

/// What became of a call.
pub(crate) fn error_of(error: CallError) -> StorageError {
    match error {
        CallError::Remote(failure) => error_of_failure(&failure),
        CallError::Disconnected => StorageError::Unreachable(CallError::Disconnected.to_string()),
        CallError::TooLarge => StorageError::BadRequest(CallError::TooLarge.to_string()),
    }
}

fn error_of_failure(failure: &Failure) -> StorageError {
    let said = || {
        let all = format!("{failure}");
        let plain = all.chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.take(SHOWN_MAX).collect::<String>()
    };
    let name = failure.kind.rsplit('.').next().unwrap_or_default();
    match name {
        "FileNotFoundError" => StorageError::NotFound,
        "BadWriteEnablerError" => StorageError::Unauthorized,
        "ConflictingWriteError" => StorageError::Conflict,
        "DataTooLargeError" => StorageError::BadRange(said()),
        "NoSpace" => StorageError::NoSpace,
        "Violation" => StorageError::BadRequest(said()),
        _ if name.ends_with("ContainerVersionError") => StorageError::Damaged(said()),
        _ => StorageError::PeerMisbehaved(said()),
    }
}

/// Why a server could not be asked.
pub(crate) fn error_of_connecting(error: &ConnectError) -> StorageError {
    StorageError::Unreachable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_can_act_on_comes_back() {
        let errors = [
            StorageError::NotFound,
            StorageError::Unauthorized,
            StorageError::Conflict,
            StorageError::BadRange("x".into()),
            StorageError::NoSpace,
            StorageError::BadRequest("x".into()),
        ];
        for error in errors {
            let back = error_of(CallError::Remote(failure_of(error.clone())));
            assert_eq!(std::mem::discriminant(&back), std::mem::discriminant(&error));
        }
    }

    #[test]
    fn a_client_learns_nothing_of_the_machine() {
        for error in [StorageError::Local("/home/x".into()), StorageError::Damaged("/x".into())] {
            assert!(!failure_of(error).to_string().contains("/x"));
        }
    }

    #[test]
    fn a_failure_is_repeated_in_part_and_without_control_characters() {
        let message = format!("first\x1b[31m\n{}", "x".repeat(5000));
        let error = error_of(CallError::Remote(Failure::new("builtins.ValueError", message)));
        let shown = error.to_string();
        assert!(shown.contains("ValueError: first") && shown.len() < 300);
        assert!(!shown.contains(char::is_control));
    }
}
