//! Sessions: shells that live on between commands.
//!
//! The answers that carry output (a synchronous `exec`, `logs`) have no type here, because they are
//! not held in memory as one value: the daemon streams `{"cmdId": str, "output": str, "stdout": str,
//! "stderr": str, "exitCode": int}` and `{"output": str, "stdout": str, "stderr": str}`.

use serde::{Deserialize, Serialize};

/// Body of `POST /process/session`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateSessionRequest {
    /// Any text but an empty one, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true))]
    pub session_id: Option<String>,
}

/// A session as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// As the client has chosen it.
    pub session_id: String,
    /// In the order in which they were asked for.
    pub commands: Vec<SessionCommand>,
}

/// Source: `Command` of the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Command))]
#[serde(rename_all = "camelCase")]
pub struct SessionCommand {
    /// Opaque.
    pub id: String,
    /// Its text as it was sent.
    pub command: String,
    /// Absent while it runs or waits for its turn. 0 to 255; −1 if it never ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// Body of `POST /process/session/{id}/exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionExecuteRequest {
    /// A shell script of any length. Blank is refused.
    pub command: String,
    /// Answer at once, and let the command have input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_async: Option<bool>,
    /// The old name of `run_async`.
    #[serde(default, rename = "async", skip_serializing_if = "Option::is_none")]
    pub is_async: Option<bool>,
    /// Do not write input to the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_input_echo: Option<bool>,
}

/// Answer of an asynchronous `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionStarted {
    /// The command's id.
    pub cmd_id: String,
}

/// Body of `POST /process/session/{id}/command/{id}/input`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SessionSendInputRequest))]
pub struct SendInputRequest {
    /// What is typed. A newline is added if it does not end with one.
    pub data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_command_has_no_exit_code_at_all() {
        let command = SessionCommand { id: "1".to_owned(), command: "ls".to_owned(), exit_code: None };
        let session = Session { session_id: "s".to_owned(), commands: vec![command] };
        let json = serde_json::to_string(&session).unwrap();
        assert_eq!(json, r#"{"sessionId":"s","commands":[{"id":"1","command":"ls"}]}"#);
    }

    #[test]
    fn both_names_of_asynchronous_are_read_and_null_is_absent() {
        let request: SessionExecuteRequest =
            serde_json::from_str(r#"{"command":"x","async":true,"runAsync":null,"more":1}"#).unwrap();
        assert_eq!((request.is_async, request.run_async), (Some(true), None));
    }
}
