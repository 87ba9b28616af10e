//! As whom PID 1 and its children run, and what they may.

use serde_json::json;

use crate::root::Root;
use crate::sandbox::Sandbox;

/// A line of PID 1's status, without its name.
fn status(sandbox: &Sandbox, name: &str) -> String {
    let status = sandbox.proc("status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_named_user_has_its_ids_groups_and_variables() {
    let sandbox =
        Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona"), ("A", "1"), ("HOME", "/root")]);
    assert_eq!(status(&sandbox, "Uid"), "1000 1000 1000 1000");
    assert_eq!(status(&sandbox, "Gid"), "1000 1000 1000 1000");
    assert_eq!(status(&sandbox, "Groups"), "27 1000 2000");
    let (code, output) = sandbox.execute("id; echo $HOME $USER $LOGNAME $SHELL $A; env | grep -c PADDOCK_");
    assert_eq!(code, 1, "grep found PADDOCK_ variables");
    assert_eq!(
        output,
        "uid=1000(daytona) gid=1000(daytona) groups=1000(daytona),27(sudo),2000(extra)\n\
         /home/daytona daytona daytona /bin/sh 1\n0\n"
    );
    let mut client = sandbox.client();
    assert_eq!(client.request("POST", "/files/upload-v2?path=mine", "", b"x").status, 200);
    assert_eq!(client.get("/files/info?path=mine").ok(200)["owner"], "1000");
}

#[test]
fn a_number_needs_no_accounts() {
    let sandbox = Sandbox::ready(Root::with_programs(), &[("PADDOCK_USER", "1234")]);
    assert_eq!(status(&sandbox, "Uid"), "1234 1234 1234 1234");
    assert_eq!(status(&sandbox, "Gid"), "0 0 0 0");
    assert_eq!(sandbox.execute("echo $HOME $USER $SHELL").1, "/ 1234 /bin/sh\n");
}

#[test]
fn without_a_user_it_is_root_whose_children_are_root_too() {
    let sandbox = Sandbox::ready(Root::with_programs(), &[]);
    assert_eq!(status(&sandbox, "Uid"), "0 0 0 0");
    assert_eq!(sandbox.execute("id -u; echo $HOME $USER").1, "0\n/root root\n");
    // What sudo does inside: a program of uid 0 has the capabilities of the bounding set.
    assert_eq!(sandbox.execute("touch /root/x && chown 7:7 /root/x && stat -c %u /root/x").1, "7\n");
}

#[test]
fn pid_1_has_no_capabilities_and_the_bounding_set_stays() {
    for user in [None, Some("0"), Some("daytona")] {
        let variables: Vec<_> = user.map(|user| ("PADDOCK_USER", user)).into_iter().collect();
        let sandbox = Sandbox::ready(Root::with_accounts(), &variables);
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(&sandbox, set), "0000000000000000", "{set} of {user:?}");
        }
        assert_ne!(status(&sandbox, "CapBnd"), "0000000000000000");
        assert_eq!(status(&sandbox, "NoNewPrivs"), "0");
        let (_, child) = sandbox.execute("grep -E 'CapAmb|NoNewPrivs' /proc/self/status");
        assert_eq!(child, "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\n");
    }
}

#[test]
fn the_kernel_decides_what_the_user_may() {
    let root = Root::with_accounts();
    root.write("etc/secret", "secret", 0o600);
    root.write("etc/readable", "", 0o644);
    let sandbox = Sandbox::ready(root, &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    let message = client.get("/files/download?path=/etc/secret").error(403, "FILE_ACCESS_DENIED");
    assert!(message.contains("permission denied"), "{message}");
    client.get("/files?path=/root/in").error(404, "FILE_NOT_FOUND");
    client.request("DELETE", "/files?path=/etc/readable", "", b"").error(403, "FILE_ACCESS_DENIED");
    client.post("/files/folder?path=/etc/new&mode=755").error(403, "FILE_ACCESS_DENIED");
    client.post("/files/permissions?path=/etc/readable&mode=777").error(403, "FILE_ACCESS_DENIED");
    client
        .post("/files/move?source=/etc/readable&destination=/home/daytona/x")
        .error(403, "FILE_ACCESS_DENIED");
    let message =
        client.request("POST", "/files/upload-v2?path=/etc/readable", "", b"x").error(400, "BAD_REQUEST");
    assert!(message.contains("permission denied"), "{message}");
    assert_eq!(client.request("POST", "/files/upload-v2?path=own", "", b"x").status, 200);
    client.post("/files/permissions?path=own&owner=root").error(403, "FILE_ACCESS_DENIED");
    client.post("/files/permissions?path=own&group=extra&mode=640").ok(200);
    assert_eq!(client.get("/files/info?path=own").ok(200)["group"], "2000");
}

#[test]
fn a_file_of_another_user_that_may_be_written_stays_theirs() {
    let root = Root::with_accounts();
    root.write("srv/shared", "a longer old content", 0o666);
    std::fs::set_permissions(root.path().join("srv"), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let sandbox = Sandbox::ready(root, &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    assert_eq!(client.request("POST", "/files/upload-v2?path=/srv/shared", "", b"new").status, 200);
    assert_eq!(client.get("/files/download?path=/srv/shared").body, b"new");
    assert_eq!(client.get("/files/info?path=/srv/shared").ok(200)["owner"], "0");
}

#[test]
fn a_user_without_a_place_for_temporary_files_runs_long_scripts_all_the_same() {
    let root = Root::with_accounts();
    for closed in ["tmp", "home/daytona"] {
        std::os::unix::fs::chown(root.path().join(closed), Some(0), Some(0)).unwrap();
        std::fs::set_permissions(
            root.path().join(closed),
            std::os::unix::fs::PermissionsExt::from_mode(0o555),
        )
        .unwrap();
    }
    let sandbox = Sandbox::ready(root, &[("PADDOCK_USER", "daytona")]);
    assert_eq!(sandbox.execute("touch /tmp/x 2>&1 | grep -o denied").1, "denied\n");
    let script = format!("{}echo $?", "true # padding\n".repeat(20_000));
    assert_eq!(sandbox.execute(&script), (0, "0\n".to_owned()));
    let code = json!({"code": "print(1)", "language": "python"});
    let answer = sandbox.client().post_json("/process/code-run", &code).ok(200);
    assert_eq!(
        answer["exitCode"],
        if sandbox.execute("command -v python3").0 == 0 { 0 } else { 127 },
        "{answer}"
    );
}

#[test]
fn nobody_of_the_same_user_can_look_into_pid_1() {
    let sandbox = Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona"), ("TOKEN", "x")]);
    let (code, output) =
        sandbox.execute("cat /proc/1/environ; ls -l /proc/1/fd; ls -l /proc/1/exe; kill -0 1");
    assert_eq!(code, 0, "it is the same user, who may signal it");
    assert_eq!(output.matches("ermission denied").count(), 3, "{output}");
    // The positive control: a process of the same user that has not been hardened.
    let (_, output) = sandbox.execute("sleep 5 >/dev/null 2>&1 & ls -l /proc/$!/exe; kill $!");
    assert!(output.contains("->"), "{output}");
}
