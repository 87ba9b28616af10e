//! Sandboxes: one file for the record, one for changes, one for single reads, one for lists.

mod build;
mod claim;
mod link;
mod list;
mod list_sql;
pub(crate) mod mount;
mod read;
mod record;
mod signing_key;
mod snapshot;
mod timer;
mod tree;
mod write;

pub use build::BuiltImage;
pub use claim::{ClaimOutcome, PoolMember, ReadyMember};
pub use link::MOST_LINKED;
pub use list::{
    Bounds, Cursor, Position, SandboxFilter, SandboxPage, SandboxQuery, SandboxSort, SortValue, Spans,
};
pub use read::{Authorized, Presented};
pub use record::{AuthToken, LinkRecord, SandboxRecord, SandboxStatus, TaskRecord};
pub use snapshot::SnapshotOutcome;
pub use timer::Timers;
pub use tree::ForkOutcome;
pub use write::InsertOutcome;

pub(crate) use record::{json, read_json, read_optional_json};
pub(crate) use snapshot::{roots_in_use, writes_layer};

use crate::value::Value;

/// Every constant statement of this folder with its name, by file.
pub(crate) const STATEMENTS: [&[(&str, &str)]; 11] = [
    build::STATEMENTS,
    claim::STATEMENTS,
    link::STATEMENTS,
    list_sql::STATEMENTS,
    mount::STATEMENTS,
    read::STATEMENTS,
    signing_key::STATEMENTS,
    snapshot::STATEMENTS,
    timer::STATEMENTS,
    tree::STATEMENTS,
    write::STATEMENTS,
];

/// Statements that lists of sandboxes and snapshots can become: every order with every filter.
pub fn list_statements() -> Vec<String> {
    list_sql::statements().into_iter().chain(crate::snapshot::list_statements()).collect()
}

/// The pattern of `LIKE … ESCAPE '\'` for folded text that contains `part` in any case.
pub(crate) fn containing(part: &str) -> Value {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for character in part.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    Value::Text(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_types_is_never_a_wildcard() {
        assert_eq!(containing("A%_\\"), Value::Text("%a\\%\\_\\\\%".to_owned()));
    }
}
