//! Terminals: what is said about them over HTTP, and the text messages on their sockets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Body of `POST /process/pty`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PtyCreateRequest {
    /// Any text but an empty one, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the shell starts; absent: the work directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Added to the daemon's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envs: Option<BTreeMap<String, String>>,
    /// 1 to 1000; absent and 0: 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<i64>,
    /// 1 to 1000; absent and 0: 24.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// Start the shell when the first client connects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lazy_start: Option<bool>,
}

/// Answer of `POST /process/pty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PtyCreateResponse {
    /// As the client has chosen it.
    pub session_id: String,
}

/// A terminal as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PtySessionInfo {
    /// As the client has chosen it.
    pub id: String,
    /// Where its shell starts.
    pub cwd: String,
    /// What was added to the daemon's environment, `TERM` included.
    pub envs: BTreeMap<String, String>,
    /// Columns, 1 to 1000.
    pub cols: u16,
    /// Rows, 1 to 1000.
    pub rows: u16,
    /// RFC 3339.
    pub created_at: String,
    /// Its shell runs.
    pub active: bool,
    /// Its shell starts, or was started, by the first client that connects.
    pub lazy_start: bool,
}

/// Answer of `GET /process/pty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PtyListResponse {
    /// In the order in which they were made.
    pub sessions: Vec<PtySessionInfo>,
}

/// Body of `POST /process/pty/{id}/resize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PtyResizeRequest {
    /// 1 to 1000.
    pub cols: i64,
    /// 1 to 1000.
    pub rows: i64,
}

/// A text message of the daemon's on a terminal's socket. Binary messages are output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "control")]
pub struct PtyControl {
    /// What is told.
    #[serde(flatten)]
    pub status: PtyStatus,
}

/// What a control message tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum PtyStatus {
    /// Always the first message: output follows.
    Connected,
    /// There is no terminal. The socket is closed.
    Error {
        /// Fit for users.
        error: String,
    },
    /// The shell has ended, and all its output has been sent. Only for clients that asked for it.
    Exited(PtyExit),
}

/// How a terminal's shell ended; as JSON also the reason of the close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PtyExit {
    /// 0 to 255; 128 and the signal's number for a signal.
    pub exit_code: i32,
    /// In words; absent for 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_spelled_as_the_clients_know_them() {
        let spelled = |status| serde_json::to_string(&PtyControl { status }).unwrap();
        assert_eq!(spelled(PtyStatus::Connected), r#"{"type":"control","status":"connected"}"#);
        let error = PtyStatus::Error { error: "no".to_owned() };
        assert_eq!(spelled(error), r#"{"type":"control","status":"error","error":"no"}"#);
        let exited = PtyStatus::Exited(PtyExit { exit_code: 0, exit_reason: None });
        assert_eq!(spelled(exited), r#"{"type":"control","status":"exited","exitCode":0}"#);
        let exit = PtyExit { exit_code: 130, exit_reason: Some("Ctrl+C".to_owned()) };
        assert_eq!(serde_json::to_string(&exit).unwrap(), r#"{"exitCode":130,"exitReason":"Ctrl+C"}"#);
    }
}
