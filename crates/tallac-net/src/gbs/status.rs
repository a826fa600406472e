//! What an error is called in HTTP, both ways (section 7.3).

use http::StatusCode;
use tallac_core::storage::StorageError;

/// The status that tells a client of an error.
pub(crate) const fn of_error(error: &StorageError) -> StatusCode {
    match error {
        StorageError::NotFound => StatusCode::NOT_FOUND,
        StorageError::Unauthorized => StatusCode::UNAUTHORIZED,
        StorageError::Conflict => StatusCode::CONFLICT,
        StorageError::AlreadyComplete => StatusCode::METHOD_NOT_ALLOWED,
        StorageError::BadRange(_) => StatusCode::RANGE_NOT_SATISFIABLE,
        StorageError::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
        StorageError::BadRequest(_) => StatusCode::BAD_REQUEST,
        StorageError::Damaged(_) | StorageError::Local(_) => StatusCode::INTERNAL_SERVER_ERROR,
        StorageError::Unreachable(_) | StorageError::PeerMisbehaved(_) => StatusCode::BAD_GATEWAY,
        StorageError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// The error that a server tells of with a status, and with whatever it says besides.
pub(crate) fn to_error(status: StatusCode, said: &str) -> StorageError {
    let message = || match said {
        "" => format!("status {status}"),
        _ => format!("status {status}: {said}"),
    };
    match status {
        StatusCode::NOT_FOUND => StorageError::NotFound,
        StatusCode::UNAUTHORIZED => StorageError::Unauthorized,
        StatusCode::CONFLICT => StorageError::Conflict,
        StatusCode::METHOD_NOT_ALLOWED => StorageError::AlreadyComplete,
        StatusCode::RANGE_NOT_SATISFIABLE => StorageError::BadRange(message()),
        StatusCode::INSUFFICIENT_STORAGE => StorageError::NoSpace,
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => StorageError::BadRequest(message()),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            StorageError::Unreachable(message())
        }
        _ => StorageError::PeerMisbehaved(message()),
    }
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
            StorageError::AlreadyComplete,
            StorageError::BadRange("x".into()),
            StorageError::NoSpace,
            StorageError::BadRequest("x".into()),
        ];
        for error in errors {
            let back = to_error(of_error(&error), "");
            assert_eq!(std::mem::discriminant(&back), std::mem::discriminant(&error));
        }
    }
}
