//! Images that lack what a group of operations needs: what is missing is told in words that help, everything else works,
//! and the daemon lives on. `docs/toolbox.md` is the table of this.

use serde_json::{Value, json};

use crate::client::Client;
use crate::root::Root;
use crate::sandbox::{Sandbox, eventually};

/// What works whatever the image lacks.
fn lives_on(sandbox: &Sandbox, directory: &str) {
    let mut client = sandbox.client();
    assert_eq!(client.get("/version").status, 200);
    let target = format!("/files/upload-v2?path={directory}/f");
    client.request("POST", &target, "", b"one\ntwo\n").ok(200);
    let found = client.get(&format!("/files/find?path={directory}/f&pattern=two")).ok(200);
    assert_eq!(found[0]["line"], 2);
    let replace = json!({"files": [format!("{directory}/f")], "pattern": "two", "newValue": "2"});
    assert_eq!(client.post_json("/files/replace", &replace).ok(200)[0]["success"], true);
    assert_eq!(client.get(&format!("/files/download?path={directory}/f")).body, b"one\n2\n");
    // Without an entrypoint the session idles, or says what it could not start.
    assert_eq!(client.get("/process/session/entrypoint").ok(200)["sessionId"], "entrypoint");
    let repository = format!("{directory}/repository");
    client.post_json("/git/init", &json!({"path": repository})).ok(201);
    assert_eq!(client.get(&format!("/git/status?path={repository}")).ok(200)["fileStatus"], json!([]));
    assert!(client.get("/system/metrics").ok(200)["timestamp"].is_string());
}

/// One execution in the default context over a WebSocket that is closed for `reason`: the code of the close.
fn refused_execution(sandbox: &Sandbox, reason: &str) -> u16 {
    let mut client = sandbox.client();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client.send("GET", "/process/interpreter/execute", upgrade, b"");
    client.read_raw_until(b"\r\n\r\n");
    let request = json!({"code": "1"}).to_string();
    // A masked text frame whose mask is zero.
    let mut frame = vec![0x81, 0x80 | u8::try_from(request.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(request.as_bytes());
    client.write(&frame);
    let frames = client.read_raw_until(reason.as_bytes());
    let [.., 0x88, _, high, low] = frames[..frames.len() - reason.len()] else {
        panic!("no close before the reason: {frames:?}")
    };
    u16::from_be_bytes([high, low])
}

/// The message of a refusal, without what stands before every one of its kind.
#[track_caller]
fn refusal(client: &mut Client, target: &str, body: &Value, status: u16) -> String {
    let answer = client.post_json(target, body);
    assert_eq!(answer.status, status, "{target}: {answer:?}");
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    let prefixes = ["internal server error: ", "bad request: "];
    prefixes.iter().find_map(|prefix| message.strip_prefix(prefix)).unwrap_or(&message).to_owned()
}

fn code_run(client: &mut Client, language: &str) -> Value {
    client.post_json("/process/code-run", &json!({"code": "1", "language": language})).ok(200)
}

#[test]
fn an_empty_root_lacks_every_program_and_says_which() {
    let sandbox = Sandbox::ready(Root::empty(), &[]);
    let mut client = sandbox.client();
    assert_eq!(sandbox.execute("true"), (-1, "sh: command not found".to_owned()));
    for (language, program) in [("python", "python3"), ("javascript", "node"), ("typescript", "npx")] {
        let lacking = json!({"exitCode": 127, "result": format!("{program}: command not found")});
        assert_eq!(code_run(&mut client, language), lacking);
    }
    let session = refusal(&mut client, "/process/session", &json!({"sessionId": "s"}), 500);
    assert_eq!(session, "could not start the session: sh: command not found");
    assert_eq!(client.get("/process/session").ok(200), json!([]));
    let terminal = refusal(&mut client, "/process/pty", &json!({"id": "t"}), 500);
    assert_eq!(terminal, "could not start the terminal: cannot open a terminal: no such file or directory");
    assert_eq!(client.get("/process/pty").ok(200), json!({"sessions": []}));
    let context = refusal(&mut client, "/process/interpreter/context", &json!({}), 500);
    assert_eq!(context, "python3: command not found");
    assert_eq!(refused_execution(&sandbox, "python3: command not found"), 1011);
    for (language, status, reason) in [
        ("python", 500, "pylsp: command not found"),
        ("typescript", 500, "typescript-language-server: command not found"),
        ("go", 400, "unsupported language: gopls is not installed"),
        ("cobol", 400, "unsupported language: \"cobol\""),
    ] {
        let start = json!({"languageId": language, "pathToProject": "/"});
        assert_eq!(refusal(&mut client, "/lsp/start", &start, status), reason);
    }
    let message = client.get("/port").error(500, "INTERNAL_SERVER_ERROR");
    assert!(message.contains("the table of sockets"), "{message}");
    assert_eq!(client.get("/port/3000/in-use").ok(200), json!({"isInUse": false}));
    client.get("/proxy/3000/x").error(502, "BAD_GATEWAY");
    lives_on(&sandbox, "/d");
}

#[test]
fn a_shell_alone_is_enough_for_commands_and_sessions() {
    let sandbox = Sandbox::ready(Root::with_a_shell(), &[]);
    let mut client = sandbox.client();
    assert_eq!(sandbox.execute("echo one; exit 3"), (3, "one\n".to_owned()));
    assert_eq!(sandbox.execute("no-such-program").0, 127);
    // A script that is too long for an argument comes through /proc, which this root has not.
    let (code, output) = sandbox.execute(&format!("echo {}", "x".repeat(200 << 10)));
    assert!(code > 0 && output.contains("/proc/self/fd"), "{code} {output}");
    keeps_state(&mut client);
    // There is no /dev.
    let terminal = refusal(&mut client, "/process/pty", &json!({"id": "t"}), 500);
    assert_eq!(terminal, "could not start the terminal: cannot open a terminal: no such file or directory");
    lives_on(&sandbox, "/d");
}

#[test]
fn where_neither_tmp_nor_home_can_be_written_logs_are_in_memory_and_the_rest_works() {
    let mut root = Root::with_accounts();
    root.write("srv/mine/file", "", 0o644);
    std::os::unix::fs::chown(root.path().join("srv/mine"), Some(1000), Some(1000)).unwrap();
    for directory in ["tmp", "home/daytona"] {
        let path = root.path().join(directory).display().to_string();
        root.mounts += &format!(" && mount --bind {path} {path} && mount -o remount,bind,ro {path}");
    }
    let sandbox = Sandbox::ready(root, &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    let tried = sandbox.execute("touch /tmp/x ~/x 2> /dev/null || echo read-only; pwd");
    assert_eq!(tried, (0, "read-only\n/home/daytona\n".to_owned()));
    let message = client.request("POST", "/files/upload-v2?path=f", "", b"x").error(400, "BAD_REQUEST");
    assert!(message.ends_with("/home/daytona/f: read-only file system"), "{message}");
    keeps_state(&mut client);
    let body = json!({"command": "echo log; cat", "runAsync": true});
    let started = client.post_json("/process/session/s/exec", &body).ok(202);
    let command = format!("/process/session/s/command/{}", started["cmdId"].as_str().unwrap());
    eventually("the command has ended, since it has no input", || {
        (!client.get(&command).ok(200)["exitCode"].is_null()).then_some(())
    });
    assert_eq!(client.get(&format!("{command}/logs")).body, b"log\n");
    let typescript = json!({"code": "1", "language": "typescript"});
    let reason = refusal(&mut client, "/process/code-run", &typescript, 500);
    assert!(reason.starts_with("could not keep the program: Read-only file system"), "{reason}");
    for (target, body) in [
        ("/git/credentials", json!({"username": "u", "password": "p"})),
        ("/git/config/user", json!({"name": "u", "email": "e"})),
    ] {
        let message = client.post_json(target, &body).error(403, "FORBIDDEN");
        assert!(message.contains("/home/daytona/.gitconfig: Read-only file system"), "{message}");
    }
    lives_on(&sandbox, "/srv/mine");
}

/// A session whose second command finds what the first one left.
fn keeps_state(client: &mut Client) {
    client.post_json("/process/session", &json!({"sessionId": "s"})).ok(201);
    let mut command = |text: &str| {
        client.post_json("/process/session/s/exec", &json!({"command": text})).ok(200)["output"].clone()
    };
    assert_eq!(command("A=1; cd /bin"), "");
    assert_eq!(command("echo $A; pwd"), "1\n/bin\n");
}
