//! What can be compared about an API document: operations, their parameters, required fields, enums. No prose.
//!
//! Documents are OpenAPI 3 or, as the reference's of the toolbox, Swagger 2, where a body is a parameter and an answer has
//! its schema without a media type.
//!
//! The reference's facts are checked in, so that anybody can compare without its documents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::openapi::Api;

/// The facts of one document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// By operation id.
    pub(crate) operations: BTreeMap<String, Operation>,
    /// By name; only those that are objects.
    pub(crate) schemas: BTreeMap<String, Schema>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// Upper case.
    pub(crate) method: String,
    /// With its parameters in braces.
    pub(crate) path: String,
    /// The statuses of success, in order; 101 is one of them.
    pub(crate) success: BTreeSet<String>,
    /// The parameters of path and query: `path`, and behind it `?` if it may be left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) parameters: BTreeSet<String>,
    /// The schema of the body, where it has a name; `[]` behind it for a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// The schema of a successful answer, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<String>,
}

/// One schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schema {
    /// The fields that must be there.
    pub(crate) required: BTreeSet<String>,
    /// The values of the fields that are enums, or lists of one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) enums: BTreeMap<String, BTreeSet<String>>,
}

/// Where the reference's facts are kept.
fn reference_path(root: &Path, api: Api) -> PathBuf {
    root.join(match api {
        Api::Control => "openapi/reference.facts.json",
        Api::Toolbox => "openapi/reference.toolbox.facts.json",
    })
}

/// The reference's facts as they are kept.
pub(crate) fn of_reference(root: &Path, api: Api) -> anyhow::Result<Facts> {
    let path = reference_path(root, api);
    serde_json::from_str(&crate::read(&path)?).with_context(|| path.display().to_string())
}

/// Takes the facts from the reference's documents.
pub(crate) fn write(root: &Path, directory: &Path) -> anyhow::Result<()> {
    for api in Api::ALL {
        let path = directory.join(match api {
            Api::Control => "api.json",
            Api::Toolbox => "toolbox.json",
        });
        let document: Value =
            serde_json::from_str(&crate::read(&path)?).with_context(|| path.display().to_string())?;
        let text = serde_json::to_string_pretty(&Facts::of(&document))? + "\n";
        crate::write(&reference_path(root, api), &text)?;
    }
    Ok(())
}

impl Facts {
    /// The facts of a document.
    pub(crate) fn of(document: &Value) -> Self {
        let mut facts = Self::default();
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                if let Some(id) = operation["operationId"].as_str() {
                    facts.operations.insert(id.to_owned(), Operation::of(method, path, operation));
                }
            }
        }
        let schemas = members(&document["components"]["schemas"]).into_iter();
        for (name, schema) in schemas.chain(members(&document["definitions"])) {
            let mut found = Schema::default();
            found.collect(document, schema);
            if !found.required.is_empty() || !members(&schema["properties"]).is_empty() {
                facts.schemas.insert(name.clone(), found);
            }
        }
        facts
    }
}

impl Operation {
    fn of(method: &str, path: &str, operation: &Value) -> Self {
        let responses = members(&operation["responses"]);
        let is_success = |status: &str| status.starts_with('2') || status == "101";
        let parameters = || operation["parameters"].as_array().into_iter().flatten();
        let answer = responses
            .iter()
            .filter(|(status, _)| is_success(status))
            .find_map(|(_, response)| name_of(response));
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            success: responses
                .iter()
                .map(|(status, _)| (*status).clone())
                .filter(|status| is_success(status))
                .collect(),
            parameters: parameters().filter_map(parameter).collect(),
            body: parameters()
                .find(|parameter| parameter["in"] == "body")
                .map_or_else(|| name_of(&operation["requestBody"]), name_of),
            answer,
        }
    }
}

impl Schema {
    /// Adds the fields of a schema, of all parts of a composed one.
    fn collect(&mut self, document: &Value, schema: &Value) {
        let schema = resolve(document, schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(document, part);
        }
        let required = schema["required"].as_array().into_iter().flatten();
        self.required.extend(required.filter_map(Value::as_str).map(ToOwned::to_owned));
        for (name, property) in members(&schema["properties"]) {
            let values = enum_of(document, property);
            if !values.is_empty() {
                self.enums.insert(name.clone(), values);
            }
        }
    }
}

/// The values of an enum, of a list of one, or of a reference to one.
fn enum_of(document: &Value, property: &Value) -> BTreeSet<String> {
    let property = resolve(document, property);
    let mut values: BTreeSet<String> = property["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(ToOwned::to_owned)
        .collect();
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in property[key].as_array().into_iter().flatten() {
            values.extend(enum_of(document, part));
        }
    }
    if property["items"].is_object() {
        values.extend(enum_of(document, &property["items"]));
    }
    values
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let target = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(schema)
}

/// A parameter of path or query, as [`Operation::parameters`] has it.
fn parameter(parameter: &Value) -> Option<String> {
    let mark = match (parameter["in"].as_str()?, parameter["required"].as_bool()) {
        ("path", _) | ("query", Some(true)) => "",
        ("query", _) => "?",
        _ => return None,
    };
    Some(format!("{}{mark}", parameter["name"].as_str()?))
}

/// The name of the schema of a JSON body, or of one without a media type.
fn name_of(with_content: &Value) -> Option<String> {
    let schema = match &with_content["content"] {
        Value::Null => &with_content["schema"],
        content => &content["application/json"]["schema"],
    };
    let name = |schema: &Value| schema["$ref"].as_str()?.rsplit('/').next().map(ToOwned::to_owned);
    let of_optional = || schema["oneOf"].as_array()?.iter().find_map(name);
    name(schema).or_else(|| Some(name(&schema["items"])? + "[]")).or_else(of_optional)
}

fn members(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_taken_through_references_and_compositions() {
        let document = json!({
            "paths": {"/a": {"get": {"operationId": "getA", "responses": {
                "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Whole"}}}},
                "404": {},
            }}}},
            "components": {"schemas": {
                "Kind": {"type": "string", "enum": ["x", "y"]},
                "Part": {"required": ["id"], "properties": {"id": {"type": "string"}, "kind": {"allOf": [{"$ref": "#/components/schemas/Kind"}]}}},
                "Whole": {"allOf": [{"$ref": "#/components/schemas/Part"}, {"required": ["env"], "properties": {"kinds": {"items": {"$ref": "#/components/schemas/Kind"}}}}]},
            }},
        });
        let facts = Facts::of(&document);
        let operation = &facts.operations["getA"];
        assert_eq!((operation.method.as_str(), operation.answer.as_deref()), ("GET", Some("Whole")));
        assert_eq!(operation.success, BTreeSet::from(["200".to_owned()]));
        let whole = &facts.schemas["Whole"];
        assert_eq!(whole.required, BTreeSet::from(["env".to_owned(), "id".to_owned()]));
        assert_eq!(whole.enums.keys().collect::<Vec<_>>(), ["kind", "kinds"]);
        assert!(!facts.schemas.contains_key("Kind"));
    }

    #[test]
    fn bodies_and_answers_of_swagger_2_are_facts_too() {
        let document = json!({
            "paths": {"/a/{id}": {"post": {
                "operationId": "postA",
                "parameters": [
                    {"in": "body", "name": "request", "required": true, "schema": {"$ref": "#/definitions/Asked"}},
                    {"in": "path", "name": "id", "required": true},
                    {"in": "query", "name": "depth"},
                    {"in": "header", "name": "X-A"},
                ],
                "responses": {"101": {}, "200": {"schema": {"type": "array", "items": {"$ref": "#/definitions/One"}}}, "400": {}},
            }}},
            "definitions": {"Asked": {"required": ["id"]}},
        });
        let facts = Facts::of(&document);
        let operation = &facts.operations["postA"];
        assert_eq!((operation.body.as_deref(), operation.answer.as_deref()), (Some("Asked"), Some("One[]")));
        assert_eq!(operation.success, BTreeSet::from(["101".to_owned(), "200".to_owned()]));
        assert_eq!(operation.parameters, BTreeSet::from(["depth?".to_owned(), "id".to_owned()]));
        assert_eq!(facts.schemas["Asked"].required, BTreeSet::from(["id".to_owned()]));
    }
}
