//! Our documents against the reference's: every difference has an explanation, and every explanation a
//! difference.
//!
//! Compared: operation ids with method, path, parameters, successful statuses, names of body and answer; the required
//! fields and the enums of schemas of the same name. A missing operation names the capability that it
//! waits for. An entry that explains nothing any more has to go, so the list can only shrink.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::facts::{Facts, Operation, Schema, of_reference};
use crate::openapi::Api;

/// `openapi/differences.toml`: the control plane's explanations, and under a name of their own the toolbox's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    missing: Vec<Missing>,
    different: Vec<Different>,
    toolbox: Explained,
}

/// The explanations for one document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    missing: Vec<Missing>,
    different: Vec<Different>,
}

/// Operations that are not there yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Missing {
    /// The capability that brings them.
    waits_for: String,
    operations: Vec<String>,
}

/// What is there and different, on purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Different {
    why: String,
    what: Vec<String>,
}

/// Everything that is different and not explained, or explained and not different.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let path = root.join("openapi/differences.toml");
    let Differences { missing, different, toolbox } =
        toml::from_str(&crate::read(&path)?).with_context(|| path.display().to_string())?;
    let mut findings = Vec::new();
    for (api, explained) in [(Api::Control, Explained { missing, different }), (Api::Toolbox, toolbox)] {
        let ours = Facts::of(&api.document()?);
        findings.extend(compare(&of_reference(root, api)?, &ours, &explained));
    }
    Ok(findings)
}

fn compare(reference: &Facts, ours: &Facts, explained: &Explained) -> Vec<String> {
    let found: BTreeSet<String> = differences(reference, ours);
    let missing = explained.missing.iter().flat_map(|missing| {
        missing.operations.iter().map(|id| (format!("operation {id} is missing"), missing.waits_for.as_str()))
    });
    let different = explained
        .different
        .iter()
        .flat_map(|different| different.what.iter().map(|what| (what.clone(), different.why.as_str())));
    let mut findings = Vec::new();
    let mut known = BTreeMap::new();
    for (what, why) in missing.chain(different) {
        if why.trim().is_empty() {
            findings.push(format!("explained without a word: {what}"));
        }
        if known.insert(what.clone(), why).is_some() {
            findings.push(format!("explained twice: {what}"));
        }
        if !found.contains(&what) {
            findings.push(format!("stale, no longer different: {what}"));
        }
    }
    findings.extend(
        found.iter().filter(|what| !known.contains_key(*what)).map(|what| format!("unexplained: {what}")),
    );
    findings
}

fn differences(reference: &Facts, ours: &Facts) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (id, operation) in &reference.operations {
        match ours.operations.get(id) {
            None => _ = found.insert(format!("operation {id} is missing")),
            Some(our) => compare_operations(id, operation, our, &mut found),
        }
    }
    for id in ours.operations.keys().filter(|id| !reference.operations.contains_key(*id)) {
        found.insert(format!("operation {id} is ours alone"));
    }
    for (name, our) in &ours.schemas {
        match reference.schemas.get(name) {
            None => _ = found.insert(format!("schema {name} is ours alone")),
            Some(schema) => compare_schemas(name, schema, our, &mut found),
        }
    }
    found
}

fn compare_operations(id: &str, reference: &Operation, ours: &Operation, found: &mut BTreeSet<String>) {
    if (&reference.method, &reference.path) != (&ours.method, &ours.path) {
        found.insert(format!("operation {id} is at {} {}", ours.method, ours.path));
    }
    for parameter in reference.parameters.difference(&ours.parameters) {
        found.insert(format!("operation {id} has no parameter {parameter}"));
    }
    for parameter in ours.parameters.difference(&reference.parameters) {
        found.insert(format!("operation {id} has the parameter {parameter} more"));
    }
    if reference.success != ours.success {
        found.insert(format!("operation {id} succeeds with {:?}", ours.success));
    }
    if reference.body != ours.body {
        found.insert(format!("operation {id} reads {}", ours.body.as_deref().unwrap_or("nothing named")));
    }
    if reference.answer != ours.answer {
        found.insert(format!("operation {id} answers {}", ours.answer.as_deref().unwrap_or("nothing named")));
    }
}

fn compare_schemas(name: &str, reference: &Schema, ours: &Schema, found: &mut BTreeSet<String>) {
    for field in reference.required.difference(&ours.required) {
        found.insert(format!("schema {name} does not require {field}"));
    }
    for field in ours.required.difference(&reference.required) {
        found.insert(format!("schema {name} requires {field}"));
    }
    for (field, values) in &ours.enums {
        let Some(expected) = reference.enums.get(field) else {
            found.insert(format!("schema {name} limits {field}"));
            continue;
        };
        for value in expected.difference(values) {
            found.insert(format!("schema {name} has no {field} {value}"));
        }
        for value in values.difference(expected) {
            found.insert(format!("schema {name} has the {field} {value} more"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_explained_and_every_explanation_is_of_a_difference() {
        let findings = check(&crate::root()).unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
    }

    #[test]
    fn a_planted_difference_and_a_stale_explanation_are_found() {
        let root = crate::root();
        let reference = of_reference(&root, Api::Control).unwrap();
        let mut ours = reference.clone();
        ours.operations.remove("createSandbox");
        ours.operations.get_mut("getSandbox").unwrap().success = BTreeSet::from(["201".to_owned()]);
        let sandbox = ours.schemas.get_mut("Sandbox").unwrap();
        sandbox.required.remove("toolboxProxyUrl");
        sandbox.enums.get_mut("state").unwrap().insert("sleeping".to_owned());
        let stale = Missing { waits_for: "nothing".to_owned(), operations: vec!["stopSandbox".to_owned()] };
        let explained = Explained { missing: vec![stale], different: Vec::new() };
        assert_eq!(
            compare(&reference, &ours, &explained),
            [
                "stale, no longer different: operation stopSandbox is missing",
                "unexplained: operation createSandbox is missing",
                "unexplained: operation getSandbox succeeds with {\"201\"}",
                "unexplained: schema Sandbox does not require toolboxProxyUrl",
                "unexplained: schema Sandbox has the state sleeping more",
            ]
        );
    }
}
