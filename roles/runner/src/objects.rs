//! What this runner keeps in the object store, and under which names.
//!
//! | object | name | goes when |
//! |---|---|---|
//! | an archive or a backup of a sandbox | `sandboxes/<sandbox>/<object>` | a newer one is on record, or the sandbox is gone |
//! | a layer of a snapshot | `layers/<object>` | control says that nothing is made of it |

use std::path::Path;

use paddock_porter::{Cancel, Digest, Error, Form, Limits, ObjectKey, Porter};
use paddock_types::{ObjectId, SandboxId, Sha256, StoredObject};

/// The most files of one archive: more than fit on the largest disk that a sandbox can have.
const MOST_MEMBERS: u64 = 50_000_000;
/// The most files of one layer, which lies on the host's own disk, where each takes a block and an inode that no quota
/// counts. Systems have some hundred thousand.
const MOST_LAYER_MEMBERS: u64 = 1_000_000;
/// Beyond a sandbox's disk: what its files take more as a stream than on the disk that they came from.
const SLACK_BYTES: u64 = 256 << 20;

/// The name of something in the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectName {
    /// An archive or a backup.
    Archive {
        /// Whose.
        sandbox: SandboxId,
        /// Which.
        id: ObjectId,
    },
    /// A layer of a snapshot.
    Layer {
        /// Which.
        id: ObjectId,
    },
}

impl ObjectName {
    fn id(self) -> ObjectId {
        match self {
            Self::Archive { id, .. } | Self::Layer { id } => id,
        }
    }

    fn form(self) -> Form {
        match self {
            Self::Archive { .. } => Form::Archive,
            Self::Layer { .. } => Form::Layer,
        }
    }

    fn key(self) -> Result<ObjectKey, Error> {
        let text = match self {
            Self::Archive { sandbox, id } => format!("sandboxes/{sandbox}/{id}"),
            Self::Layer { id } => format!("layers/{id}"),
        };
        text.parse().map_err(|_| Error::Failed { detail: format!("{text} is no name of an object") })
    }
}

/// Writes the tree at `root`, which nobody changes meanwhile, to the object store. Blocks.
pub(crate) fn export(
    porter: &Porter,
    name: ObjectName,
    root: &Path,
    cancel: &Cancel,
) -> Result<StoredObject, Error> {
    let exported = porter.export(root, name.form(), &name.key()?, &mut |_| (), cancel)?;
    let digest = Sha256::try_from(exported.digest.to_string());
    let digest = digest.map_err(|error| Error::Failed { detail: error.to_string() })?;
    Ok(StoredObject { id: name.id(), digest, size_bytes: exported.size_bytes })
}

/// Fills the empty tree at `root`, of at most `limit_bytes`, with what is in the object store. Blocks.
pub(crate) fn import(
    porter: &Porter,
    name: ObjectName,
    object: &StoredObject,
    root: &Path,
    limit_bytes: u64,
    cancel: &Cancel,
) -> Result<(), Error> {
    let digest: Result<Digest, _> = object.digest.as_str().parse();
    let digest = digest.map_err(|error| Error::Failed { detail: error.to_string() })?;
    let members = match name {
        ObjectName::Archive { .. } => MOST_MEMBERS,
        ObjectName::Layer { .. } => MOST_LAYER_MEMBERS,
    };
    let limits = Limits { members, bytes: limit_bytes.saturating_add(SLACK_BYTES) };
    porter.import(&name.key()?, digest, name.form(), root, limits, &mut |_| (), cancel).map(drop)
}

/// Removes an object. One that is not there is no error. Blocks.
pub(crate) fn delete(porter: &Porter, name: ObjectName) -> Result<(), Error> {
    let (_never, cancel) =
        paddock_porter::cancel().map_err(|error| Error::Failed { detail: error.to_string() })?;
    porter.delete(&name.key()?, &cancel)
}
