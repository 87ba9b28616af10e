//! Sandboxes: one file for the record, one for changes, one for single reads, one for lists.

mod list;
mod read;
mod record;
mod write;

pub use list::{
    Bounds, Cursor, Position, SandboxFilter, SandboxPage, SandboxQuery, SandboxSort, SortValue, Spans,
};
pub use read::{Authorized, Presented};
pub use record::{AuthToken, SandboxRecord, SandboxStatus};

use crate::value::Value;

/// Every constant statement of this folder with its name.
pub(crate) const STATEMENTS: &[(&str, &str)] = &{
    const READS: &[(&str, &str)] = read::STATEMENTS;
    const WRITES: &[(&str, &str)] = write::STATEMENTS;
    let mut all = [("", ""); READS.len() + WRITES.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < READS.len() { READS[index] } else { WRITES[index - READS.len()] };
        index += 1;
    }
    all
};

/// Statements that lists of sandboxes and snapshots can become: every order with every filter.
pub fn list_statements() -> Vec<String> {
    list::statements().into_iter().chain(crate::snapshot::list_statements()).collect()
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
