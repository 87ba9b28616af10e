//! The document of the API against what the daemon serves: no operation more, none less, and answers of the shape that
//! it promises.

use std::collections::BTreeSet;

use paddock_toolbox::{Route, routes};
use paddock_wire_toolbox::openapi::document;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::server::Server;

/// Methods that a document can name, as it spells them.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// Every operation of the document: method in capitals, path.
fn documented() -> BTreeSet<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operation = |path: &String, method: &String| (method.to_uppercase(), path.clone());
    paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| operation(path, method))
        })
        .collect()
}

/// Every route as the document would have it.
fn served() -> BTreeSet<(String, String)> {
    let served = routes().into_iter().flat_map(|Route { method, path }| {
        // One operation in the document, since its parameter may be empty.
        let path = path.replace("{*path}", "{path}");
        let path = match path.strip_suffix('/').unwrap_or(&path) {
            "/proxy/{port}" => "/proxy/{port}/{path}".to_owned(),
            _ => path,
        };
        let methods: Vec<String> = match method {
            Some(method) => vec![method.to_string()],
            None => METHODS.map(str::to_uppercase).to_vec(),
        };
        methods.into_iter().map(move |method| (method, path.clone()))
    });
    let mut served: BTreeSet<_> = served.collect();
    // Every GET answers HEAD; of use where there is something to measure.
    served.insert(("HEAD".to_owned(), "/files/download".to_owned()));
    served
}

#[test]
fn the_document_has_every_route_and_nothing_else() {
    let (documented, served) = (documented(), served());
    let missing: Vec<_> = served.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&served).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing {missing:?}, invented {invented:?}");
}

#[test]
fn every_operation_of_the_document_is_answered_by_a_handler() {
    let server = Server::start();
    let operations = documented();
    assert!(operations.len() > 80, "{}", operations.len());
    for (method, path) in operations {
        // A port on which nobody listens, and ids that nothing has.
        let target = path.replace("{port}", "1").replace("{path}", "x").replace(['{', '}'], "");
        let mut client = server.client();
        let answer = client.request(&method, &target, "", b"");
        assert!(!is_unknown(&answer), "{method} {path}: {answer:?}");
        promised(&method, &path, &answer);
    }
    // The control: what is not in the document is not served.
    assert!(is_unknown(&server.client().get("/no/such")));
}

fn is_unknown(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).contains("no operation")
}

#[test]
fn answers_have_the_shape_that_the_document_promises() {
    let server = Server::start();
    let mut client = server.client();
    std::fs::write(server.work().join("a.txt"), "one\ntwo\n").unwrap();
    let nothing = json!(null);
    let (session, execute) = ("/process/session/{sessionId}", "/process/execute");
    let exec = format!("{session}/exec");
    for (method, path, target, body, status) in [
        ("GET", "/version", "/version", &nothing, 200),
        ("GET", "/work-dir", "/work-dir", &nothing, 200),
        ("GET", "/files", "/files", &nothing, 200),
        ("GET", "/files/", "/files/", &nothing, 200),
        ("GET", "/files/info", "/files/info?path=a.txt", &nothing, 200),
        ("GET", "/files/info", "/files/info?path=none", &nothing, 404),
        ("GET", "/files/find", "/files/find?path=.&pattern=two", &nothing, 200),
        ("GET", "/files/search", "/files/search?path=.&pattern=*", &nothing, 200),
        ("POST", "/files/upload-v2", "/files/upload-v2?path=b", &json!("content"), 200),
        (
            "POST",
            "/files/replace",
            "/files/replace",
            &json!({"files": ["a.txt", "none"], "pattern": "o", "newValue": "0"}),
            200,
        ),
        ("POST", "/env", "/env", &json!({"set": {"A": "b"}}), 200),
        ("POST", execute, execute, &json!({"command": "echo hi"}), 200),
        ("POST", execute, execute, &json!({"command": "sleep 60", "timeout": 0.05}), 408),
        ("POST", "/process/code-run", "/process/code-run", &json!({"code": "1", "language": "cobol"}), 400),
        ("POST", "/process/session", "/process/session", &json!({"sessionId": "s"}), 201),
        ("POST", "/process/session", "/process/session", &json!({"sessionId": "s"}), 409),
        ("POST", &exec, "/process/session/s/exec", &json!({"command": "echo hi"}), 200),
        ("POST", &exec, "/process/session/s/exec", &json!({"command": "cat", "runAsync": true}), 202),
        ("GET", "/process/session", "/process/session", &nothing, 200),
        ("GET", session, "/process/session/s", &nothing, 200),
        ("DELETE", session, "/process/session/s", &nothing, 204),
        ("POST", "/process/pty", "/process/pty", &json!({"id": "t"}), 201),
        ("GET", "/process/pty", "/process/pty", &nothing, 200),
        ("GET", "/process/pty/{sessionId}", "/process/pty/t", &nothing, 200),
        (
            "POST",
            "/process/pty/{sessionId}/resize",
            "/process/pty/t/resize",
            &json!({"cols": 10, "rows": 10}),
            200,
        ),
        ("DELETE", "/process/pty/{sessionId}", "/process/pty/t", &nothing, 200),
        ("GET", "/process/interpreter/context", "/process/interpreter/context", &nothing, 200),
        ("GET", "/port", "/port", &nothing, 200),
        ("GET", "/port/{port}/in-use", "/port/3000/in-use", &nothing, 200),
        ("GET", "/system/metrics", "/system/metrics", &nothing, 200),
    ] {
        let answer = match body {
            Value::Null => client.request(method, target, "", b""),
            body => client.request(
                method,
                target,
                "X-Daytona-SDK-Version: 0.226.1\r\nContent-Type: application/json\r\n",
                body.to_string().as_bytes(),
            ),
        };
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        promised(method, path, &answer);
    }
    logs_are_as_promised(&mut client);
}

fn logs_are_as_promised(client: &mut Client) {
    client.post_json("/process/session", &json!({"sessionId": "l"}));
    let started = client.post_json("/process/session/l/exec", &json!({"command": "echo hi"})).ok(200);
    let path = "/process/session/{sessionId}/command/{commandId}";
    let target = format!("/process/session/l/command/{}", started["cmdId"].as_str().unwrap());
    promised("GET", path, &client.get(&target));
    for version in ["0.226.1", "0.100.0"] {
        let version = format!("X-Daytona-SDK-Version: {version}\r\n");
        let logs = client.request("GET", &format!("{target}/logs"), &version, b"");
        promised("GET", &format!("{path}/logs"), &logs);
    }
}

/// Fails unless the document has the answer's status for this operation, and its body the media type and the schema.
#[track_caller]
fn promised(method: &str, path: &str, answer: &Answer) {
    let document = document();
    let status = answer.status;
    let promise = &document["paths"][path][method.to_lowercase()]["responses"][status.to_string()];
    assert!(promise.is_object(), "{method} {path} answers {status}, which the document does not have");
    if method == "HEAD" {
        return;
    }
    if answer.body.is_empty() {
        assert!(promise["content"].is_null(), "{method} {path} {status} has no body");
        return;
    }
    let media_type = answer.header("content-type").unwrap().split(';').next().unwrap();
    let content = &promise["content"][media_type];
    assert!(content.is_object(), "{method} {path} {status} is {media_type}: {answer:?}");
    if media_type == "application/json" {
        let faults = faults(&document, &content["schema"], &answer.json(), "");
        assert!(faults.is_empty(), "{method} {path} {status}: {faults:?} in {answer:?}");
    }
}

/// What of a value is not as the schema says: a field too few or too many, a value of another type.
fn faults(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return faults(document, target, value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().any(|choice| faults(document, choice, value, place).is_empty());
        return if fits { Vec::new() } else { vec![format!("{place} fits no choice")] };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    };
    let fits = |expected: &&str| match *expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    };
    if !types.is_empty() && !types.iter().any(fits) {
        return vec![format!("{place} is no {types:?}")];
    }
    let mut found = Vec::new();
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            found.push(format!("{place}.{required} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        let known = &schema["properties"][name];
        let known = if known.is_null() { &schema["additionalProperties"] } else { known };
        if known.is_null() {
            found.push(format!("{place} is not described"));
        } else {
            found.extend(faults(document, known, member, &place));
        }
    }
    for element in value.as_array().into_iter().flatten() {
        found.extend(faults(document, &schema["items"], element, &format!("{place}[]")));
    }
    found
}

#[test]
fn a_planted_fault_in_an_answer_is_found() {
    let document = document();
    let schema = json!({"$ref": "#/components/schemas/Session"});
    let good = json!({"sessionId": "s", "commands": [{"id": "1", "command": "ls"}]});
    assert!(faults(&document, &schema, &good, "").is_empty());
    for bad in [
        json!({"commands": []}),
        json!({"sessionId": 1, "commands": []}),
        json!({"sessionId": "s", "commands": null}),
        json!({"sessionId": "s", "commands": [{"id": "1"}]}),
        json!({"sessionId": "s", "commands": [], "more": 1}),
    ] {
        assert_eq!(faults(&document, &schema, &bad, "").len(), 1, "{bad}");
    }
}
