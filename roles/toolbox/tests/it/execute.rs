//! `POST /process/execute`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{Server, eventually};

fn run(client: &mut Client, command: &str) -> Value {
    client.post_json("/process/execute", &json!({"command": command})).ok(200)
}

#[test]
fn both_streams_come_in_the_order_written_with_the_exit_code() {
    let server = Server::start();
    let result = run(&mut server.client(), "echo out; echo err >&2; printf 'no newline'; exit 42");
    assert_eq!(result, json!({"exitCode": 42, "result": "out\nerr\nno newline"}));
}

#[test]
fn nothing_is_trimmed_and_invalid_bytes_are_replaced() {
    let server = Server::start();
    let result = run(&mut server.client(), r#"printf '  \t"\\\377é\001\n\n'"#);
    assert_eq!(result["result"], "  \t\"\\\u{FFFD}é\u{1}\n\n");
}

#[test]
fn a_command_starts_in_the_work_directory_or_where_it_is_told() {
    let server = Server::start();
    std::fs::create_dir(server.path("in here")).unwrap();
    let mut client = server.client();
    assert_eq!(run(&mut client, "pwd")["result"], format!("{}\n", server.work().display()));
    let request = json!({"command": "pwd", "cwd": "in here"});
    let expected = format!("{}\n", server.path("in here").display());
    assert_eq!(client.post_json("/process/execute", &request).ok(200)["result"], expected);
    let request = json!({"command": "pwd", "cwd": "/"});
    assert_eq!(client.post_json("/process/execute", &request).ok(200)["result"], "/\n");
}

#[test]
fn a_directory_that_is_not_there_is_no_http_error() {
    let server = Server::start();
    let request = json!({"command": "pwd", "cwd": "/no/such"});
    let result = server.client().post_json("/process/execute", &request).ok(200);
    assert_eq!(result, json!({"exitCode": -1, "result": "chdir /no/such: no such file or directory"}));
}

#[test]
fn variables_are_added_and_their_names_checked() {
    let server = Server::start();
    let mut client = server.client();
    let request = json!({"command": "echo \"$A|$B|$HOME\"", "envs": {"A": "1 =2", "B": "ü\n"}});
    let result = client.post_json("/process/execute", &request).ok(200);
    assert!(result["result"].as_str().unwrap().starts_with("1 =2|ü\n|/"), "{result}");
    for bad in ["", "1A", "A-B", "A=B", "Ä"] {
        let request = json!({"command": "true", "envs": {bad: "x"}});
        client.post_json("/process/execute", &request).error(400, "BAD_REQUEST");
    }
    let request = json!({"command": "true", "envs": {"A": "nul\u{0}byte"}});
    client.post_json("/process/execute", &request).error(400, "BAD_REQUEST");
}

#[test]
fn absent_and_null_mean_the_same_and_unknown_fields_nothing() {
    let server = Server::start();
    let request = json!({"command": "echo x", "cwd": null, "envs": null, "timeout": null, "more": 1});
    assert_eq!(server.client().post_json("/process/execute", &request).ok(200)["result"], "x\n");
}

#[test]
fn a_blank_command_is_refused() {
    let server = Server::start();
    for blank in ["", " \n\t"] {
        let answer = server.client().post_json("/process/execute", &json!({"command": blank}));
        answer.error(400, "BAD_REQUEST");
    }
}

#[test]
fn several_lines_and_here_documents_work_and_input_is_at_its_end() {
    let server = Server::start();
    let script = "cat <<'END'\n$not expanded\nEND\ncat\nif true; then\n  echo after\nfi\n";
    assert_eq!(run(&mut server.client(), script)["result"], "$not expanded\nafter\n");
}

#[test]
fn input_is_the_null_device_as_search_tools_expect() {
    let server = Server::start();
    let result = run(&mut server.client(), "readlink /proc/self/fd/0; ls /proc/self/fd | wc -l");
    // 0, 1, 2, and the directory that ls itself has open.
    assert_eq!(result["result"], "/dev/null\n4\n");
}

#[test]
fn a_megabyte_of_script_runs_with_right_line_numbers_and_leaves_no_descriptor() {
    let server = Server::start();
    let padding = "# padding\n".repeat(110_000);
    let script = format!("echo $LINENO\n{padding}echo $LINENO\nls /proc/self/fd | wc -l\ncat\nexit 3");
    let result = run(&mut server.client(), &script);
    assert_eq!(result, json!({"exitCode": 3, "result": "1\n110002\n4\n"}));
}

#[test]
fn a_command_that_a_signal_ends_has_the_code_that_shells_give_it() {
    let server = Server::start();
    assert_eq!(run(&mut server.client(), "kill -TERM $$")["exitCode"], 143);
    assert_eq!(run(&mut server.client(), "sh -c 'kill -9 $$'; exit $?")["exitCode"], 137);
}

#[test]
fn a_pipe_that_breaks_ends_its_writer() {
    let server = Server::start();
    assert_eq!(run(&mut server.client(), "yes | head -n 2")["result"], "y\ny\n");
}

#[test]
fn a_time_limit_kills_the_whole_group_and_says_timeout() {
    let server = Server::start();
    let mut client = server.client();
    let started = Instant::now();
    let request = json!({"command": "sleep 100 & echo $! > child; sleep 100", "timeout": 0.2});
    let message = client.post_json("/process/execute", &request).error(408, "PROCESS_EXECUTION_TIMEOUT");
    assert!(message.contains("timeout"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(5));
    let child = String::from_utf8(server.read("child")).unwrap();
    eventually("the background child is gone or a zombie", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    assert_eq!(run(&mut client, "echo still here")["result"], "still here\n");
}

#[test]
fn limits_of_zero_and_less_are_none_and_fractions_count() {
    let server = Server::start();
    let mut client = server.client();
    for timeout in [json!(0), json!(-1), json!(5.0), json!(1e300)] {
        let request = json!({"command": "echo x", "timeout": timeout});
        assert_eq!(client.post_json("/process/execute", &request).ok(200)["result"], "x\n");
    }
    let request = json!({"command": "echo x", "timeout": "5"});
    client.post_json("/process/execute", &request).error(400, "INVALID_REQUEST_BODY");
}

#[test]
fn a_background_job_holds_the_answer_only_while_it_holds_the_output() {
    let server = Server::start();
    let mut client = server.client();
    let started = Instant::now();
    assert_eq!(run(&mut client, "sleep 100 > /dev/null 2>&1 & echo $!; true")["exitCode"], 0);
    assert!(started.elapsed() < Duration::from_secs(10), "a redirected job was waited for");
    let result = run(&mut client, "(sleep 0.3; echo late) & echo early");
    assert_eq!(result["result"], "early\nlate\n");
}

#[test]
fn a_process_that_has_left_the_group_is_not_waited_for() {
    let server = Server::start();
    let mut client = server.client();
    let started = Instant::now();
    // It holds the pipe, and even goes on writing to it.
    let daemon = "setsid sh -c 'echo $$ > daemon; while sleep 0.01; do echo noise; done' &";
    let result =
        run(&mut client, &format!("echo one; {daemon} while ! test -s daemon; do :; done; echo two"));
    assert!(started.elapsed() < Duration::from_secs(10), "a daemon was waited for");
    let text = result["result"].as_str().unwrap();
    assert!(text.starts_with("one\n") && text.contains("two\n"), "{text}");
    run(&mut client, "kill -KILL -$(cat daemon)");
}

#[test]
fn a_hundred_megabytes_of_output_come_whole() {
    let server = Server::start();
    let result = run(&mut server.client(), "head -c 104857600 /dev/zero | tr '\\0' 'a'; echo end");
    let text = result["result"].as_str().unwrap();
    assert_eq!(text.len(), 104_857_600 + 4);
    assert!(text.ends_with("aend\n"));
}

#[test]
fn output_beyond_the_budget_is_dropped_and_said() {
    let server = Server::start_with(|config| config.output_limit_bytes = 2 << 20);
    let result = run(&mut server.client(), "head -c 3000000 /dev/zero | tr '\\0' 'a'; exit 5");
    assert_eq!(result["exitCode"], 5);
    let text = result["result"].as_str().unwrap();
    let (kept, remark) = text.split_once("\n[output too large: ").unwrap();
    let missing: usize = remark.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(kept.len() + missing, 3_000_000);
    // The budget is free again.
    assert_eq!(run(&mut server.client(), "echo x")["result"], "x\n");
}

#[test]
fn a_client_that_goes_away_does_not_stop_its_command() {
    let server = Server::start();
    let mut client = server.client();
    let body = json!({"command": "echo $$ > began; while ! test -e go; do :; done; yes | head -c 1000000; echo x > done"})
        .to_string();
    client.send("POST", "/process/execute", &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
    eventually("the command runs", || server.path("began").exists().then_some(()));
    drop(client);
    server.write("go", "");
    eventually("the command has ended by itself", || server.path("done").exists().then_some(()));
}

#[test]
fn marker_lines_of_old_clients_pass_through() {
    let server = Server::start();
    let line = r#"dtn_artifact_k39fd2:{"type":"chart","value":{"type":"line"}}"#;
    assert_eq!(run(&mut server.client(), &format!("echo '{line}'"))["result"], format!("{line}\n"));
}

#[test]
fn many_commands_at_once_each_get_their_own_answer() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let mut client = server.client();
            scope.spawn(move || {
                for round in 0..25 {
                    let code = (worker * 25 + round) % 256;
                    let result = run(&mut client, &format!("echo {code}; exit {code}"));
                    assert_eq!(result, json!({"exitCode": code, "result": format!("{code}\n")}));
                }
            });
        }
    });
}
