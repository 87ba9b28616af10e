//! One-shot commands: `execute` and `code-run`.
//!
//! Their answers have no type here, because they are not held in memory as one value: the daemon
//! streams `{"exitCode": int, "result": str}`, for `code-run` with [`Artifacts`] beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Chart;

/// Body of `POST /process/execute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecuteRequest {
    /// A shell script of any length. Blank is refused.
    pub command: String,
    /// Where it starts; absent: the work directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Added to the daemon's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envs: Option<BTreeMap<String, String>>,
    /// Seconds, fractions allowed. Absent, zero and negative: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
}

/// Body of `POST /process/code-run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CodeRunRequest {
    /// The source text.
    pub code: String,
    /// `python`, `javascript` or `typescript`; absent and empty mean `python`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The program's arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Added to the daemon's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envs: Option<BTreeMap<String, String>>,
    /// As in [`ExecuteRequest::timeout`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
}

/// What a `code-run` left beside its output. The whole object is absent when it left nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CodeRunArtifacts))]
pub struct Artifacts {
    /// In the order in which they were shown.
    pub charts: Vec<Chart>,
}
