//! What control and the other roles of the front say to each other. Not reachable from outside, and
//! no part of the public document.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /internal/v1/authorize` [`Authorize`] | 200 [`Authorized`]; 401 for a bad credential; 404 for an unknown or foreign sandbox |
//! | `POST /internal/v1/activity` [`Activity`] | 204; unknown sandboxes are ignored |

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
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(..)",
            Self::PreviewToken(_) => "PreviewToken(..)",
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
