//! Bad input and hard cases against the real server, by a raw client: what no SDK would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

/// The address of a base URL.
fn address(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap_or_default()
}

#[test]
fn an_upload_cut_in_the_middle_leaves_the_old_file_and_nothing_else() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    sandbox.output("mkdir up && echo old > up/target");
    let mut stream = TcpStream::connect(address(&api.proxy_url)).unwrap();
    let head = format!(
        "POST /toolbox/{}/files/bulk-upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: 100000000\r\n\r\n\
         --cut\r\nContent-Disposition: form-data; name=\"files[0].path\"\r\n\r\n/home/daytona/up/target\r\n\
         --cut\r\nContent-Disposition: form-data; name=\"files[0].file\"; filename=\"x\"\r\n\r\n",
        sandbox.id, api.key
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'n'; 5 << 20]).unwrap();
    wait::until("the upload is being written", Duration::from_secs(20), || {
        (sandbox.output("ls -A up | wc -l") != "1").then_some(())
    });
    drop(stream);
    wait::until("what was half written is removed", Duration::from_secs(20), || {
        (sandbox.output("ls -A up") == "target").then_some(())
    });
    assert_eq!(sandbox.output("cat up/target"), "old");
}

#[test]
fn a_command_that_prints_a_hundred_megabytes_gives_all_of_it() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    let (code, output) = sandbox.run("head -c 100000000 /dev/zero | tr '\\0' x; echo end");
    assert_eq!(code, 0);
    assert_eq!(output.len(), 100_000_004);
    assert!(output.ends_with("xend\n"));
    assert_eq!(sandbox.output("echo fine"), "fine");
}

#[test]
fn a_command_without_end_is_ended_with_all_it_started_when_its_time_is_over() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let body = json!({"command": "sleep 7777 & sleep 7777", "timeout": 1});
    let answer = api.toolbox("POST", &sandbox.id, "/process/execute", Some(&body)).expect(408);
    assert_eq!(answer["code"], "PROCESS_EXECUTION_TIMEOUT");
    assert_eq!(answer["source"], "DAYTONA_DAEMON");
    assert!(answer["message"].as_str().unwrap().contains("timeout"), "{answer}");
    assert_ne!(sandbox.run("pgrep -f 'sleep 7777'").0, 0, "nothing of it is left");
}

#[test]
fn somebody_elses_sandbox_does_not_exist() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let made =
        api.post("/admin/organizations", &json!({"name": format!("other-{}", sandbox.id)})).expect(201);
    let stranger = api.with_key(made["apiKey"]["value"].as_str().unwrap());
    for (method, path) in
        [("GET", ""), ("POST", "/start"), ("POST", "/stop"), ("DELETE", ""), ("GET", "/toolbox-proxy-url")]
    {
        let answer = stranger.send(method, &format!("/sandbox/{}{path}", sandbox.id), None);
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
    }
    assert_eq!(stranger.toolbox("GET", &sandbox.id, "/version", None).status, 404);
    assert_eq!(api.with_key("dtn_none").toolbox("GET", &sandbox.id, "/version", None).status, 401);
    let list = stranger.get("/sandbox").expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 0);
    // Not even an administrator can be made of a stranger.
    assert_eq!(stranger.post("/admin/organizations", &json!({"name": "third"})).status, 403);
    assert_eq!(sandbox.output("echo untouched"), "untouched");
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let api = &Server::shared().api;
    for (body, status, word) in [
        (json!({"name": "a\u{0}b"}), 400, "name"),
        (json!({"snapshot": "no-such-snapshot"}), 400, "no-such-snapshot"),
        (json!({"cpu": 2}), 400, "snapshot"),
        (json!({"env": {"A": 1}}), 400, "env"),
        (json!({"user": "no-such-user"}), 400, "no-such-user"),
        (json!({"user": "root:0"}), 400, "user"),
        (json!({"buildInfo": {"dockerfileContent": "FROM x"}, "snapshot": "y"}), 400, "snapshot"),
    ] {
        let answer = api.post("/sandbox", &body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(message.to_lowercase().contains(word), "{body}: {message}");
        assert_eq!(answer.body["statusCode"], status);
    }
    // What was made before it failed is shown as such and can be removed.
    let listed = api.get("/sandbox?states=error").expect(200);
    for item in listed["items"].as_array().unwrap() {
        api.send("DELETE", &format!("/sandbox/{}", item["id"].as_str().unwrap()), None).expect(200);
    }
    let mut stream = TcpStream::connect(address(&api.api_url)).unwrap();
    let broken = "{\"name\": ";
    write!(
        stream,
        "POST /api/sandbox HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{broken}",
        api.key,
        broken.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[test]
fn twenty_at_once_all_start() {
    let api = &Server::shared().api;
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let api = api.clone();
            std::thread::spawn(move || {
                let sandbox = api.sandbox(&json!({}));
                let name = sandbox.output("hostname");
                assert_eq!(name, sandbox.id);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_sandbox_as_root_and_one_as_a_number_run_as_such() {
    let api = &Server::shared().api;
    let root = api.sandbox(&json!({"user": "root"}));
    assert_eq!(root.output("id -u; pwd"), "0\n/root");
    let number = api.sandbox(&json!({"user": "1234"}));
    assert_eq!(number.output("id -u"), "1234");
}

#[test]
fn an_ephemeral_sandbox_is_gone_when_it_stops() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({"autoDeleteInterval": 0}));
    api.post(&format!("/sandbox/{}/stop", sandbox.id), &json!({})).expect(200);
    api.wait_for_state(&sandbox.id, "absent", Duration::from_secs(20));
}

#[test]
fn a_daemon_that_is_ended_from_inside_leaves_a_stopped_sandbox_that_says_why_and_starts_again() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    sandbox.output("echo kept > f");
    // The kernel keeps these from PID 1.
    for signal in ["KILL", "SEGV", "ABRT", "STOP"] {
        sandbox.output(&format!("sudo kill -{signal} 1"));
        assert_eq!(sandbox.output("cat f"), "kept", "after SIG{signal}");
    }
    let body = json!({"command": "sudo kill -TERM 1"});
    // Whether an answer still comes is a matter of luck.
    let _ = api.try_send(
        "POST",
        &format!("{}/toolbox/{}/process/execute", api.proxy_url, sandbox.id),
        Some(&body),
    );
    api.wait_for_state(&sandbox.id, "stopped", Duration::from_secs(30));
    let shown = api.get(&format!("/sandbox/{}", sandbox.id)).expect(200);
    assert!(shown["errorReason"].as_str().is_some_and(|reason| !reason.is_empty()), "{shown}");
    api.post(&format!("/sandbox/{}/start", sandbox.id), &json!({})).expect(200);
    api.wait_for_state(&sandbox.id, "started", Duration::from_secs(30));
    assert_eq!(sandbox.output("cat f"), "kept");
}
