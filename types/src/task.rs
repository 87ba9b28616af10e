//! Work on a sandbox's files that leaves the sandbox where it is: forks and exports.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spelled::spelled;
use crate::{ObjectId, SandboxId, SnapshotId};

spelled! {
    /// How far the backup of a sandbox is (reference schema `BackupState`).
    BackupState {
        /// There is none, and none was asked for.
        None => "None",
        /// Asked for.
        Pending => "Pending",
        /// Being made.
        InProgress => "InProgress",
        /// The newest one is complete.
        Completed => "Completed",
        /// The last attempt failed.
        Error => "Error",
    }
}

/// What is done with a sandbox's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// They become the files of another sandbox on the same host.
    Fork {
        /// Whose.
        child: SandboxId,
    },
    /// They are written out as a layer of a new snapshot. A running sandbox runs on.
    Snapshot {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The name of the layer in the object store.
        layer: ObjectId,
    },
    /// They are written out, and then leave the host.
    Archive {
        /// The name of the archive in the object store.
        archive: ObjectId,
    },
    /// They are written out. A running sandbox runs on.
    Backup {
        /// The name of the archive in the object store.
        archive: ObjectId,
    },
}

/// What lies complete in the object store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredObject {
    /// Its name there.
    pub id: ObjectId,
    /// What its bytes must hash to.
    pub digest: Sha256,
    /// How many bytes it has.
    pub size_bytes: u64,
}

/// A SHA-256, in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

/// A text that is no SHA-256.
#[derive(Debug, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct InvalidSha256;

impl Sha256 {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = InvalidSha256;

    fn try_from(text: String) -> Result<Self, InvalidSha256> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(is_digit) { Ok(Self(text)) } else { Err(InvalidSha256) }
    }
}

impl From<Sha256> for String {
    fn from(sum: Sha256) -> Self {
        sum.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_lower_case_hexadecimal_digits() {
        assert!(Sha256::try_from("0123456789abcdef".repeat(4)).is_ok());
        for text in ["".to_owned(), "0".repeat(63), "A".repeat(64), "g".repeat(64), "../".repeat(21) + "a"] {
            assert!(Sha256::try_from(text).is_err());
        }
    }
}
