//! What servers answer, in the wire's shapes.
//!
//! The protocol allows several forms of nearly everything. What has no form that clients can read is left out: one
//! odd item of a server's must not lose the others.

use paddock_wire_toolbox::{CompletionItem, CompletionList, LspLocation, LspSymbol};
use serde_json::{Value, json};

/// Completions: a list, a list in an object, or nothing.
pub(super) fn completions(answer: &Value) -> CompletionList {
    let (is_incomplete, items) = match answer {
        Value::Array(items) => (false, items.as_slice()),
        Value::Object(list) => {
            let items = list.get("items").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
            (list.get("isIncomplete").and_then(Value::as_bool).unwrap_or(false), items)
        }
        _ => (false, &[] as &[Value]),
    };
    CompletionList { is_incomplete, items: items.iter().filter_map(completion).collect() }
}

fn completion(item: &Value) -> Option<CompletionItem> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(CompletionItem {
        label: text("label")?,
        kind: item.get("kind").and_then(Value::as_i64),
        detail: text("detail"),
        documentation: match item.get("documentation") {
            Some(Value::String(text)) => Some(json!({"kind": "plaintext", "value": text})),
            Some(object @ Value::Object(_)) => Some(object.clone()),
            _ => None,
        },
        sort_text: text("sortText"),
        filter_text: text("filterText"),
        insert_text: text("insertText"),
    })
}

/// Symbols, flat: nested ones come after the one that they are in. `uri` is that of the document, which nested forms
/// do not name.
pub(super) fn symbols(answer: &Value, uri: &str) -> Vec<LspSymbol> {
    let mut found = Vec::new();
    // Not by recursion: how deep it goes is the server's to say.
    let mut open: Vec<&Value> = answer.as_array().into_iter().flatten().rev().collect();
    while let Some(item) = open.pop() {
        found.extend(symbol(item, uri));
        open.extend(item.get("children").and_then(Value::as_array).into_iter().flatten().rev());
    }
    found
}

fn symbol(item: &Value, uri: &str) -> Option<LspSymbol> {
    let location = match item.get("location") {
        Some(location) => LspLocation {
            uri: location.get("uri")?.as_str()?.to_owned(),
            range: serde_json::from_value(location.get("range")?.clone()).ok()?,
        },
        None => LspLocation {
            uri: uri.to_owned(),
            range: serde_json::from_value(item.get("range")?.clone()).ok()?,
        },
    };
    Some(LspSymbol {
        name: item.get("name")?.as_str()?.to_owned(),
        kind: item.get("kind")?.as_i64()?,
        location,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_come_in_three_forms() {
        let items = json!([{"label": "a", "documentation": "text", "kind": 3, "data": {}}, {"kind": 1}]);
        let list = completions(&items);
        assert_eq!((list.is_incomplete, list.items.len()), (false, 1));
        assert_eq!(list.items[0].documentation, Some(json!({"kind": "plaintext", "value": "text"})));
        let list = completions(
            &json!({"isIncomplete": true, "items": [{"label": "b", "documentation": {"kind": "markdown", "value": "*"}}]}),
        );
        assert_eq!((list.is_incomplete, list.items[0].label.as_str()), (true, "b"));
        assert_eq!(list.items[0].documentation, Some(json!({"kind": "markdown", "value": "*"})));
        assert_eq!(completions(&Value::Null).items.len(), 0);
    }

    #[test]
    fn nested_symbols_become_flat_in_order() {
        let range = |line: u32| json!({"start": {"line": line, "character": 0}, "end": {"line": line, "character": 1}});
        let nested = json!([
            {"name": "A", "kind": 5, "range": range(1), "selectionRange": range(9), "children": [
                {"name": "b", "kind": 6, "range": range(2), "children": [{"name": "c", "kind": 13, "range": range(3)}]},
                {"name": "broken"},
            ]},
            {"name": "d", "kind": 12, "location": {"uri": "file:///other", "range": range(4)}},
        ]);
        let found = symbols(&nested, "file:///a.py");
        let names: Vec<&str> = found.iter().map(|symbol| symbol.name.as_str()).collect();
        assert_eq!(names, ["A", "b", "c", "d"]);
        assert_eq!((found[1].location.range.start.line, found[0].location.uri.as_str()), (2, "file:///a.py"));
        assert_eq!(found[3].location.uri, "file:///other");
        assert_eq!(symbols(&Value::Null, "x").len(), 0);
    }
}
