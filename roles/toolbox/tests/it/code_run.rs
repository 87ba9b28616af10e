//! `POST /process/code-run`, as far as it goes without matplotlib and TypeScript in the image: those
//! are tried in real sandboxes by the conformance suite.
//!
//! Interpreters are played by scripts in a directory that PATH names, so that nothing depends on
//! what a machine has; Python itself is used where its behaviour is what is promised.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::server::Server;

fn run(server: &Server, request: &Value) -> Value {
    server.client().post_json("/process/code-run", request).ok(200)
}

/// Puts a program of that name, a shell script, where the server's children find it first.
fn play(server: &Server, name: &str, script: &str) {
    let path = server.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn server_with_players() -> Server {
    Server::start_with(|config| {
        let path = format!("{}/bin:/usr/bin:/bin", config.work_dir.display());
        config.environment.set("PATH", path);
    })
}

/// A request for `language` that sees only programs that were put there to be played.
fn isolated(server: &Server, mut request: Value) -> Value {
    request["envs"] = json!({"PATH": server.path("bin")});
    request
}

#[test]
fn python_gets_its_arguments_one_by_one_and_end_of_file() {
    let server = Server::start();
    let code =
        "import sys\nprint(sys.argv[1:], repr(sys.stdin.read()), __name__)\nprint('err', file=sys.stderr)";
    let request = json!({"code": code, "language": "python", "argv": ["a b", "", "'\"$x"]});
    let result = run(&server, &request);
    assert_eq!(
        result,
        json!({"exitCode": 0, "result": "['a b', '', '\\'\"$x'] '' __main__\nerr\n"}),
        "no artifacts without charts"
    );
}

#[test]
fn python_errors_are_in_the_result_with_the_interpreters_status() {
    let server = Server::start();
    let result = run(&server, &json!({"code": "def f(): raise ValueError('no')\nf()"}));
    assert_eq!(result["exitCode"], 1);
    assert!(result["result"].as_str().unwrap().ends_with("ValueError: no\n"), "{result}");
    assert_eq!(run(&server, &json!({"code": "this is no python"}))["exitCode"], 1);
    assert_eq!(run(&server, &json!({"code": "import sys; sys.exit(9)"}))["exitCode"], 9);
}

#[test]
fn an_empty_language_is_python_and_an_unknown_one_is_refused() {
    let server = Server::start();
    for language in [json!(""), json!(null)] {
        let result = run(&server, &json!({"code": "print(1)", "language": language}));
        assert_eq!(result["result"], "1\n");
    }
    let request = json!({"code": "x", "language": "cobol"});
    let message = server.client().post_json("/process/code-run", &request).error(400, "BAD_REQUEST");
    assert!(message.contains("cobol"), "{message}");
}

#[test]
fn a_time_limit_holds_for_code_too() {
    let server = Server::start();
    let request = json!({"code": "import time; time.sleep(100)", "timeout": 0.2});
    server.client().post_json("/process/code-run", &request).error(408, "PROCESS_EXECUTION_TIMEOUT");
}

#[test]
fn an_interpreter_that_is_not_there_is_what_a_shell_says() {
    let server = Server::start();
    for (language, program) in [("python", "python3"), ("javascript", "node"), ("typescript", "npx")] {
        let result = run(&server, &isolated(&server, json!({"code": "1", "language": language})));
        assert_eq!(result, json!({"exitCode": 127, "result": format!("{program}: command not found")}));
    }
}

#[test]
fn marked_lines_become_charts_whatever_the_language() {
    let server = server_with_players();
    let chart = r#"dtn_artifact_k39fd2:{"type":"chart","value":{"type":"bar","elements":[{"label":"a","value":"1"}]}}"#;
    play(
        &server,
        "node",
        &format!("echo before; echo '{chart}'; echo 'dtn_artifact_k39fd2:broken'; echo after"),
    );
    let result = run(&server, &json!({"code": "x", "language": "javascript"}));
    assert_eq!(result["result"], "before\nafter\n");
    let charts = json!([{"type": "bar", "elements": [{"label": "a", "value": "1"}]}]);
    assert_eq!(result["artifacts"], json!({"charts": charts}));
}

#[test]
fn javascript_is_read_from_input_after_a_line_that_drops_the_scripts_name() {
    let server = server_with_players();
    play(&server, "node", "echo \"$#|$1|$2\"; cat");
    let result = run(&server, &json!({"code": "first\nsecond", "language": "javascript", "argv": ["a b"]}));
    assert_eq!(result["result"], "2|-|a b\nprocess.argv.splice(1, 1); first\nsecond");
    let result = run(&server, &json!({"code": "#!/usr/bin/env node\nx", "language": "javascript"}));
    assert_eq!(result["result"], "1|-|\nprocess.argv.splice(1, 1); //#!/usr/bin/env node\nx");
}

#[test]
fn typescript_is_a_file_of_a_commonjs_package_that_is_removed_after_the_run() {
    let server = server_with_players();
    play(
        &server,
        "ts-node",
        "shift 4; echo \"$#|$2\"; cat \"$1\"; echo; cat \"$(dirname \"$1\")/package.json\"; echo \"$1\" > ran; exit 7",
    );
    let result = run(&server, &json!({"code": "let x: number", "language": "typescript", "argv": ["a b"]}));
    assert_eq!(result["exitCode"], 7);
    assert_eq!(result["result"], "2|a b\nprocess.argv.splice(1, 1); let x: number\n{\"type\":\"commonjs\"}");
    let file = String::from_utf8(server.read("ran")).unwrap();
    assert!(file.trim().ends_with(".ts"), "{file}");
    assert!(!std::path::Path::new(file.trim()).parent().unwrap().exists());
}

#[test]
fn typescript_falls_back_to_tsx_and_then_to_an_npx_that_never_asks() {
    let server = server_with_players();
    play(&server, "npx", "echo npx \"$1\" \"$2\" \"$3\" \"$4\"");
    let request = json!({"code": "1", "language": "typescript"});
    let result = run(&server, &isolated(&server, request.clone()));
    assert_eq!(result["result"], "npx --no --offline -- ts-node\n");
    play(&server, "tsx", "echo tsx $#");
    let result = run(&server, &isolated(&server, request));
    assert_eq!(result["result"], "tsx 1\n");
}
