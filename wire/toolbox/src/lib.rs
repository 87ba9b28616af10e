//! What clients and the toolbox, the daemon inside a sandbox, say to each other.
//!
//! Only shapes: serde types, the spelling of enums, the error body. No behaviour, no I/O, no HTTP
//! types. Field names are the reference's to the letter; one file per group of operations.
//!
//! Rules that hold for every type here, because the newest clients validate strictly:
//! - a list that is required is `[]` when empty, never absent and never `null`;
//! - an optional field that is not given is left out, never `null`;
//! - on requests, absent and `null` mean the same, and unknown fields are ignored.
//!
//! [`Startup`] is the exception: it is what the daemon tells the runner on descriptor 4.

mod chart;
mod error;
mod files;
mod info;
mod process;
mod startup;

pub use chart::{Chart, ChartElement};
pub use error::{DAEMON_SOURCE, ErrorBody, ErrorCode};
pub use files::{
    BulkUploadFailure, FileInfo, FilesDownloadRequest, UploadFilesResponse, UploadedBytes, UploadedFile,
};
pub use info::{DirResponse, VersionResponse};
pub use process::{Artifacts, CodeRunRequest, ExecuteRequest};
pub use startup::Startup;
