//! What control and the other roles of the front say to each other. Not reachable from outside, and
//! no part of the public document.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /internal/v1/authorize` [`Authorize`] | 200 [`Authorized`]; 401 for a bad credential; 404 for an unknown or foreign sandbox |
//! | `POST /internal/v1/activity` [`Activity`] | 204; unknown sandboxes are ignored |
//! | `POST /internal/v1/usage` [`AskUsage`] | 200 [`Usage`]; 404 for a sandbox that does not run |

use std::fmt;

use paddock_types::{OrganizationId, SandboxId, SandboxState};
use serde::{Deserialize, Serialize};

/// Asks whether a credential may use a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorize {
    /// Its id or name. A preview token goes with an id only.
    pub sandbox: String,
    /// What the caller presented.
    pub credential: Credential,
}

/// What a caller presented. Not printed by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// An API key, from an `Authorization` header.
    Bearer(String),
    /// The sandbox's own token.
    PreviewToken(String),
    /// A signed address of one file.
    SignedFile(SignedFile),
    /// Nothing: enough for ordinary ports of public sandboxes. The proxy never asks with it for anything else.
    None,
}

/// What a signed address of a file says, decoded (`spec/toolbox.md` 1.2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedFile {
    /// What its holder may do.
    pub operation: FileOperation,
    /// Which file.
    pub path: String,
    /// Until when, as it was written: Unix seconds, `0` for ever.
    pub expires: String,
    /// `v1_` and base64url.
    pub signature: String,
}

/// What the holder of a signed address may do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOperation {
    /// Read it. Signed as `GET`, for `HEAD` too.
    Download,
    /// Write it. Signed as `POST`.
    Upload,
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Download => "GET",
            Self::Upload => "POST",
        })
    }
}

impl fmt::Debug for SignedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedFile(..)")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(..)",
            Self::PreviewToken(_) => "PreviewToken(..)",
            Self::SignedFile(_) => "SignedFile(..)",
            Self::None => "None",
        })
    }
}

/// The credential may use the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorized {
    /// Which.
    pub sandbox_id: SandboxId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Its shown state: what is not `started` cannot be reached.
    pub state: SandboxState,
}

/// Sandboxes were used just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Which, in no order; repetitions do no harm.
    pub sandbox_ids: Vec<SandboxId>,
}

/// Asks what a sandbox uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskUsage {
    /// Which.
    pub sandbox_id: SandboxId,
}

/// What a running sandbox uses now and what it may, seen from outside: what runs in it cannot change a word.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Processors in use on average in the last window of about 5 s; 0 before there was one.
    pub cpu_used: f64,
    /// Processors that it may use.
    pub cpu_limit: f64,
    /// Memory in use, page cache included.
    pub memory_used_bytes: u64,
    /// Page cache within that.
    pub memory_cache_bytes: u64,
    /// The most memory that it may use. `None`: not limited.
    pub memory_limit_bytes: Option<u64>,
    /// Its own files; the snapshot's are not counted.
    pub disk_used_bytes: u64,
    /// The most that its own files may take.
    pub disk_limit_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_documented() {
        let text = r#"{"sandbox":"web","credential":{"preview_token":"t"}}"#;
        let request: Authorize = serde_json::from_str(text).unwrap();
        assert_eq!(request.credential, Credential::PreviewToken("t".to_owned()));
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        assert_eq!(format!("{:?}", request.credential), "PreviewToken(..)");
    }
}
