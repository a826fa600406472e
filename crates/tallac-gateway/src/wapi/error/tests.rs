//! Which status and which sentence for what went wrong.

use std::io;

use tallac_core::dirnode::ChildName;
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

#[test]
fn mutable_files_and_directories() {
    let unrecoverable = "UnrecoverableFileError: the directory (or mutable file) could not be";
    check(MutableError::NoShares { asked: 3 }, 410, unrecoverable);
    check(MutableError::NotEnoughShares { found: 1, needed: 3 }, 410, unrecoverable);
    check(MutableError::Conflict, 409, "UncoordinatedWriteError: somebody else changed");
    check(MutableError::NotWriteable, 403, "this capability only reads");
    check(MutableError::TooLarge { size: 2, size_max: 1 }, 413, "a mutable file of 2 bytes");
    let directory = |error: DirectoryError| DirectoryIoError::from(error);
    let name = ChildName::new("a\n\0b");
    let missing = DirectoryError::NoSuchChild { name: name.clone() };
    check(directory(missing), 404, "No such child: a\\n\\u{0}b");
    let existing = DirectoryError::ExistingChild { name: name.clone(), is_directory: true };
    check(directory(existing), 409, "There was already a child by that name");
    check(directory(DirectoryError::NotWriteable), 403, "This directory cannot be changed");
    check(directory(DirectoryError::DeepImmutable { name }), 400, "MustBeDeepImmutableError: ");
    check(DirectoryIoError::from(DownloadError::BrokenFile("x".to_owned())), 410, "the file was");
}

#[test]
fn names_are_shown_in_part() {
    let long = WebError::NoSuchChild("x".repeat(10_000)).to_string();
    assert_eq!(long, format!("No such child: {}...", "x".repeat(200)));
}

#[test]
fn failures_in_the_middle_of_an_answer() {
    let line = failure_line(&MutableError::Conflict.into());
    assert!(line.starts_with("ERROR: UncoordinatedWriteError(somebody else"), "{line}");
    assert!(line.ends_with(")\n"), "{line}");
    let line = failure_line(&WebError::NotWriteable);
    assert!(line.starts_with("ERROR: WebError(This directory cannot be changed"), "{line}");
}
