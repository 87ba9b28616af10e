//! The code interpreter: contexts, and what travels on the socket of an execution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Body of `POST /process/interpreter/context`. Reference schema `CreateContextRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateContextRequest {
    /// Where its process starts; default the work directory.
    #[serde(default)]
    pub cwd: Option<String>,
    /// `python` or absent.
    #[serde(default)]
    pub language: Option<String>,
}

/// A context. Reference schema `InterpreterContext`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InterpreterContext {
    /// A UUID.
    pub id: String,
    /// Where its process was started.
    pub cwd: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Whether its process runs. One that has ended is started again by the next execution, without its state.
    pub active: bool,
    /// Always `python`.
    pub language: String,
}

/// Answer of `GET /process/interpreter/context`. Reference schema `ListContextsResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListContextsResponse {
    /// All but the default one, oldest first.
    pub contexts: Vec<InterpreterContext>,
}

/// The first message on `/process/interpreter/execute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterpreterRequest {
    /// What to run; must not be empty.
    #[serde(default)]
    pub code: Option<String>,
    /// In which context; absent: the default one.
    #[serde(default)]
    pub context_id: Option<String>,
    /// Seconds. Absent: 600; 0: no limit; negative is refused.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Set in the environment for this execution.
    #[serde(default)]
    pub envs: Option<BTreeMap<String, String>>,
}

/// A message to the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InterpreterMessage {
    /// A piece of standard output.
    Stdout {
        /// Never cut within a character.
        text: String,
    },
    /// A piece of standard error.
    Stderr {
        /// Never cut within a character.
        text: String,
    },
    /// The program raised. At most one, after all output.
    Error {
        /// The exception's class.
        name: String,
        /// Its text.
        value: String,
        /// The program's own frames, ending with the class and the text.
        traceback: String,
    },
    /// Something was displayed. Ours: the official clients ignore it, and see the text form on standard output.
    Display {
        /// By MIME type; images are base64.
        data: BTreeMap<String, String>,
    },
    /// A figure was shown. Ours: the official clients ignore it.
    Chart {
        /// As in `artifacts.charts` of `code-run`.
        chart: Value,
    },
    /// The last message.
    Control {
        /// `completed` or `interrupted`.
        text: String,
    },
}
