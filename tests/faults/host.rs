//! The host itself fails: it is restarted, its disk is full, its runner does not answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

const SETTLE: Duration = Duration::from_secs(15);
const FILL: &str = "head -c 2000000 /dev/urandom > ~/kept; sha256sum < ~/kept > ~/sum; sync ~/kept ~/sum";
const CHECK: &str = "sha256sum < ~/kept | cmp - ~/sum";

fn filled(server: &Server, body: &serde_json::Value) -> Sandbox {
    let sandbox = server.api.sandbox(body);
    sandbox.output(FILL);
    sandbox
}

fn ask(server: &Server, sandbox: &Sandbox, verb: &str, state: &str) {
    server.api.post(&format!("/sandbox/{}/{verb}", sandbox.id), &json!({})).expect(200);
    server.api.wait_for_state(&sandbox.id, state, SETTLE);
}

#[test]
fn after_a_restart_of_the_host_what_ran_is_stopped_and_everything_is_there() {
    let mut server = Server::start(&[]);
    let [started, paused, stopped, archived] =
        ["started", "paused", "stopped", "archived"].map(|name| filled(&server, &json!({"name": name})));
    let ephemeral = server.api.sandbox(&json!({"autoDeleteInterval": 0}));
    ask(&server, &paused, "pause", "paused");
    ask(&server, &stopped, "stop", "stopped");
    ask(&server, &archived, "stop", "stopped");
    ask(&server, &archived, "archive", "archived");
    server.api.post(&format!("/sandbox/{}/fork", started.id), &json!({"name": "fork"})).expect(200);
    server.restart_host();
    for id in ["started", "paused", "fork"] {
        server.api.wait_for_state(id, "stopped", SETTLE);
        let shown = server.api.get(&format!("/sandbox/{id}")).expect(200);
        assert_eq!(shown["errorReason"], "the host was restarted", "{id}");
    }
    server.api.wait_for_state("stopped", "stopped", SETTLE);
    server.api.wait_for_state("archived", "archived", SETTLE);
    server.api.wait_for_state(&ephemeral.id, "absent", SETTLE);
    // The addresses are other ones: the ports were free ones.
    let api = server.api.clone();
    for id in [&started.id, &paused.id, &stopped.id, &archived.id, "fork"] {
        api.post(&format!("/sandbox/{id}/start"), &json!({})).expect(200);
        api.wait_for_state(id, "started", SETTLE);
        let id = api.get(&format!("/sandbox/{id}")).expect(200)["id"].as_str().unwrap().to_owned();
        let again = Sandbox { api: api.clone(), id };
        again.output(CHECK);
        if again.id == started.id {
            // Its fork lives.
            std::mem::forget(again);
        }
    }
    assert_eq!(api.sandbox(&json!({})).output("echo here"), "here");
}

#[test]
fn what_is_asked_while_the_runner_does_not_answer_is_done_when_it_does() {
    let server = Server::start(&[]);
    let (stops, deleted) = (filled(&server, &json!({})), server.api.sandbox(&json!({})));
    let process = stops.output("nohup sleep 100000 >/dev/null 2>&1 & echo $!");
    server.hold_role("runner", true);
    // What is connected goes on without it.
    assert_eq!(stops.output(&format!("kill -0 {process} && echo runs")), "runs");
    let shown = server.api.post(&format!("/sandbox/{}/stop", stops.id), &json!({})).expect(200);
    assert_eq!(shown["state"], "stopping");
    server.api.send("DELETE", &format!("/sandbox/{}", deleted.id), None).expect(200);
    let api = server.api.clone();
    let creating = std::thread::spawn(move || api.post("/sandbox", &json!({"name": "late"})));
    server.api.wait_for_state("late", "creating", SETTLE);
    let busy = server.api.post(&format!("/sandbox/{}/start", stops.id), &json!({}));
    assert_eq!(busy.status, 409, "{}", busy.body);
    server.hold_role("runner", false);
    assert_eq!(creating.join().unwrap().expect(200)["state"], "started");
    server.api.wait_for_state(&stops.id, "stopped", SETTLE);
    server.api.wait_for_state(&deleted.id, "absent", SETTLE);
    ask(&server, &stops, "start", "started");
    stops.output(CHECK);
    server.api.send("DELETE", "/sandbox/late", None).expect(200);
}

/// A file system of a test's own. Unmounted and removed with the value.
struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    fn make(gib: u64) -> Self {
        let place = std::env::temp_dir().join(format!("paddock-disk-{}", std::process::id()));
        let disk = Self { image: place.with_extension("img"), mount: place };
        fs::create_dir_all(&disk.mount).unwrap();
        fs::File::create(&disk.image).unwrap().set_len(gib << 30).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&disk.image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&disk.image).arg(&disk.mount));
        disk
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let filler = fs::File::create(self.filler()).unwrap();
        for size in [1 << 30, 64 << 20, 1 << 20, 4 << 10] {
            let mut end = i64::try_from(filler.metadata().unwrap().len()).unwrap();
            loop {
                use std::os::fd::AsRawFd;
                #[expect(unsafe_code, reason = "to take room without writing it")]
                // SAFETY: integers only, and the descriptor is open.
                let taken = unsafe { libc::fallocate64(filler.as_raw_fd(), 0, end, size) };
                if taken != 0 {
                    break;
                }
                end += size;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.mount.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let is_unmounted =
            Command::new("umount").arg(&self.mount).status().is_ok_and(|status| status.success());
        assert!(is_unmounted || std::thread::panicking(), "{} is still in use", self.mount.display());
        let _ = fs::remove_dir(&self.mount);
        let _ = fs::remove_file(&self.image);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Room for the pool, and little beside it.
const DISK_GIB: u64 = 4;

#[test]
fn a_full_disk_of_the_host_is_told_and_costs_nothing_that_was_written() {
    let disk = Disk::make(DISK_GIB);
    let directory: &Path = &disk.mount.join("paddock");
    fs::create_dir(directory).unwrap();
    {
        let server = Server::start_in(directory, &[]);
        let api = &server.api;
        let (bystander, moved) = (filled(&server, &json!({})), filled(&server, &json!({"name": "moved"})));
        let process = bystander.output("nohup sleep 100000 >/dev/null 2>&1 & echo $!");
        ask(&server, &moved, "stop", "stopped");
        disk.fill();

        // The pool is the sandboxes' own: what runs writes on.
        bystander
            .output(&format!("kill -0 {process} && head -c 50000000 /dev/urandom > ~/more && sync ~/more"));
        bystander.output("sha256sum < ~/more > ~/more.sum && sync ~/more.sum");

        // Nothing is promised that cannot be kept, and nobody waits for ever.
        let asked = api.send("POST", "/sandbox/moved/archive", None);
        assert!([200, 503].contains(&asked.status), "{}: {}", asked.status, asked.body);
        if asked.status == 200 {
            let state = wait::until("the archive comes to an end", Duration::from_secs(60), || {
                api.state("moved").filter(|state| state != "archiving")
            });
            assert_eq!(state, "error");
            let shown = api.get("/sandbox/moved").expect(200);
            let reason = shown["errorReason"].as_str().unwrap();
            assert!(reason.contains("full") || reason.contains("No space"), "{reason}");
            assert_eq!(shown["recoverable"], true);
        }
        let made = api.post("/sandbox", &json!({"name": "while-full"}));
        assert!([200, 400, 503].contains(&made.status), "{}: {}", made.status, made.body);
        bystander.output(&format!("kill -0 {process} && sha256sum < ~/more | cmp - ~/more.sum && {CHECK}"));

        disk.free();
        let verb = if api.state("moved").unwrap() == "error" { "recover" } else { "start" };
        ask(&server, &moved, verb, "started");
        moved.output(CHECK);
        ask(&server, &moved, "stop", "stopped");
        ask(&server, &moved, "archive", "archived");
        ask(&server, &moved, "start", "started");
        moved.output(CHECK);
        bystander.output(&format!("kill -0 {process} && sha256sum < ~/more | cmp - ~/more.sum && {CHECK}"));
        if api.state("while-full").is_some_and(|state| state != "absent") {
            api.send("DELETE", "/sandbox/while-full", None).expect(200);
        }
        assert_eq!(api.sandbox(&json!({"name": "after"})).output("echo here"), "here");
    }
}
