//! The toolbox's API as an OpenAPI document. For the repository's own commands and tests: behind the feature
//! `openapi`, which the daemon never enables.
//!
//! | Module | What it holds |
//! |---|---|
//! | `table` | the operations, one entry each, in one file per group |
//! | `operation` | what an entry is made of |
//! | `streamed` | bodies that the daemon writes piece by piece and never holds as one value |
//!
//! Schemas come from the serde types of this crate, so that a field is described once. What travels on WebSockets is
//! beyond such a document: an entry says in words which messages there are, and this crate has their types.

mod operation;
mod streamed;
mod table;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use operation::Operation;

/// What every reader should know before the first operation.
const DESCRIPTION: &str = "The toolbox of paddock: files, processes, terminals, code, git, language servers and ports \
    of one sandbox. It has no authentication of its own: the proxy in front of it has. Relative paths are in the \
    sandbox's work directory. Errors have one body everywhere, ErrorResponse.";

/// The document, OpenAPI 3.1, of what the daemon serves at its root.
pub fn document() -> Value {
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    let mut schemas = Map::new();
    for operation in table::operations() {
        let Operation { path, method, .. } = operation;
        let (described, named) = operation.describe();
        schemas.extend(named);
        let before = paths.entry(path).or_default().insert(method.to_owned(), described);
        assert!(before.is_none(), "{method} {path} is in the table once");
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "paddock toolbox", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_an_id_of_its_own_and_parameters_for_its_path() {
        let mut ids = BTreeSet::new();
        for operation in table::operations() {
            let Operation { id, path, .. } = operation;
            assert!(ids.insert(id), "{id} comes twice");
            let (described, _) = operation.describe();
            let parameters = described["parameters"].as_array().unwrap();
            let named: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let in_path: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(named, in_path, "{id}");
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
                    members.values().for_each(|member| references(member, found));
                }
                Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
