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
//! With the feature `openapi` it also has the document of the API, for the repository's own commands.
//!
//! Exceptions: [`Startup`] is what the daemon tells the runner on descriptor 4, [`GitCall`] what it asks of its git helper, and
//! [`BuildStep`] what control asks of it in a build.

mod build;
mod chart;
mod env;
mod error;
mod files;
mod git;
mod git_call;
mod info;
mod interpreter;
mod lsp;
#[cfg(feature = "openapi")]
pub mod openapi;
mod port;
mod process;
mod pty;
mod session;
mod startup;
mod system;

pub use build::{BuildEnd, BuildFrame, BuildPut, BuildSource, BuildSources, BuildStep, BuildTake};
pub use chart::{Chart, ChartElement};
pub use env::{EnvRequest, MessageResponse};
pub use error::{DAEMON_SOURCE, ErrorBody, ErrorCode};
pub use files::{
    BulkUploadFailure, FileInfo, FilesDownloadRequest, Match, ReplaceRequest, ReplaceResult,
    UploadFilesResponse, UploadedBytes, UploadedFile,
};
pub use git::{
    ChangeStatus, FileStatus, GitAddRemoteRequest, GitAddRequest, GitAuthenticateRequest, GitBranchRequest,
    GitCheckoutRequest, GitCloneRequest, GitCommitInfo, GitCommitRequest, GitCommitResponse,
    GitConfigResponse, GitConfigureUserRequest, GitGetConfigRequest, GitInitRequest, GitPullRequest,
    GitPushRequest, GitRemote, GitResetRequest, GitRestoreRequest, GitSetConfigRequest, GitStatus,
    ListBranchResponse, ListRemotesResponse, Secret,
};
pub use git_call::{GitCall, GitOperation, GitOutcome, GitPath};
pub use info::{DirResponse, VersionResponse};
pub use interpreter::{
    CreateContextRequest, InterpreterContext, InterpreterMessage, InterpreterRequest, ListContextsResponse,
};
pub use lsp::{
    CompletionItem, CompletionList, LspCompletionParams, LspDocumentRequest, LspLocation, LspPosition,
    LspRange, LspServerRequest, LspSymbol,
};
pub use port::{IsPortInUseResponse, PortList, TUNNEL_PROTOCOL};
pub use process::{Artifacts, CodeRunRequest, ExecuteRequest};
pub use pty::{
    PtyControl, PtyCreateRequest, PtyCreateResponse, PtyExit, PtyListResponse, PtyResizeRequest,
    PtySessionInfo, PtyStatus,
};
pub use session::{
    CreateSessionRequest, SendInputRequest, Session, SessionCommand, SessionExecuteRequest, SessionStarted,
};
pub use startup::Startup;
pub use system::SystemMetrics;
