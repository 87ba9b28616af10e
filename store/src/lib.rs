//! Every SQL statement of paddock, on SQLite and on PostgreSQL.
//!
//! One text of each statement serves both engines; one file per resource holds the statements and
//! what their rows mean. The store decides nothing: it keeps records, refuses a name that is taken,
//! and replaces a row only while its version is the one that the caller has read.
//!
//! Invariant: an answer is given after the transaction behind it is durable, and a caller who stops
//! waiting half way leaves either the whole change or nothing of it.

mod api_key;
mod engine;
mod error;
mod layer;
mod meta;
mod migrate;
mod organization;
mod registry;
pub mod sandbox;
mod snapshot;
mod store;
mod url;
mod user;
mod value;
mod volume;
mod warm_pool;
mod workshop;

pub use api_key::{ApiKeyRecord, KeyHash};
pub use error::StoreError;
pub use organization::{NewOrganization, OrganizationRecord, Role};
pub use registry::{RegistryChange, RegistryRecord};
pub use sandbox::SandboxRecord;
pub use snapshot::{
    InsertSnapshotOutcome, Made, NewSnapshot, SnapshotPage, SnapshotQuery, SnapshotRecord, SnapshotSort,
};
pub use store::Store;
pub use url::{InvalidStoreUrl, StoreUrl};
pub use user::UserRecord;
pub use volume::{DeleteVolumeOutcome, InsertVolumeOutcome, VolumeRecord};
pub use warm_pool::{PoolOutcome, WarmPoolRecord};

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

impl Order {
    const fn sql(self) -> &'static str {
        match self {
            Self::Ascending => "ASC",
            Self::Descending => "DESC",
        }
    }
}

/// Every constant statement of this crate with its name, so that a test can prepare each of them on
/// both engines.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    [
        api_key::STATEMENTS,
        layer::STATEMENTS,
        meta::STATEMENTS,
        organization::STATEMENTS,
        registry::STATEMENTS,
        snapshot::STATEMENTS,
        user::STATEMENTS,
        volume::STATEMENTS,
        warm_pool::STATEMENTS,
        workshop::STATEMENTS,
    ]
    .into_iter()
    .chain(sandbox::STATEMENTS)
    .flatten()
    .copied()
    .collect()
}

/// Names the statements of a file and lists them as its `STATEMENTS`.
macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        /// Every statement of this file with its name.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
pub(crate) use constants;
