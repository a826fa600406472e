//! What goes wrong, as a status and a sentence: the one place that maps errors to statuses (section
//! 8.1; why which, in `docs/decisions/web-statuses.md`). No sentence repeats a cap.

use std::io::ErrorKind;

use http::StatusCode;
use tallac_core::cap::{CapError, CapKind};
use tallac_core::immutable::EncodingError;
use tallac_grid::download::DownloadError;
use tallac_grid::upload::UploadError;

use super::spool::SpoolError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebError {
    /// The text where a cap belongs is none that is known.
    #[error("Invalid capability: {0}. Check that it was copied whole.")]
    BadCap(CapError),
    /// The cap's numbers cannot be those of a file.
    #[error("Invalid capability: {0}")]
    BadNumbers(EncodingError),
    /// A verify cap where content is asked for.
    #[error("This is a {0}: it can only check shares, not read them. Use the read cap.")]
    VerifyCap(CapKind),
    /// Something that Tahoe-LAFS does and this program does not, so far.
    #[error("This build does not do that yet: {0}")]
    NotYet(&'static str),
    /// An immutable file was to be changed.
    #[error("An immutable file cannot be changed or removed; PUT new content to /uri instead.")]
    Immutable,
    /// A path under a file.
    #[error("Files have no children named '{0}'")]
    NoChildren(String),
    /// A path with nothing between two slashes.
    #[error("The webapi does not allow empty pathname components, i.e. a double slash")]
    EmptyComponent,
    /// A URL that is not one of ours.
    #[error("There is no such page here.")]
    NoSuchPage,
    /// Bytes that are no text.
    #[error("The {0} of this URL is not UTF-8.")]
    NotUtf8(&'static str),
    /// A field of a form, or a body, that is no text.
    #[error("A field or body that has to be text is not UTF-8.")]
    NotUtf8Field,
    /// Something that the operation cannot do without.
    #[error("This operation needs {0}=.")]
    MissingArgument(&'static str),
    /// `replace=` is none of its values.
    #[error("invalid replace= argument: it takes true, false or only-files")]
    BadReplace,
    /// `offset=` is no number, or negative.
    #[error("Invalid offset: offset= takes a number of bytes from 0 on.")]
    BadOffset,
    /// An operation that nobody knows.
    #[error("{context}: bad t={operation}")]
    BadOperation {
        /// Where, in Tahoe-LAFS's words.
        context: &'static str,
        /// What was asked for.
        operation: String,
    },
    /// An operation on `/uri` that nobody knows.
    #[error("/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir")]
    BadRootOperation,
    /// `GET /uri` needs to know which.
    #[error("GET /uri requires uri=")]
    NoCapGiven,
    /// A switch that is neither on nor off.
    #[error("invalid boolean argument: {0}= takes true, t, 1, on, false, f, 0 or off")]
    NoBoolean(&'static str),
    /// A format that nobody knows.
    #[error("Unknown format: {0}, I know CHK, SDMF, MDMF")]
    UnknownFormat(String),
    /// A method that the URL does not take.
    #[error("This URL takes only {0}.")]
    MethodNotAllowed(&'static str),
    /// A method that no URL here takes.
    #[error("I don't know how to treat such a request.")]
    UnknownMethod,
    /// A range that begins after the end.
    #[error("First beyond end of file")]
    BeyondEnd {
        /// Size of the file, in bytes.
        size: u64,
    },
    /// The body of the request did not come as it should.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The file is not on the grid.
    #[error("{name}{0}", name = upload_name(.0))]
    Upload(#[from] UploadError),
    /// The file did not come back.
    #[error("{name}{0}", name = download_name(.0))]
    Download(#[from] DownloadError),
    /// An answer could not be put together.
    #[error("This is a defect of the program: an answer could not be put together.")]
    Defect,
}

impl WebError {
    /// Whether it is that nothing more of the body will come.
    pub(super) const fn is_of_body(&self) -> bool {
        matches!(self, Self::Spool(SpoolError::Truncated | SpoolError::Silent { .. }))
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::BadCap(_)
            | Self::BadNumbers(_)
            | Self::VerifyCap(_)
            | Self::Immutable
            | Self::NoChildren(_)
            | Self::EmptyComponent
            | Self::NotUtf8(_)
            | Self::NotUtf8Field
            | Self::MissingArgument(_)
            | Self::BadReplace
            | Self::BadOffset
            | Self::BadOperation { .. }
            | Self::BadRootOperation
            | Self::NoCapGiven
            | Self::NoBoolean(_)
            | Self::UnknownFormat(_) => StatusCode::BAD_REQUEST,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BeyondEnd { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::NotYet(_) | Self::UnknownMethod => StatusCode::NOT_IMPLEMENTED,
            Self::Spool(error) => of_spool(error),
            Self::Upload(error) => of_upload(error),
            Self::Download(error) => of_download(error),
            Self::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

fn of_spool(error: &SpoolError) -> StatusCode {
    match error {
        SpoolError::Truncated | SpoolError::BadForm(_) => StatusCode::BAD_REQUEST,
        SpoolError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        SpoolError::Silent { .. } => StatusCode::REQUEST_TIMEOUT,
        SpoolError::TempFile(error) => match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

fn of_upload(error: &UploadError) -> StatusCode {
    match error {
        UploadError::Unhappy(_) => StatusCode::SERVICE_UNAVAILABLE,
        UploadError::Sizes(_) => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_download(error: &DownloadError) -> StatusCode {
    match error {
        DownloadError::NoShares { .. }
        | DownloadError::NotEnoughShares { .. }
        | DownloadError::BrokenFile(_) => StatusCode::GONE,
        DownloadError::Cap(_) | DownloadError::TooManySegments { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What Tahoe-LAFS calls the error, in front: programs look for it.
const fn upload_name(error: &UploadError) -> &'static str {
    match error {
        UploadError::Unhappy(_) => "UploadUnhappinessError: ",
        _ => "",
    }
}

const fn download_name(error: &DownloadError) -> &'static str {
    match error {
        DownloadError::NoShares { .. } => "NoSharesError: ",
        DownloadError::NotEnoughShares { .. } => "NotEnoughSharesError: ",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tallac_core::ids::StorageIndex;
    use tallac_core::placement::UploadUnhappiness;

    use super::*;

    fn check(error: impl Into<WebError>, status: u16, begin: &str) {
        let error = error.into();
        assert_eq!(error.status().as_u16(), status, "{error}");
        assert!(error.to_string().starts_with(begin), "{error}");
    }

    fn temp_file(kind: ErrorKind) -> SpoolError {
        SpoolError::TempFile(io::Error::from(kind).into())
    }

    #[test]
    fn who_is_at_fault_shows_in_the_status() {
        let unhappy = UploadUnhappiness::no_servers(StorageIndex::new([0; 16]));
        check(UploadError::Unhappy(unhappy), 503, "UploadUnhappinessError: server selection");
        check(UploadError::SourceChanged, 500, "the file became shorter");
        check(temp_file(ErrorKind::StorageFull), 507, "The node cannot keep the file");
        check(temp_file(ErrorKind::QuotaExceeded), 507, "The node cannot keep the file");
        check(temp_file(ErrorKind::PermissionDenied), 500, "The node cannot keep the file");
        check(SpoolError::Truncated, 400, "The body of the request ended too early");
        check(SpoolError::Silent { seconds: 60 }, 408, "Nothing more of the body arrived for 60 s");
        check(DownloadError::NoShares { asked: 1, unanswered: 9 }, 410, "NoSharesError: no shares");
        let few = DownloadError::NotEnoughShares { found: 2, needed: 3, asked: 2, unanswered: 8 };
        check(few, 410, "NotEnoughSharesError: 2 of the 3");
        check(DownloadError::BrokenFile("x".to_owned()), 410, "the file was not encoded properly");
        check(DownloadError::TooManySegments { size: 1 << 60 }, 400, "a file of");
    }
}
