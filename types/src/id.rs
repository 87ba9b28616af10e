//! Ids. Each kind is its own type, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{Uuid, Variant, Version};

use crate::Sha256;

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
    /// One registry of images that an organization has credentials for.
    RegistryId, "registry"
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

impl ObjectId {
    /// The id of content that is known by its sum, so that the same content has the same name whoever brings it: the
    /// first half of the sum, as a UUID of version 8 (of one's own making). Random ids are of version 4, so none of them
    /// is one of these; two sums with one id are as unlikely as two random ids that are equal.
    pub fn of_content(sum: &Sha256) -> Self {
        // A sum holds 64 such digits, so there always is a number.
        let half = sum.as_str().get(..32).and_then(|digits| u128::from_str_radix(digits, 16).ok());
        let bytes = half.unwrap_or_default().to_be_bytes();
        let builder = uuid::Builder::from_bytes(bytes).with_variant(Variant::RFC4122);
        Self(builder.with_version(Version::Custom).into_uuid())
    }

    /// Whether [`ObjectId::of_content`] made it.
    pub fn is_of_content(self) -> bool {
        self.0.get_version() == Some(Version::Custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = SandboxId::random();
        assert_eq!(id.to_string().parse::<SandboxId>().unwrap(), id);
    }

    #[test]
    fn content_has_one_id_and_it_is_no_random_one() {
        let sum = |digits: &str| Sha256::try_from(digits.repeat(64 / digits.len())).unwrap();
        let id = ObjectId::of_content(&sum("0123456789abcdef"));
        assert_eq!(id.to_string(), "01234567-89ab-8def-8123-456789abcdef");
        assert_eq!(id, ObjectId::of_content(&sum("0123456789abcdef")));
        assert_ne!(id, ObjectId::of_content(&sum("f")));
        assert!(id.is_of_content() && !ObjectId::random().is_of_content());
        assert_eq!(id.to_string().parse::<ObjectId>().unwrap(), id);
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
