//! `--listen`, for laptops.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::client::Client;
use crate::sandbox::eventually;

#[test]
fn it_listens_on_a_path_until_it_is_told_to_stop() {
    let socket = std::env::temp_dir().join(format!("toolbox-{}.socket", uuid::Uuid::new_v4().simple()));
    // Left behind by one that was killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut program = Command::new(env!("CARGO_BIN_EXE_paddock-toolbox"))
        .args(["--listen".as_ref(), socket.as_os_str()])
        .current_dir("/")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it listens", || std::os::unix::net::UnixStream::connect(&socket).ok());
    let mut client = Client::connect(&socket);
    assert_eq!(client.get("/work-dir").ok(200), json!({"dir": "/"}));
    assert_eq!(client.post_json("/process/execute", &json!({"command": "exit 3"})).ok(200)["exitCode"], 3);
    drop(client);
    kill_process(Pid::from_child(&program), Signal::TERM).unwrap();
    assert!(eventually("it has stopped", || program.try_wait().unwrap()).success());
    let _ = std::fs::remove_file(socket);
}

#[test]
fn it_says_what_it_is_and_what_it_takes() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_paddock-toolbox")).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    assert_eq!(run(&["--version"]), (Some(0), format!("{}\n", env!("CARGO_PKG_VERSION")), String::new()));
    let (code, _, error) = run(&["--what"]);
    assert_eq!(code, Some(2));
    assert!(error.starts_with("usage: "), "{error}");
    let (code, _, error) = run(&["--listen", "/no/such/directory/socket"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("could not listen on /no/such/directory/socket"), "{error}");
}

#[test]
fn without_its_descriptors_it_exits_and_does_not_hang() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_paddock-toolbox"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(eventually("it has exited", || program.try_wait().unwrap()).code(), Some(1));
}
