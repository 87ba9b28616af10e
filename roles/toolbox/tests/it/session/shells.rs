//! The same in every shell that is installed: what a command does is its own affair, and the shell
//! goes on.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;

use super::Session;
use crate::server::Server;

/// Shells that may be installed. The Bourne shell always is.
const NAMES: [&str; 4] = ["sh", "bash", "dash", "zsh"];

/// Runs `test` with a session of each shell that is installed.
fn in_every_shell(test: impl Fn(&str, &mut Session<'_>)) {
    let path = std::env::var("PATH").unwrap();
    let find =
        |name: &str| path.split(':').map(|dir| PathBuf::from(dir).join(name)).find(|path| path.exists());
    let mut shells: Vec<(&str, PathBuf)> =
        NAMES.iter().filter_map(|&name| Some((name, find(name)?))).collect();
    assert!(shells.iter().any(|(name, _)| *name == "sh"));
    // Busybox is a shell when it is called one.
    let scratch = std::env::temp_dir().join(format!("shells-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&scratch).unwrap();
    if let Some(busybox) = find("busybox") {
        symlink(busybox, scratch.join("ash")).unwrap();
        shells.push(("busybox", scratch.join("ash")));
    }
    for (name, shell) in shells {
        for directory in [true, false] {
            let server = Server::start_with(|config| {
                config.shell = Some(shell.clone().into_os_string());
                // Traps outlive a request to end.
                config.environment.set("DAYTONA_TERMINATION_GRACE_PERIOD", "100ms");
                if !directory {
                    config.session_directories = vec!["/proc/none".into()];
                }
            });
            let mut session = Session::create(&server, name);
            test(name, &mut session);
            session.delete();
        }
    }
    std::fs::remove_dir_all(scratch).unwrap();
}

#[test]
fn state_stays_between_commands() {
    in_every_shell(|shell, session| {
        let both = session.exec("echo out; echo err >&2; (exit 5)");
        assert_eq!(
            (&both["stdout"], &both["stderr"], &both["exitCode"]),
            (&json!("out\n"), &json!("err\n"), &json!(5)),
            "{shell}"
        );
        session.exec("export A=1; B=2; cd /; f() { echo f$1; }; set -f");
        assert_eq!(session.stdout("echo $A $B $PWD; f 2; echo *"), "1 2 /\nf2\n*\n", "{shell}");
        assert_eq!(session.stdout("cat <<END\nhere $((1 + 1))\nEND"), "here 2\n", "{shell}");
        assert_eq!(session.stdout("cat; echo input at its end"), "input at its end\n", "{shell}");
    });
}

#[test]
fn a_broken_command_fails_and_the_shell_goes_on() {
    in_every_shell(|shell, session| {
        for broken in ["if true", "echo \"unterminated", "no-such-command", ")", "return 7", "cat <<END\nx"] {
            let result = session.exec(broken);
            let is_fine = broken.contains("<<");
            assert_eq!(result["exitCode"] == 0, is_fine, "{shell}: {broken}: {result}");
            assert_eq!(session.stdout("echo alive"), "alive\n", "{shell}: after {broken}");
        }
    });
}

#[test]
fn nothing_that_a_command_sets_up_comes_between_the_daemon_and_the_shell() {
    in_every_shell(|shell, session| {
        for setup in [
            "command() { false; }; echo() { false; }; printf() { false; }; cd() { false; }",
            "alias command=false; alias echo=false; alias .=false 2>/dev/null; alias '{'=false 2>/dev/null",
            "exec > /dev/null 2>&1 < /dev/null",
            "exec 8>&- 9>&-",
            "IFS=0123456789",
            "set -C",
            "set -u",
            "set -x",
            "trap 'true' EXIT INT TERM",
            "PATH=/no/such",
            "set -- one two three",
            "cd /; umask 777",
        ] {
            session.exec(setup);
            let result = session.exec("(exit 6)");
            assert_eq!((&result["exitCode"], &result["stdout"]), (&json!(6), &json!("")), "{shell}: {setup}");
        }
    });
}

#[test]
fn the_shells_own_traces_are_the_commands_and_not_ours() {
    in_every_shell(|shell, session| {
        session.exec("set -x");
        let result = session.exec("true traced");
        assert!(!result["stdout"].as_str().unwrap().contains("traced"), "{shell}: {result}");
        session.exec("set +x");
        assert_eq!(session.exec("true quiet")["stderr"], "", "{shell}");
    });
}

#[test]
fn an_error_that_ends_the_shell_is_answered() {
    in_every_shell(|shell, session| {
        session.exec("set -e");
        let result = session.exec("echo before; false; echo after");
        assert_eq!((&result["stdout"], &result["exitCode"]), (&json!("before\n"), &json!(1)), "{shell}");
        session.post("/exec", &json!({"command": "true"})).error(410, "SESSION_ENDED");
    });
}

#[test]
fn the_last_words_of_a_trap_belong_to_the_command_that_exits() {
    in_every_shell(|shell, session| {
        let result = session.exec("trap 'echo bye' EXIT; exit 4");
        assert_eq!((&result["stdout"], &result["exitCode"]), (&json!("bye\n"), &json!(4)), "{shell}");
    });
}
