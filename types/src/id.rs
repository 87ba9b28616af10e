//! Ids. Each kind is its own type, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not a UUID where an id was wanted.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct ParseIdError {
    /// What the id names, for example `sandbox`.
    pub kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id (UUID version 4, as the wire wants).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The id of a known UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID behind the id.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Accepts the hyphenated form only, in either case: one id has one spelling in paths.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.len() != 36 {
                    return Err(ParseIdError { kind: $kind });
                }
                Uuid::try_parse(text).map(Self).map_err(|_| ParseIdError { kind: $kind })
            }
        }
    };
}

id!(
    /// One sandbox, for its whole life and after.
    SandboxId, "sandbox"
);
id!(
    /// One organization: the owner of sandboxes, snapshots and keys.
    OrganizationId, "organization"
);
id!(
    /// One user.
    UserId, "user"
);
id!(
    /// One API key record. The key itself is never stored.
    ApiKeyId, "API key"
);
id!(
    /// One snapshot record.
    SnapshotId, "snapshot"
);
id!(
    /// One runner.
    RunnerId, "runner"
);
id!(
    /// One volume: files that outlive the sandboxes that mount them.
    VolumeId, "volume"
);
id!(
    /// A throw-away copy of a sandbox's files on one host.
    CopyId, "copy"
);

id!(
    /// One warm pool.
    WarmPoolId, "warm pool"
);

id!(
    /// A piece of work on a sandbox's files.
    TaskId, "task"
);
id!(
    /// Something in the object store: an archive, a backup or a layer.
    ObjectId, "object"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = SandboxId::random();
        assert_eq!(id.to_string().parse::<SandboxId>().unwrap(), id);
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        for text in
            ["", "web-7", "8d3a2c7e51b04a4e9a0d6f2f6c1b7e10", "{8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10}"]
        {
            assert!(text.parse::<SandboxId>().is_err(), "{text}");
        }
    }
}
