//! What goes wrong, as a status and a sentence: the one place that maps errors to statuses (section
//! 8.1; why which, in `docs/decisions/web-statuses.md`). No sentence repeats a cap.

use std::io::ErrorKind;
use std::sync::Arc;

use http::StatusCode;
use tallac_core::cap::{CapError, CapKind};
use tallac_core::dirnode::DirectoryError;
use tallac_core::immutable::EncodingError;
use tallac_core::mutable::KeyError;
use tallac_grid::directory::DirectoryIoError;
use tallac_grid::download::DownloadError;
use tallac_grid::mutable::MutableError;
use tallac_grid::upload::UploadError;

use super::safety::Refusal;
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
    /// An immutable file was to be changed.
    #[error("An immutable file cannot be changed or removed; PUT new content to /uri instead.")]
    Immutable,
    /// A path under a file.
    #[error("Files have no children named '{}'", shown(.0))]
    NoChildren(String),
    /// A directory was to be made under a file.
    #[error(
        "Cannot create directory '{}', because its parent is a file, not a directory",
        shown(.0)
    )]
    FileInTheWay(String),
    /// A directory was to be made where a file is.
    #[error("Unable to create directory '{}': a file was in the way", shown(.0))]
    DirectoryIsAFile(String),
    /// A file was to be put where a directory is.
    #[error("There is a directory of that name. Unlink it first, or choose another name.")]
    DirectoryInTheWay,
    /// A name that nothing has.
    #[error("No such child: {}", shown(.0))]
    NoSuchChild(String),
    /// A name that something has which is not to be replaced.
    #[error("There was already a child by that name, and you asked me to not replace it.")]
    ExistingChild,
    /// A directory was to be changed by a cap that cannot.
    #[error(
        "This directory cannot be changed through this capability: it is immutable, or the \
         capability only reads. Use the write capability of a directory that can be changed."
    )]
    NotWriteable,
    /// A mutable file was to be changed by a cap that cannot.
    #[error("PUT to a mutable file: replace or update requested with read-only cap")]
    ReadonlyFile,
    /// An immutable file was to be changed in the middle.
    #[error("PUT to a file: append operation invoked on an immutable cap")]
    OffsetOfImmutable,
    /// Something is to be replaced or removed that is in no directory.
    #[error(
        "What a capability itself names cannot be replaced or removed. Name it by its directory's \
         capability and the path from there."
    )]
    NoParent,
    /// A file is needed.
    #[error("This is a directory or something else that has no content of its own.")]
    NotAFile,
    /// A directory is needed.
    #[error("to_dir is not a directory")]
    NotADirectory,
    /// Something of a kind that only later versions know.
    #[error(
        "GET unknown URI type: can only do t=info and t=json, not t={0}.\n\
         Using a webapi server that supports a later version of Tahoe may help."
    )]
    UnknownNode(String),
    /// A body was sent to a directory.
    #[error("PUT to a directory")]
    PutToDirectory,
    /// Part of a file was sent that is not there yet.
    #[error("Content-Range in PUT not yet supported")]
    ContentRange,
    /// A directory in a format that directories cannot have.
    #[error("format=CHK not accepted for t=mkdir: use t=mkdir-immutable for such a directory")]
    ImmutableDirectory,
    /// Children for an operation that takes none.
    #[error("t=mkdir does not accept children=, try t=mkdir-with-children instead")]
    ChildrenNotTaken,
    /// The list of children makes no sense.
    #[error("The list of children in the body cannot be used: {0}")]
    BadChildren(String),
    /// A cap that cannot be linked.
    #[error("{}", bad_child(name, error))]
    BadChildCap {
        /// The child.
        name: String,
        /// Why not.
        error: CapError,
    },
    /// The private key is none.
    #[error("private-key= holds no key that a mutable file can have: {0}")]
    BadKey(KeyError),
    /// The private key is not even base64.
    #[error("private-key= must be the PKCS#8 DER text of an RSA key, in urlsafe base64.")]
    BadKeyText,
    /// A name that could be taken for a path.
    #[error("{0}= may not contain a slash")]
    SlashInName(&'static str),
    /// A file without a name.
    #[error("upload requires a name")]
    UploadWithoutName,
    /// A link without this.
    #[error("set-uri requires a {0}")]
    LinkWithout(&'static str),
    /// Another name without this.
    #[error("{0}= is required for rename")]
    RenameWithout(&'static str),
    /// A rename to another directory.
    #[error("to_dir= is not valid for rename")]
    RenameWithDirectory,
    /// A long operation without a handle.
    #[error("slow operation requires ophandle=")]
    NoHandle,
    /// A handle that nobody can want.
    #[error("ophandle= is too long")]
    HandleTooLong,
    /// A handle that is not in use.
    #[error("unknown/expired handle")]
    NoSuchOperation,
    /// An object of a deep check whose results are not there.
    #[error("{}", no_details(storage_index, *left_out))]
    NoDetails {
        /// The object, as the client names it.
        storage_index: String,
        /// Objects whose results found no room.
        left_out: u64,
    },
    /// A lifetime that is no number.
    #[error("retain-for= takes a number of seconds")]
    BadRetention,
    /// More operations than are kept.
    #[error(
        "Too many operations are under way or have results that nobody fetched. Cancel some, or \
         start them with retain-for=."
    )]
    TooManyOperations,
    /// A form of results that nobody knows.
    #[error("Unknown output value: output= takes html, text or JSON")]
    UnknownOutput,
    /// An operation that was begun earlier has failed.
    #[error(transparent)]
    Operation(Arc<Self>),
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
    #[error("{context} bad t={operation}")]
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
    /// A mutable file could not be read or written.
    #[error("{name}{0}", name = mutable_name(.0))]
    Mutable(#[from] MutableError),
    /// A directory could not be read or changed.
    #[error("{}", directory_text(.0))]
    Directory(DirectoryIoError),
    /// Something that the node's operator does not want to be had through it.
    #[error("Access Prohibited: {}", shown(.0))]
    Prohibited(String),
    /// Nobody knows what is prohibited.
    #[error("This node's access.blacklist cannot be used, so nothing is handed out: {0}")]
    BadBlacklist(String),
    /// The name of an operation's page is none.
    #[error("no '-' in '{}'", shown(.0))]
    NoStatusName(String),
    /// The number in the name of an operation's page is none.
    #[error("'{}' does not end with the number of an operation", shown(.0))]
    NoStatusNumber(String),
    /// A form that a page does not have.
    #[error("Unknown t value: {0}")]
    UnknownForm(String),
    /// Something that a browser was made to ask for.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something private without the token.
    #[error("Unauthorized")]
    Unauthorized,
    /// Incidents are only reported.
    #[error("/report_incident can only be used with POST")]
    ReportWithoutPost,
    /// An incident could not be kept.
    #[error("The incident report could not be saved in logs/incidents: {0}")]
    IncidentNotKept(String),
    /// The log is sent over WebSockets only.
    #[error("This is a WebSocket: connect to it as one, with version 13 of the protocol.")]
    NoWebSocket,
    /// More of them than are served.
    #[error("Too many programs read the log of this node already.")]
    TooManyLogReaders,
    /// The storage server that this is about does not run.
    #[error("This node has no storage server.")]
    NoStorage,
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
            | Self::ReadonlyFile
            | Self::OffsetOfImmutable
            | Self::NoParent
            | Self::NotAFile
            | Self::NotADirectory
            | Self::UnknownNode(_)
            | Self::PutToDirectory
            | Self::ImmutableDirectory
            | Self::ChildrenNotTaken
            | Self::BadChildren(_)
            | Self::BadChildCap { .. }
            | Self::BadKey(_)
            | Self::BadKeyText
            | Self::SlashInName(_)
            | Self::UploadWithoutName
            | Self::LinkWithout(_)
            | Self::RenameWithout(_)
            | Self::RenameWithDirectory
            | Self::NoHandle
            | Self::HandleTooLong
            | Self::BadRetention
            | Self::UnknownOutput
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
            | Self::UnknownFormat(_)
            | Self::NoStatusName(_)
            | Self::NoStatusNumber(_)
            | Self::UnknownForm(_)
            | Self::ReportWithoutPost => StatusCode::BAD_REQUEST,
            Self::NoWebSocket => StatusCode::UPGRADE_REQUIRED,
            Self::NotWriteable | Self::Prohibited(_) | Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoSuchPage
            | Self::NoSuchChild(_)
            | Self::NoSuchOperation
            | Self::NoDetails { .. }
            | Self::NoStorage => StatusCode::NOT_FOUND,
            Self::ExistingChild
            | Self::FileInTheWay(_)
            | Self::DirectoryIsAFile(_)
            | Self::DirectoryInTheWay => StatusCode::CONFLICT,
            Self::TooManyOperations | Self::TooManyLogReaders => StatusCode::SERVICE_UNAVAILABLE,
            Self::Operation(error) => error.status(),
            Self::Mutable(error) => of_mutable(error),
            Self::Directory(error) => of_directory(error),
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BeyondEnd { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::UnknownMethod | Self::ContentRange => StatusCode::NOT_IMPLEMENTED,
            Self::Spool(error) => of_spool(error),
            Self::Upload(error) => of_upload(error),
            Self::Download(error) => of_download(error),
            Self::Defect | Self::BadBlacklist(_) | Self::IncidentNotKept(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
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

fn of_mutable(error: &MutableError) -> StatusCode {
    match error {
        MutableError::NoShares { .. }
        | MutableError::NotEnoughShares { .. }
        | MutableError::NoPrivateKey => StatusCode::GONE,
        MutableError::Conflict => StatusCode::CONFLICT,
        MutableError::NotWriteable => StatusCode::FORBIDDEN,
        MutableError::NotMutable | MutableError::Patch(_) => StatusCode::BAD_REQUEST,
        MutableError::NotPlaced { .. } => StatusCode::SERVICE_UNAVAILABLE,
        MutableError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_directory(error: &DirectoryIoError) -> StatusCode {
    match error {
        DirectoryIoError::Directory(error) => match error {
            DirectoryError::NoSuchChild { .. } => StatusCode::NOT_FOUND,
            DirectoryError::ExistingChild { .. } => StatusCode::CONFLICT,
            DirectoryError::NotWriteable => StatusCode::FORBIDDEN,
            DirectoryError::Damaged { .. } => StatusCode::GONE,
            _ => StatusCode::BAD_REQUEST,
        },
        DirectoryIoError::NotADirectory { .. } => StatusCode::BAD_REQUEST,
        DirectoryIoError::Download(error) => of_download(error),
        DirectoryIoError::Upload(error) => of_upload(error),
        DirectoryIoError::Mutable(error) => of_mutable(error),
    }
}

/// The sentence about a directory, in Tahoe-LAFS's words where it has some.
fn directory_text(error: &DirectoryIoError) -> String {
    let error = match error {
        DirectoryIoError::Directory(error) => error,
        DirectoryIoError::Download(error) => return format!("{}{error}", download_name(error)),
        DirectoryIoError::Upload(error) => return format!("{}{error}", upload_name(error)),
        DirectoryIoError::Mutable(error) => return format!("{}{error}", mutable_name(error)),
        error => return error.to_string(),
    };
    match error {
        DirectoryError::NoSuchChild { name } => {
            WebError::NoSuchChild(name.as_str().to_owned()).to_string()
        }
        DirectoryError::ExistingChild { .. } => WebError::ExistingChild.to_string(),
        DirectoryError::NotWriteable => WebError::NotWriteable.to_string(),
        DirectoryError::DeepImmutable { name } => must_be_immutable(name.as_str()),
        DirectoryError::Child { name, error } => bad_child(name.as_str(), error),
        error => error.to_string(),
    }
}

fn must_be_immutable(name: &str) -> String {
    format!(
        "MustBeDeepImmutableError: a cap passed to this operation for the child named '{}', \
         needed to be immutable but was not. Either the cap is being added to an immutable \
         directory, or it was originally retrieved from an immutable directory as an unknown cap.",
        shown(name)
    )
}

/// Why nothing is told of an object.
fn no_details(storage_index: &str, left_out: u64) -> String {
    let text = format!("No detailed results for SI {}", shown(storage_index));
    if left_out == 0 {
        return text;
    }
    format!(
        "{text}. There was no room for those of {left_out} objects; use t=stream-deep-check, or \
         t=check of this one."
    )
}

/// Why a cap cannot be linked.
fn bad_child(name: &str, error: &CapError) -> String {
    let shown = shown(name);
    match error {
        CapError::MustBeDeepImmutable { .. } => must_be_immutable(name),
        CapError::MustBeReadonly { .. } => format!(
            "MustBeReadonlyError: a cap passed to this operation for the child named '{shown}', \
             needed to be read-only but was not. The cap is being passed in a read slot (ro_uri), \
             or was retrieved from a read slot as an unknown cap."
        ),
        CapError::UnknownWriteCap { .. } => format!(
            "MustNotBeUnknownRWError: an operation to add a child named '{shown}' to a directory \
             was given an unknown cap in a write slot. Give a readcap in the read slot (ro_uri), \
             as well as a writecap in the write slot if desired; or use a version that knows it."
        ),
        error => format!("Invalid capability for the child named '{shown}': {error}"),
    }
}

/// Characters of a name that are repeated.
const SHOWN_LEN_MAX: usize = 200;

/// A name as it may stand in a sentence.
fn shown(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().take(SHOWN_LEN_MAX) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if name.chars().nth(SHOWN_LEN_MAX).is_some() { shown + "..." } else { shown }
}

/// What is said in the middle of an answer that cannot go on. Programs look for the first word.
pub(super) fn failure_line(error: &WebError) -> String {
    let text = error.to_string();
    let class = text.split_once(": ").map(|(class, _)| class);
    match class.filter(|class| class.ends_with("Error") && !class.contains(' ')) {
        Some(class) => format!("ERROR: {class}({})\n", &text[class.len() + 2..]),
        None => format!("ERROR: WebError({text})\n"),
    }
}

impl From<DirectoryIoError> for WebError {
    fn from(error: DirectoryIoError) -> Self {
        Self::Directory(error)
    }
}

/// What Tahoe-LAFS calls the error, in front: programs look for it.
const fn mutable_name(error: &MutableError) -> &'static str {
    match error {
        MutableError::NoShares { .. } | MutableError::NotEnoughShares { .. } => {
            "UnrecoverableFileError: the directory (or mutable file) could not be retrieved, \
             because there were insufficient good shares: "
        }
        MutableError::Conflict => "UncoordinatedWriteError: ",
        _ => "",
    }
}

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
mod tests;
