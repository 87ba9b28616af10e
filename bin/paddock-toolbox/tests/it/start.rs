//! Starting in every kind of image, and stopping.

use serde_json::json;

use rustix::process::Signal;

use crate::root::Root;
use crate::sandbox::Sandbox;

#[test]
fn it_serves_in_an_empty_root() {
    let sandbox = Sandbox::ready(Root::empty(), &[]);
    let mut client = sandbox.client();
    assert_eq!(client.get("/version").status, 200);
    assert_eq!(client.get("/work-dir").ok(200), json!({"dir": "/"}));
    assert_eq!(client.get("/user-home-dir").ok(200), json!({"dir": "/"}));
    assert_eq!(sandbox.execute("true"), (-1, "sh: command not found".to_owned()));
    let answer = client.request("POST", "/files/upload-v2?path=a/b", "", b"content").ok(200);
    assert_eq!(answer["name"], "b");
    assert_eq!(client.get("/files/download?path=/a/b").body, b"content");
    let code = json!({"code": "1", "language": "typescript"});
    let answer = client.post_json("/process/code-run", &code).ok(200);
    assert_eq!(answer, json!({"exitCode": 127, "result": "npx: command not found"}));
}

#[test]
fn a_user_of_no_image_is_a_reason_that_users_understand() {
    for root in [Root::empty(), Root::with_accounts()] {
        let mut sandbox = Sandbox::start(root, &[("PADDOCK_USER", "somebody")]);
        assert_eq!(sandbox.reported(), json!({"failed": "user \"somebody\" does not exist in the image"}));
        assert_eq!(sandbox.ended().code(), Some(1));
    }
}

#[test]
fn a_user_beyond_the_sandboxes_ids_is_a_reason_too() {
    let mut sandbox = Sandbox::start(Root::empty(), &[("PADDOCK_USER", "70000")]);
    let reason =
        json!({"failed": "could not become user 70000: setting its uid: Invalid argument (os error 22)"});
    assert_eq!(sandbox.reported(), reason);
    assert_eq!(sandbox.ended().code(), Some(1));
}

#[test]
fn the_work_directory_is_the_one_given_if_it_is_there() {
    let work_dir = |variables: &[(&str, &str)]| {
        let root = Root::with_accounts();
        root.write("srv/app/file", "", 0o644);
        root.write("secret/file", "", 0o644);
        std::fs::set_permissions(
            root.path().join("secret"),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
        let sandbox = Sandbox::ready(root, variables);
        let answer = sandbox.client().get("/work-dir").ok(200);
        assert_eq!(sandbox.execute("pwd").1.trim(), answer["dir"]);
        answer["dir"].as_str().unwrap().to_owned()
    };
    assert_eq!(work_dir(&[("PADDOCK_USER", "daytona"), ("PADDOCK_WORKDIR", "/srv/app")]), "/srv/app");
    assert_eq!(work_dir(&[("PADDOCK_USER", "daytona"), ("PADDOCK_WORKDIR", "/no/such")]), "/home/daytona");
    assert_eq!(work_dir(&[("PADDOCK_USER", "daytona"), ("PADDOCK_WORKDIR", "/secret")]), "/home/daytona");
    assert_eq!(work_dir(&[("PADDOCK_USER", "daytona")]), "/home/daytona");
    assert_eq!(
        work_dir(&[
            ("PADDOCK_USER", "daytona"),
            ("PADDOCK_WORKDIR", "/srv/app"),
            ("DAYTONA_USER_HOME_AS_WORKDIR", "true")
        ]),
        "/home/daytona"
    );
}

#[test]
fn sigterm_ends_what_listens_to_it_and_answers_what_is_under_way() {
    let mut sandbox = Sandbox::ready(Root::with_programs(), &[]);
    let mut client = sandbox.client();
    let body = json!({"command": "trap 'echo said goodbye; exit 9' TERM; echo > /tmp/began; while :; do sleep 0.01; done"});
    let body = body.to_string();
    client.send("POST", "/process/execute", &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
    let began = sandbox.root.path().join("tmp/began");
    crate::sandbox::eventually("the command runs", || began.exists().then_some(()));
    sandbox.signal(Signal::TERM);
    let answer = client.answer("POST").ok(200);
    assert_eq!(answer["exitCode"], 9);
    assert!(answer["result"].as_str().unwrap().ends_with("said goodbye\n"), "{answer}");
    assert_eq!(sandbox.ended().code(), Some(0));
}

#[test]
fn what_ignores_sigterm_is_killed_after_the_grace_period() {
    let mut sandbox = Sandbox::ready(Root::with_programs(), &[]);
    let (code, _) =
        sandbox.execute("trap '' TERM; setsid sh -c 'while :; do sleep 1; done' > /dev/null 2>&1 &");
    assert_eq!(code, 0);
    let asked = std::time::Instant::now();
    sandbox.signal(Signal::TERM);
    assert_eq!(sandbox.ended().code(), Some(0));
    let took = asked.elapsed().as_secs_f64();
    assert!((4.9..20.0).contains(&took), "{took} s");
}
