//! The one line of JSON that the daemon writes to descriptor 4 when it has started, or could not.

use serde::{Deserialize, Serialize};

/// What became of the daemon's start. Written once, followed by a newline and the end of the pipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Startup {
    /// It serves: requests on the socket are answered from now on.
    Ready {
        /// The daemon's version, `X.Y.Z`.
        version: String,
    },
    /// It cannot serve and exits with a status that is not zero. The reason is fit for users.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_reads_these_very_lines() {
        let ready = serde_json::to_string(&Startup::Ready { version: "0.1.0".to_owned() }).unwrap();
        assert_eq!(ready, r#"{"ready":{"version":"0.1.0"}}"#);
        let failed = serde_json::to_string(&Startup::Failed("no such user".to_owned())).unwrap();
        assert_eq!(failed, r#"{"failed":"no such user"}"#);
    }
}
