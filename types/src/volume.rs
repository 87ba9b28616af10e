//! Volumes, and where a sandbox shows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spelled::spelled;
use crate::{InvalidName, VolumeId};

spelled! {
    /// A volume's state as clients see it (reference schema `VolumeState`).
    VolumeState {
        /// A runner is making it.
        Creating => "creating",
        /// Sandboxes can mount it.
        Ready => "ready",
        /// Asked for; nothing is done yet.
        PendingCreate => "pending_create",
        /// To be removed; nothing is done yet.
        PendingDelete => "pending_delete",
        /// A runner is removing it.
        Deleting => "deleting",
        /// Gone, with all that it held.
        Deleted => "deleted",
        /// It could not be made or removed; see the reason.
        Error => "error",
    }
}

/// The most characters of a volume's name. Ours: the reference names no limit.
const LONGEST_NAME: usize = 255;
/// The longest path that Linux takes, with its NUL (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;
/// The longest name of a file (`NAME_MAX`).
const LONGEST_COMPONENT: usize = 255;

/// What a sandbox cannot do without, or what the host shows it: nothing is mounted there or below.
const RESERVED: [&str; 10] =
    ["/proc", "/sys", "/dev", "/boot", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/opt/paddock"];
/// What lies above something that is ours: nothing is mounted there.
const ABOVE_RESERVED: &str = "/opt";

/// A volume's name: 1 to 255 characters of free text without control characters (`spec/control-plane.md` G.3).
/// Unique among the live volumes of one organization; that is the store's to see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VolumeName(String);

impl TryFrom<String> for VolumeName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let complaint = if text.trim().is_empty() {
            "must not be empty"
        } else if text.chars().count() > LONGEST_NAME {
            "must have at most 255 characters"
        } else if text.chars().any(char::is_control) {
            "must not contain control characters"
        } else {
            return Ok(Self(text));
        };
        Err(InvalidName::new(format!("name {complaint}")))
    }
}

impl From<VolumeName> for String {
    fn from(name: VolumeName) -> Self {
        name.0
    }
}

/// Why a text is no place to mount a volume at, or nothing to mount of one. The message is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMount(String);

/// Where a sandbox shows a volume (`spec/control-plane.md` G.4): absolute, not the root, without `.`, `..` and doubled
/// slashes, and nothing that the system needs. Kept without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountPath(String);

impl MountPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MountPath {
    type Error = InvalidMount;

    fn try_from(text: String) -> Result<Self, InvalidMount> {
        let refuse = |complaint: &str| Err(InvalidMount(format!("mountPath {complaint}")));
        let Some(below) = text.strip_prefix('/') else { return refuse("must be absolute") };
        let below = below.strip_suffix('/').unwrap_or(below);
        if below.is_empty() || below == "/" {
            return refuse("must not be the root directory");
        }
        if let Err(complaint) = check_components(below) {
            return refuse(complaint);
        }
        let path = format!("/{below}");
        let is_at_or_below = |place: &&str| {
            path.strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if path == ABOVE_RESERVED {
            return refuse("must not be /opt itself: paddock shows its own program below it");
        }
        match RESERVED.into_iter().find(is_at_or_below) {
            Some(place) => refuse(&format!("must not be {place} or below")),
            None => Ok(Self(path)),
        }
    }
}

impl From<MountPath> for String {
    fn from(path: MountPath) -> Self {
        path.0
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The directory of a volume that is shown instead of the whole: relative, without `.`, `..` and doubled slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subpath(String);

impl Subpath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of its directories, from the volume's root on. Never empty.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl TryFrom<String> for Subpath {
    type Error = InvalidMount;

    fn try_from(text: String) -> Result<Self, InvalidMount> {
        let refuse = |complaint: &str| Err(InvalidMount(format!("subpath {complaint}")));
        if text.starts_with('/') {
            return refuse("must be relative");
        }
        let path = text.strip_suffix('/').unwrap_or(&text);
        if path.is_empty() {
            return refuse("must not be empty");
        }
        check_components(path).map_or_else(refuse, |()| Ok(Self(path.to_owned())))
    }
}

impl From<Subpath> for String {
    fn from(path: Subpath) -> Self {
        path.0
    }
}

impl fmt::Display for Subpath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One volume in one sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMount {
    /// Which.
    pub volume: VolumeId,
    /// Where.
    pub path: MountPath,
    /// What of it; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<Subpath>,
}

/// An empty directory in memory, which counts as the sandbox's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScratchMount {
    /// Where.
    pub path: MountPath,
    /// The most that it holds.
    pub size_bytes: u64,
}

/// Checks a path without slashes at its ends.
fn check_components(path: &str) -> Result<(), &'static str> {
    if path.len() + 2 > LONGEST_PATH {
        return Err("is too long");
    }
    if path.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    for component in path.split('/') {
        match component {
            "" => return Err("must not contain doubled slashes"),
            "." | ".." => return Err("must not contain . or .. components"),
            name if name.len() > LONGEST_COMPONENT => return Err("has a component that is too long"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_path_is_a_place_that_the_system_does_not_need() {
        for (text, kept) in [
            ("/data", "/data"),
            ("/data/", "/data"),
            ("/home/daytona/volume", "/home/daytona/volume"),
            ("/etcetera", "/etcetera"),
            ("/library/x", "/library/x"),
            ("/opt/data", "/opt/data"),
            ("/a/.hidden/..x", "/a/.hidden/..x"),
        ] {
            assert_eq!(MountPath::try_from(text.to_owned()).unwrap().as_str(), kept);
        }
        let long = format!("/{}", "x".repeat(256));
        let deep = "/x".repeat(3000);
        for text in [
            "",
            "/",
            "//",
            "data",
            "./data",
            "/data/../etc",
            "/data/.",
            "/a//b",
            "//data",
            "/data//",
            "/proc",
            "/proc/1",
            "/sys/",
            "/dev/shm",
            "/boot",
            "/etc/ssl",
            "/bin",
            "/sbin",
            "/lib",
            "/lib64/x",
            "/opt",
            "/opt/",
            "/opt/paddock",
            "/opt/paddock/toolbox",
            "/a\nb",
            "/a\0",
            &long,
            &deep,
        ] {
            assert!(MountPath::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_subpath_stays_below_its_volume() {
        for text in ["a", "a/b", "users/alice/", ".hidden", "..x"] {
            assert!(Subpath::try_from(text.to_owned()).is_ok(), "{text:?}");
        }
        for text in ["", "/", "/a", "..", "a/..", "../a", "a//b", "a/./b", "a//", "a\0b", "a\tb"] {
            assert!(Subpath::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        let read = serde_json::from_str::<Subpath>("\"../x\"");
        assert!(read.is_err(), "one that comes over a wire is checked too");
    }
}
