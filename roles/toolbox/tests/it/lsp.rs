//! Language servers, played by a small one of the tests' own.

use serde_json::{Value, json};

use crate::server::{Server, eventually};

const FAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_language_server/server.py");

/// A toolbox in whose search path the fake goes by the names of the promised servers.
fn start() -> Server {
    Server::start_with(|config| {
        let bin = config.work_dir.parent().unwrap().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for name in ["pylsp", "typescript-language-server"] {
            std::os::unix::fs::symlink(FAKE, bin.join(name)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", bin.to_str().unwrap());
        config.environment.set("PATH", path);
    })
}

fn about(language: &str) -> Value {
    json!({"languageId": language, "pathToProject": "project"})
}

fn document(language: &str, uri: &str) -> Value {
    json!({"languageId": language, "pathToProject": "project", "uri": uri})
}

#[track_caller]
fn post(server: &Server, path: &str, body: &Value) {
    server.client().post_json(path, body).ok(200);
}

fn symbols(server: &Server, language: &str, uri: &str) -> Value {
    let query = format!("languageId={language}&pathToProject=project&uri={uri}");
    server.client().get(&format!("/lsp/document-symbols?{query}")).ok(200)
}

fn names(symbols: &Value) -> Vec<&str> {
    symbols.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap()).collect()
}

#[test]
fn a_relative_document_is_opened_and_its_symbols_are_flat() {
    let server = start();
    let path = server.write("project/a b.py", "import os\nclass Sheep:\n    pass\n");
    post(&server, "/lsp/start", &about("python"));
    post(&server, "/lsp/did-open", &document("python", "file://project/a b.py"));
    let found = symbols(&server, "python", "file://project/a%20b.py");
    assert_eq!(names(&found), ["Sheep", "method"]);
    assert_eq!((&found[0]["kind"], &found[0]["location"]["range"]["start"]["line"]), (&json!(5), &json!(1)));
    let uri = found[0]["location"]["uri"].as_str().unwrap();
    assert_eq!(uri, format!("file://{}", path.to_str().unwrap()).replace(' ', "%20"));
}

#[test]
fn completions_have_documentation_as_an_object() {
    let server = start();
    server.write("project/a.py", "one two");
    post(&server, "/lsp/start", &about("python"));
    post(&server, "/lsp/did-open", &document("python", "file://project/a.py"));
    let mut request = document("python", "file://project/a.py");
    request["position"] = json!({"line": 0, "character": 1});
    let list = server.client().post_json("/lsp/completions", &request).ok(200);
    let documentation = json!({"kind": "plaintext", "value": "a word"});
    assert_eq!(list["isIncomplete"], false);
    assert_eq!(list["items"][1], json!({"label": "two", "documentation": documentation}));
    post(&server, "/lsp/did-close", &document("python", "file://project/a.py"));
    let none = server.client().post_json("/lsp/completions", &request).ok(200);
    assert_eq!(none, json!({"isIncomplete": false, "items": []}));
}

#[test]
fn an_edit_is_seen_when_the_document_is_opened_again() {
    let server = start();
    server.write("project/a.py", "class Old:");
    post(&server, "/lsp/start", &about("python"));
    post(&server, "/lsp/did-open", &document("python", "file://project/a.py"));
    server.write("project/a.py", "class New:");
    assert_eq!(names(&symbols(&server, "python", "file://project/a.py")), ["Old", "method"]);
    post(&server, "/lsp/did-open", &document("python", "file://project/a.py"));
    assert_eq!(names(&symbols(&server, "python", "file://project/a.py")), ["New", "method"]);
}

#[test]
fn a_project_is_searched_though_its_server_cannot() {
    let server = start();
    server.write("project/deep/er/a.py", "class Sheep:");
    server.write("project/b.py", "class sheepdog:\nclass Cat:");
    server.write("project/node_modules/c.py", "class SheepElsewhere:");
    server.write("project/d.txt", "class SheepText:");
    post(&server, "/lsp/start", &about("python"));
    let query = "/lsp/workspacesymbols?languageId=python&pathToProject=project&query=";
    let found = server.client().get(&format!("{query}SHEEP")).ok(200);
    assert_eq!(names(&found), ["sheepdog", "Sheep"]);
    assert_eq!(server.client().get(&format!("{query}nothing")).ok(200), json!([]));
    server.client().get(query).error(400, "BAD_REQUEST");
}

#[test]
fn a_server_that_knows_its_workspace_is_asked_though_nothing_is_open() {
    let server = start();
    server.write("project/a.ts", "class Sheep {}");
    post(&server, "/lsp/start", &about("typescript"));
    for spelling in ["workspacesymbols", "workspace-symbols"] {
        let query = format!("/lsp/{spelling}?languageId=typescript&pathToProject=project&query=Sheep");
        assert_eq!(names(&server.client().get(&query).ok(200)), ["Sheep"]);
    }
}

#[test]
fn nothing_answers_before_the_start_or_after_the_stop() {
    let server = start();
    server.write("project/a.py", "");
    let refused = |server: &Server| {
        let mut completions = document("python", "file://project/a.py");
        completions["position"] = json!({"line": 0, "character": 0});
        for (path, body) in [
            ("/lsp/did-open", document("python", "file://project/a.py")),
            ("/lsp/did-close", document("python", "file://project/a.py")),
            ("/lsp/completions", completions),
        ] {
            server.client().post_json(path, &body).error(400, "LSP_SERVER_NOT_INITIALIZED");
        }
        let query = "languageId=python&pathToProject=project";
        for path in ["document-symbols?uri=file://project/a.py&", "workspacesymbols?query=x&"] {
            server.client().get(&format!("/lsp/{path}{query}")).error(400, "LSP_SERVER_NOT_INITIALIZED");
        }
        server.client().post_json("/lsp/stop", &about("python")).error(500, "INTERNAL_SERVER_ERROR");
    };
    refused(&server);
    std::fs::create_dir_all(server.path("project")).unwrap();
    post(&server, "/lsp/start", &about("python"));
    post(&server, "/lsp/start", &about("python"));
    post(&server, "/lsp/stop", &about("python"));
    refused(&server);
}

#[test]
fn a_crash_is_told_and_the_next_request_finds_a_new_server_with_the_same_documents() {
    let server = start();
    server.write("project/a.py", "class Kept: crash");
    post(&server, "/lsp/start", &about("python"));
    post(&server, "/lsp/did-open", &document("python", "file://project/a.py"));
    let mut request = document("python", "file://project/a.py");
    request["position"] = json!({"line": 0, "character": 0});
    let message = server.client().post_json("/lsp/completions", &request).error(400, "BAD_REQUEST");
    assert!(message.contains("status 7: going down"), "{message}");
    server.write("project/a.py", "class Kept: well");
    let list = server.client().post_json("/lsp/completions", &request).ok(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 3, "{list}");
    post(&server, "/lsp/did-close", &document("python", "file://project/a.py"));
}

#[test]
fn languages_and_servers_that_are_not_there_are_told() {
    let server = start();
    std::fs::create_dir_all(server.path("project")).unwrap();
    server.client().post_json("/lsp/start", &about("klingon")).error(400, "BAD_REQUEST");
    let missing = server.client().post_json("/lsp/start", &about("lua")).error(400, "BAD_REQUEST");
    assert!(missing.contains("lua-language-server"), "{missing}");
    let nowhere = json!({"languageId": "python", "pathToProject": "nowhere"});
    server.client().post_json("/lsp/start", &nowhere).error(400, "BAD_REQUEST");
    server.client().post_json("/lsp/start", &json!({})).error(400, "INVALID_REQUEST_BODY");
    let bare = Server::start_with(|config| config.environment.set("PATH", "/nowhere"));
    let here = json!({"languageId": "python", "pathToProject": "."});
    let missing = bare.client().post_json("/lsp/start", &here).error(500, "INTERNAL_SERVER_ERROR");
    assert!(missing.contains("pylsp: command not found"), "{missing}");
}

#[test]
fn a_missing_document_is_not_found() {
    let server = start();
    std::fs::create_dir_all(server.path("project")).unwrap();
    post(&server, "/lsp/start", &about("python"));
    server
        .client()
        .post_json("/lsp/did-open", &document("python", "file://project/no.py"))
        .error(404, "FILE_NOT_FOUND");
}

#[test]
fn a_stopped_server_leaves_no_process() {
    let server = start();
    std::fs::create_dir_all(server.path("project")).unwrap();
    post(&server, "/lsp/start", &about("python"));
    let bin = server.work().parent().unwrap().join("bin/pylsp").to_str().unwrap().to_owned();
    let runs = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok())
            .any(|command| command.contains(&bin))
    };
    assert!(runs());
    post(&server, "/lsp/stop", &about("python"));
    eventually("the server has ended", || (!runs()).then_some(()));
}
