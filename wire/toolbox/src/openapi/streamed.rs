//! Bodies that the daemon writes piece by piece, since an output may be large, and which therefore have no type that it
//! could use. Described here for the document alone; the role's tests hold its answers against it.

#![expect(dead_code, reason = "the fields are read by the derive alone")]

use utoipa::ToSchema;

use crate::Artifacts;

/// Answer of `POST /process/execute`.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct ExecuteResponse {
    /// 0 to 255; 128 and the signal's number for a signal; −1 if it could not be started.
    exit_code: i32,
    /// Both streams, in the order written. What is no UTF-8 is U+FFFD.
    result: String,
}

/// Answer of `POST /process/code-run`.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct CodeRunResponse {
    /// As in `ExecuteResponse`; 127 if the image lacks the language.
    exit_code: i32,
    /// Both streams, without what described charts.
    result: String,
    /// Absent if it left nothing.
    #[schema(nullable = false)]
    artifacts: Option<Artifacts>,
}

/// Answer of `POST /process/session/{sessionId}/exec`.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct SessionExecuteResponse {
    /// The command's id.
    cmd_id: String,
    /// The log with its markers; without them for clients that know none. Absent from the answer 202.
    #[schema(nullable = false)]
    output: Option<String>,
    /// Absent from the answer 202 and for clients before 0.167.
    #[schema(nullable = false)]
    stdout: Option<String>,
    /// As `stdout`.
    #[schema(nullable = false)]
    stderr: Option<String>,
    /// Absent from the answer 202.
    #[schema(nullable = false)]
    exit_code: Option<i32>,
}

/// Answer of the logs of a command, for clients from 0.167 on.
#[derive(Debug, ToSchema)]
pub(super) struct SessionCommandLogsResponse {
    /// With a marker before each record: 01 01 01 for standard output, 02 02 02 for standard error.
    output: String,
    /// Standard output alone.
    stdout: String,
    /// Standard error alone.
    stderr: String,
}

/// Answer of `GET /files/search`.
#[derive(Debug, ToSchema)]
pub(super) struct SearchFilesResponse {
    /// The path of the request, joined with what was found under it.
    files: Vec<String>,
}
