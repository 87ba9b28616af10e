//! The code interpreter.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, eventually};
use crate::websocket::{Ended, Socket};

/// What an execution came to.
#[derive(Debug)]
struct Outcome {
    stdout: String,
    stderr: String,
    error: Option<Value>,
    control: Option<String>,
    other: Vec<Value>,
    code: Option<u16>,
    reason: String,
}

fn open(server: &Server, request: &Value) -> Socket {
    let mut socket = Socket::connect(&server.socket(), "/process/interpreter/execute", &[]).unwrap();
    socket.send(Message::text(request.to_string()));
    socket
}

fn run(server: &Server, request: &Value) -> Outcome {
    outcome(open(server, request).finish())
}

fn outcome(ended: Ended) -> Outcome {
    let Ended { texts, code, reason, .. } = ended;
    let mut outcome = Outcome {
        stdout: String::new(),
        stderr: String::new(),
        error: None,
        control: None,
        other: Vec::new(),
        code,
        reason,
    };
    for text in texts {
        let message: Value = serde_json::from_str(&text).unwrap();
        assert!(outcome.control.is_none(), "{message} after the last");
        let text = message["text"].as_str().unwrap_or_default();
        match message["type"].as_str().unwrap() {
            "stdout" => outcome.stdout.push_str(text),
            "stderr" => outcome.stderr.push_str(text),
            "error" => {
                assert!(outcome.error.is_none(), "two errors");
                outcome.error = Some(message);
            }
            "control" => outcome.control = Some(text.to_owned()),
            _ => outcome.other.push(message),
        }
    }
    outcome
}

/// Runs code that must succeed, and gives back what it printed.
#[track_caller]
fn printed(server: &Server, context: Option<&str>, code: &str) -> String {
    let outcome = run(server, &json!({"code": code, "contextId": context}));
    assert_eq!((outcome.control.as_deref(), outcome.code), (Some("completed"), Some(1000)), "{outcome:?}");
    assert_eq!((&outcome.error, outcome.stderr.as_str()), (&None, ""), "{outcome:?}");
    outcome.stdout
}

fn context(server: &Server, body: &Value) -> String {
    let made = server.client().post_json("/process/interpreter/context", body).ok(200);
    assert_eq!((&made["language"], &made["active"]), (&json!("python"), &json!(true)), "{made}");
    assert!(made["cwd"].is_string() && made["createdAt"].is_string(), "{made}");
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn names_persist_between_executions_and_values_are_not_echoed() {
    let server = Server::start();
    assert_eq!(printed(&server, None, "import math\nx = 41\ndef f(): return x + 1\nx"), "");
    assert_eq!(printed(&server, None, "print(f(), math.pi > 3, __name__)"), "42 True __main__\n");
}

#[test]
fn contexts_are_apart_and_listed_and_deleted() {
    let server = Server::start();
    std::fs::create_dir(server.path("sub")).unwrap();
    let (one, two) =
        (context(&server, &json!({})), context(&server, &json!({"cwd": "sub", "language": "python"})));
    printed(&server, Some(&one), "x = 1");
    assert_eq!(printed(&server, Some(&two), "print('x' in globals())"), "False\n");
    assert_eq!(printed(&server, None, "print('x' in globals())"), "False\n");
    let here = printed(&server, Some(&two), "import os; print(os.getcwd())");
    assert_eq!(here.trim_end(), server.path("sub").to_str().unwrap());
    let listed = server.client().get("/process/interpreter/context").ok(200);
    let ids: Vec<&Value> =
        listed["contexts"].as_array().unwrap().iter().map(|context| &context["id"]).collect();
    assert_eq!(ids, [&json!(one), &json!(two)], "in order, and without the default one");

    let path = format!("/process/interpreter/context/{one}");
    assert!(server.client().request("DELETE", &path, "", b"").ok(200)["message"].is_string());
    server.client().request("DELETE", &path, "", b"").error(404, "PROCESS_NOT_FOUND");
    let gone = run(&server, &json!({"code": "1", "contextId": one}));
    assert_eq!((gone.code, gone.reason), (Some(1008), format!("context not found: {one}")));
    server
        .client()
        .request("DELETE", "/process/interpreter/context/default", "", b"")
        .error(400, "BAD_REQUEST");
}

#[test]
fn a_context_that_cannot_be_is_refused() {
    let server = Server::start();
    for body in [json!({"language": "ruby"}), json!({"cwd": "nowhere"})] {
        server.client().post_json("/process/interpreter/context", &body).error(400, "BAD_REQUEST");
    }
    let listed = server.client().get("/process/interpreter/context").ok(200);
    assert_eq!(listed, json!({"contexts": []}));
}

#[test]
fn an_image_without_python_says_so() {
    let server = Server::start_with(|config| config.environment.set("PATH", "/nowhere"));
    let message = server
        .client()
        .post_json("/process/interpreter/context", &json!({}))
        .error(500, "INTERNAL_SERVER_ERROR");
    assert!(message.contains("python3: command not found"), "{message}");
    let outcome = run(&server, &json!({"code": "1"}));
    assert_eq!(outcome.code, Some(1011));
    assert!(outcome.reason.contains("command not found"), "{outcome:?}");
}

#[test]
fn an_error_comes_after_all_output_with_the_programs_own_frames() {
    let server = Server::start();
    let code = "import sys\ndef f():\n    print('out')\n    print('err', file=sys.stderr)\n    raise ValueError('no')\nf()";
    let outcome = run(&server, &json!({"code": code}));
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
    let error = outcome.error.unwrap();
    assert_eq!((&error["name"], &error["value"]), (&json!("ValueError"), &json!("no")));
    let traceback = error["traceback"].as_str().unwrap();
    assert!(
        traceback.starts_with("Traceback (most recent call last):\n  File \"<stdin>\", line 6"),
        "{traceback}"
    );
    assert!(traceback.contains("in f\n    raise ValueError('no')"), "{traceback}");
    assert!(traceback.ends_with("\nValueError: no\n"), "{traceback}");
    assert_eq!((outcome.control.as_deref(), outcome.code), (Some("completed"), Some(1000)));
}

#[test]
fn a_function_of_an_earlier_execution_is_shown_with_its_own_lines() {
    let server = Server::start();
    printed(&server, None, "def f():\n    return missing_name");
    // Lines are known once a traceback has been made of them.
    run(&server, &json!({"code": "f()"}));
    let error = run(&server, &json!({"code": "a = 1\nf()"})).error.unwrap();
    let traceback = error["traceback"].as_str().unwrap();
    assert!(traceback.contains("line 2, in <module>\n    f()"), "{traceback}");
    assert!(!traceback.contains("<stdin-"), "{traceback}");
}

#[test]
fn a_syntax_error_is_its_last_line() {
    let server = Server::start();
    let error = run(&server, &json!({"code": "x ="})).error.unwrap();
    assert_eq!(error["name"], "SyntaxError");
    assert_eq!(error["traceback"], "SyntaxError: invalid syntax (<stdin>, line 1)\n");
}

#[test]
fn odd_exceptions_are_told_too() {
    let server = Server::start();
    for (code, name) in [
        ("class E(Exception):\n  def __str__(self): raise KeyError\nraise E", "E"),
        ("raise BaseException('x')", "BaseException"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup"),
        ("raise ValueError('\\ud800 <stdin-x>')", "ValueError"),
    ] {
        let outcome = run(&server, &json!({"code": code}));
        assert_eq!(outcome.error.as_ref().unwrap()["name"], name, "{outcome:?}");
        assert_eq!(outcome.code, Some(1000));
    }
    assert_eq!(printed(&server, None, "print('still here')"), "still here\n");
}

#[test]
fn leaving_is_no_error_and_keeps_the_state() {
    let server = Server::start();
    printed(&server, None, "x = 5");
    for code in ["import sys; sys.exit(3)", "exit()", "raise SystemExit"] {
        printed(&server, None, code);
    }
    assert_eq!(printed(&server, None, "print(x)"), "5\n");
}

#[test]
fn an_interrupt_of_the_programs_own_is_told_as_one() {
    let outcome = run(&Server::start(), &json!({"code": "raise KeyboardInterrupt"}));
    assert_eq!((outcome.control.as_deref(), outcome.code), (Some("interrupted"), Some(1000)), "{outcome:?}");
}

#[test]
fn a_timeout_closes_with_4008_says_nothing_more_and_keeps_the_state() {
    let server = Server::start();
    printed(&server, None, "x = 7");
    let begin = Instant::now();
    let outcome = run(&server, &json!({"code": "import time\nprint('began')\ntime.sleep(60)", "timeout": 1}));
    assert_eq!((outcome.code, outcome.control, outcome.error), (Some(4008), None, None));
    assert_eq!(outcome.stdout, "began\n");
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_eq!(printed(&server, None, "print(x)"), "7\n");
}

#[test]
fn a_program_that_does_not_mind_the_interrupt_is_killed() {
    let server = Server::start();
    printed(&server, None, "x = 7");
    let code = "import time\nwhile True:\n  try: time.sleep(60)\n  except KeyboardInterrupt: print('no')";
    let outcome = run(&server, &json!({"code": code, "timeout": 0.5}));
    assert_eq!((outcome.code, outcome.control), (Some(4008), None));
    assert_eq!(printed(&server, None, "print('x' in globals())"), "False\n", "the state is lost");
}

#[test]
fn a_timeout_counts_while_the_client_does_not_read() {
    let server = Server::start();
    let flood = "while True: print('x' * 1000)";
    let socket = open(&server, &json!({"code": flood, "timeout": 1}));
    // The next in line comes to its turn, though the first never reads.
    assert_eq!(printed(&server, None, "print('next')"), "next\n");
    drop(socket);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_by_its_code() {
    let server = Server::start();
    for (request, code) in [
        ("no json", 1002),
        ("7", 1002),
        (r#"{"code": 5}"#, 1002),
        (r#"{"code": ""}"#, 1008),
        ("{}", 1008),
        (r#"{"code": "1", "timeout": -1}"#, 1008),
        (r#"{"code": "1", "contextId": "nothing"}"#, 1008),
        (r#"{"code": "1", "envs": {"A B": "x"}}"#, 1008),
    ] {
        let mut socket = Socket::connect(&server.socket(), "/process/interpreter/execute", &[]).unwrap();
        socket.send(Message::text(request));
        let ended = socket.finish();
        assert_eq!(ended.code, Some(code), "{request}");
        assert!(!ended.reason.is_empty() && ended.texts.is_empty(), "{ended:?}");
    }
    server.client().get("/process/interpreter/execute").error(400, "BAD_REQUEST");
}

#[test]
fn a_binary_request_is_taken_and_the_version_token_is_echoed() {
    let server = Server::start();
    let token = "X-Daytona-SDK-Version~0.226.1";
    let headers = [("sec-websocket-protocol", token)];
    let mut socket = Socket::connect(&server.socket(), "/process/interpreter/execute", &headers).unwrap();
    assert_eq!(socket.protocol(), Some(token));
    socket.send_binary(br#"{"code": "print(1)"}"#);
    assert_eq!(outcome(socket.finish()).stdout, "1\n");
}

#[test]
fn variables_are_there_for_one_execution() {
    let server = Server::start();
    printed(&server, None, "import os; os.environ['KEPT'] = 'a'");
    let request =
        json!({"code": "print(os.environ['KEPT'], os.environ['NEW'])", "envs": {"KEPT": "b", "NEW": "ü ="}});
    assert_eq!(run(&server, &request).stdout, "b ü =\n");
    assert_eq!(printed(&server, None, "print(os.environ['KEPT'], os.environ.get('NEW'))"), "a None\n");
}

#[test]
fn what_children_write_is_output_in_its_place() {
    let server = Server::start();
    let code = "import os, subprocess, sys\nprint('one')\nos.system('echo two; echo err >&2')\n\
                subprocess.run(['sh', '-c', 'printf three'])\nprint('four')\nsys.exit()";
    let outcome = run(&server, &json!({"code": code}));
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("one\ntwo\nthreefour\n", "err\n"),
        "{outcome:?}"
    );
}

#[test]
fn children_that_outlive_their_execution_do_not_hold_it_and_cannot_speak_for_it() {
    let server = Server::start();
    let code =
        "import subprocess\nchild = subprocess.Popen(['sh', '-c', 'read line; yes'], stdin=subprocess.PIPE)";
    printed(&server, None, code);
    // A flood between executions is dropped, and does not stop the next.
    let outcome = run(
        &server,
        &json!({"code": "child.stdin.write(b'\\n'); child.stdin.flush(); child.kill(); child.wait(); print('done')"}),
    );
    assert!(outcome.stdout.ends_with("done\n") && outcome.control.is_some(), "{}", outcome.stdout.len());
    let forked =
        printed(&server, None, "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0); print('parent')");
    assert_eq!(forked, "parent\n");
    assert_eq!(printed(&server, None, "print('alive')"), "alive\n");
}

#[test]
fn input_is_at_its_end() {
    let server = Server::start();
    let error = run(&server, &json!({"code": "input('name? ')"})).error.unwrap();
    assert_eq!(error["name"], "EOFError");
    printed(&server, None, "exit()");
    assert_eq!(run(&server, &json!({"code": "input()"})).error.unwrap()["name"], "EOFError");
}

#[test]
fn a_worker_that_dies_is_told_and_started_again() {
    let server = Server::start();
    let id = context(&server, &json!({}));
    printed(&server, Some(&id), "x = 1");
    for code in
        ["print('last')\nimport os; os._exit(1)", "print('last')\nimport os, signal; os.kill(os.getpid(), 9)"]
    {
        let outcome = run(&server, &json!({"code": code, "contextId": id}));
        assert_eq!(outcome.error.as_ref().unwrap()["name"], "WorkerProcessError", "{outcome:?}");
        assert_eq!(outcome.code, Some(1000));
        assert_eq!(printed(&server, Some(&id), "print('x' in globals())"), "False\n");
    }
    // One that dies between executions is seen too.
    printed(&server, Some(&id), "import os, threading; threading.Timer(0.01, lambda: os._exit(3)).start()");
    eventually("the context is not active", || {
        let listed = server.client().get("/process/interpreter/context").ok(200);
        (listed["contexts"][0]["active"] == false).then_some(())
    });
    printed(&server, Some(&id), "pass");
}

#[test]
fn the_programs_streams_may_be_replaced_and_closed() {
    let server = Server::start();
    for code in
        ["import sys, io; sys.stdout = io.StringIO()", "sys.stdout = sys.__stdout__; sys.stdout.close()"]
    {
        let outcome = run(&server, &json!({"code": code}));
        assert_eq!(outcome.code, Some(1000), "{outcome:?}");
    }
    let after = run(&server, &json!({"code": "import os; os.write(1, b'raw')"}));
    assert_eq!(after.stdout, "raw", "{after:?}");
}

#[test]
fn text_that_is_none_and_long_lines_arrive_whole() {
    let server = Server::start();
    let outcome = run(
        &server,
        &json!({"code": "import os; os.write(1, b'a\\xff\\xe2\\x82'); print('日本 ' * 400000, end='')"}),
    );
    assert!(outcome.stdout.starts_with("a\u{fffd}\u{fffd}日本 "), "{:?}", &outcome.stdout[..40]);
    assert_eq!(outcome.stdout.matches("日本 ").count(), 400_000);
    let surrogate = run(&server, &json!({"code": "print('\\ud800')"}));
    assert_eq!(surrogate.stdout, "\\ud800\n", "{surrogate:?}");
}

#[test]
fn output_comes_while_the_program_runs() {
    let server = Server::start();
    let go = server.path("go");
    let code = format!(
        "import os, time\nprint('line')\nprint('part', end='', flush=True)\nwhile not os.path.exists({:?}): time.sleep(0.01)\nprint('end')",
        go.to_str().unwrap()
    );
    let mut socket = open(&server, &json!({"code": code}));
    let mut seen = String::new();
    while seen != "line\npart" {
        seen.push_str(socket.control()["text"].as_str().unwrap());
    }
    std::fs::write(go, "").unwrap();
    assert_eq!(outcome(socket.finish()).stdout, "end\n");
}

#[test]
fn executions_of_one_context_take_turns_and_contexts_run_side_by_side() {
    let server = Server::start();
    printed(&server, None, "order = []");
    let first = open(&server, &json!({"code": "import time; time.sleep(0.3); order.append(1)"}));
    let go = server.path("go");
    // Waits for what only another context does.
    let wait =
        format!("import os, time\nwhile not os.path.exists({:?}): time.sleep(0.01)", go.to_str().unwrap());
    let other = context(&server, &json!({}));
    let waiting = open(&server, &json!({"code": wait, "contextId": other}));
    assert_eq!(printed(&server, None, "print('first' if order == [1] else order)"), "first\n");
    printed(&server, None, &format!("open({:?}, 'w').close()", go.to_str().unwrap()));
    for socket in [first, waiting] {
        assert_eq!(outcome(socket.finish()).control.as_deref(), Some("completed"));
    }
}

#[test]
fn a_client_that_goes_away_frees_the_context() {
    let server = Server::start();
    printed(&server, None, "import time\nx = 3");
    let mut socket = open(&server, &json!({"code": "print('on', flush=True)\ntime.sleep(60)", "timeout": 0}));
    assert_eq!(socket.control()["text"], "on\n");
    drop(socket);
    assert_eq!(printed(&server, None, "print(x)"), "3\n");
}

#[test]
fn deleting_a_context_ends_what_runs_in_it() {
    let server = Server::start();
    let id = context(&server, &json!({}));
    let mut running =
        open(&server, &json!({"code": "import time\nprint(1)\ntime.sleep(60)", "contextId": id}));
    assert_eq!(running.control()["text"], "1\n");
    let waiting = open(&server, &json!({"code": "print(2)", "contextId": id}));
    server.client().request("DELETE", &format!("/process/interpreter/context/{id}"), "", b"").ok(200);
    for socket in [running, waiting] {
        let ended = socket.finish();
        // The second may not have been known before the deletion.
        assert!(matches!(ended.code, Some(1001 | 1008)), "{ended:?}");
    }
}

#[test]
fn what_is_displayed_is_printed_and_sent_in_its_richer_forms() {
    let server = Server::start();
    let code = "class Rich:\n  def __repr__(self): return 'plain'\n  def _repr_html_(self): return '<b>rich</b>'\n  \
                def _repr_png_(self): return b'\\x89PNG'\n  def _repr_json_(self): raise ValueError('no')\n\
                print('before')\ndisplay(Rich(), 'text')";
    let outcome = run(&server, &json!({"code": code}));
    assert_eq!(outcome.stdout, "before\nplain\ntext\n");
    assert_eq!(outcome.stderr, "warning: _repr_json_ failed: no\n");
    let first = json!({"text/plain": "plain", "text/html": "<b>rich</b>", "image/png": "iVBORw=="});
    assert_eq!(outcome.other[0], json!({"type": "display", "data": first}));
    assert_eq!(outcome.other.len(), 2);
}

#[test]
fn figures_that_are_shown_are_sent_each_time() {
    let fake = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_matplotlib");
    let server = Server::start_with(|config| config.environment.set("PYTHONPATH", fake));
    let code = "import matplotlib.pyplot as plt\nfrom matplotlib.axes import Axes\nplt.add(Axes())\nprint('before')\nplt.show()\nprint('after')";
    for _ in 0..2 {
        let outcome = run(&server, &json!({"code": code}));
        assert_eq!((outcome.stdout.as_str(), &outcome.error), ("before\nafter\n", &None), "{outcome:?}");
        assert_eq!(outcome.other[0]["type"], "chart", "{outcome:?}");
        assert!(outcome.other[0]["chart"]["elements"].is_array(), "{outcome:?}");
    }
}

#[test]
fn a_context_starts_as_fast_as_python_itself() {
    // Loads nothing that Python has not loaded by itself.
    let code = "import sys; print(sorted(m for m in ('json', 're', 'traceback', 'signal', 'enum', 'base64') if m in sys.modules))";
    let bare = std::process::Command::new("python3").args(["-c", code]).output().unwrap();
    assert_eq!(printed(&Server::start(), None, code).into_bytes(), bare.stdout);
}

#[test]
fn twenty_contexts_leave_nothing_behind() {
    let server = Server::start();
    let ids: Vec<String> = (0..20).map(|_| context(&server, &json!({}))).collect();
    let pids: Vec<String> = ids
        .iter()
        .map(|id| printed(&server, Some(id), "import os; print(os.getpid())").trim().to_owned())
        .collect();
    for id in &ids {
        server.client().request("DELETE", &format!("/process/interpreter/context/{id}"), "", b"").ok(200);
    }
    for pid in pids {
        eventually("the worker has ended", || {
            (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        });
    }
}
