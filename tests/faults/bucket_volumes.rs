//! Volumes in a bucket: shared, killed on either side, unreachable, and gone without a trace.

use std::fs;
use std::time::Duration;

use paddock_driver_volume::OPEN_STEPS;
use paddock_driver_volume::s3::CLIENT_STEPS;
use paddock_testkit::bucket::{Bucket, SECRET};
use paddock_tests::api::Sandbox;
use paddock_tests::leftovers::Inventory;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(40);

fn start(bucket: &Bucket, directory: &tempfile::TempDir) -> Server {
    let settings = bucket.settings(&directory.path().join("secret"));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start(&settings)
}

fn at(volume: &str) -> Value {
    json!({"volumes": [{"volumeId": volume, "mountPath": "/data"}]})
}

/// The clients that serve a volume: their process numbers.
fn clients(volume: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if line.starts_with("s3fs\0") && line.contains(volume) {
            found.push(pid);
        }
    }
    found
}

/// Other tests' servers come and go meanwhile.
fn of(server: &Server, lines: Vec<String>) -> Vec<String> {
    let table = server.instance.replace('-', "_");
    lines.into_iter().filter(|line| line.contains(&server.instance) || line.contains(&table)).collect()
}

fn remove(server: &Server, sandbox: Sandbox) {
    let id = sandbox.id.clone();
    drop(sandbox);
    wait::until("the sandbox is gone", SETTLE, || (server.api.state(&id)? == "absent").then_some(()));
}

#[test]
fn a_bucket_holds_what_sandboxes_share_and_nothing_is_left_of_it_after_a_removal() {
    let (bucket, directory) = (Bucket::start(), tempfile::tempdir().unwrap());
    let before = Inventory::take();
    let mut server = start(&bucket, &directory);
    let volume = server.api.volume("data");
    assert_eq!(clients(&volume), [0u32; 0], "nobody uses it yet");
    let one = server.api.sandbox(&at(&volume));
    one.output("echo one > /data/file && mkdir -p /data/deep/er && sudo sh -c 'echo r > /data/root' && ln -s file /data/link");
    let below = json!({"volumes": [{"volumeId": volume, "mountPath": "/data", "subpath": "deep/made"}]});
    let two = server.api.sandbox(&below);
    two.output("echo two > /data/file && test ! -e /data/root");
    assert_eq!(one.output("cat /data/link /data/deep/made/file /data/root && rm /data/root"), "one\ntwo\nr");
    assert_eq!(
        one.output("mv /data/file /data/moved && echo more >> /data/moved && cat /data/moved"),
        "one\nmore"
    );
    let refused = server.api.post(
        "/sandbox",
        &json!({"volumes": [{"volumeId": volume, "mountPath": "/data", "subpath": "link"}]}),
    );
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("symbolic link"), "{}", refused.body);

    // It is listed, and would mount the volume if it were started.
    for item in server.api.get("/sandbox?states=error").expect(200)["items"].as_array().unwrap() {
        server.api.send("DELETE", &format!("/sandbox/{}", item["id"].as_str().unwrap()), None).expect(200);
    }

    // One client for all, without a privilege, and the secret where nobody sees it.
    let [client] = clients(&volume)[..] else { panic!("{:?}", clients(&volume)) };
    let status = fs::read_to_string(format!("/proc/{client}/status")).unwrap();
    for line in [
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    assert!(!status.contains("Uid:\t0"), "{status}");
    for file in ["cmdline", "environ"] {
        let text = fs::read(format!("/proc/{client}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(SECRET), "{file}");
    }
    let groups = fs::read_to_string(format!("/proc/{client}/cgroup")).unwrap();
    assert!(groups.contains(&format!("paddock-{}/volume-{volume}", server.instance)), "{groups}");
    let seen = of(&server, Inventory::take().since(&before));
    assert!(seen.iter().any(|line| line.contains("s3fs")), "the look sees a client: {seen:#?}");

    // The last user takes the client along; what was written stays.
    remove(&server, one);
    assert_eq!(clients(&volume), [client]);
    remove(&server, two);
    wait::until("the client ends", SETTLE, || clients(&volume).is_empty().then_some(()));
    assert!(bucket.names().iter().any(|name| name.ends_with(&format!("volumes/{volume}/files/moved"))));
    let three = server.api.sandbox(&at(&volume));
    assert_eq!(three.output("cat /data/moved /data/deep/made/file"), "one\nmore\ntwo");
    let refused = server.api.send("DELETE", &format!("/volumes/{volume}"), None);
    assert_eq!(refused.status, 409, "{}", refused.body);
    remove(&server, three);
    server.api.send("DELETE", &format!("/volumes/{volume}"), None).expect(200);
    server.api.wait_for_volume(&volume, "deleted", SETTLE);
    let left: Vec<String> =
        bucket.names().into_iter().filter(|name| name.contains(&format!("{volume}/"))).collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(clients(&volume), [0u32; 0]);

    // Removed in the middle of its use, nothing of it stays on the host.
    let last = server.api.volume("last");
    let sandbox = server.api.sandbox(&at(&last));
    sandbox.output("echo x > /data/x");
    assert_eq!(clients(&last).len(), 1);
    server.stop_and_reset();
    std::mem::forget(sandbox);
    let left = of(&server, Inventory::take().since(&before));
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(clients(&last), [0u32; 0]);
}

#[test]
fn a_client_outlives_the_runner_and_its_own_death_is_mended_by_a_start() {
    let (bucket, directory) = (Bucket::start(), tempfile::tempdir().unwrap());
    let server = start(&bucket, &directory);
    let volume = server.api.volume("data");
    let sandbox = server.api.sandbox(&at(&volume));
    sandbox.output("echo before > /data/file");
    let [client] = clients(&volume)[..] else { panic!("{:?}", clients(&volume)) };
    let old = server.role("runner");
    server.kill_role("runner");
    wait::until("the runner is there again", SETTLE, || {
        server.role("runner").filter(|new| Some(*new) != old)
    });
    assert_eq!(sandbox.output("echo after >> /data/file && cat /data/file"), "before\nafter");
    let other = wait::until("a sandbox can be made again", SETTLE, || {
        let made =
            server.api.try_send("POST", &format!("{}/sandbox", server.api.api_url), Some(&at(&volume)))?;
        let id = made.body["id"].as_str().filter(|_| made.status == 200)?.to_owned();
        Some(Sandbox { api: server.api.clone(), id })
    });
    assert_eq!(other.output("cat /data/file"), "before\nafter");
    assert_eq!(clients(&volume), [client], "the one that was there is found again");

    #[expect(unsafe_code, reason = "a crash has to be a real one")]
    // SAFETY: integers only.
    unsafe {
        libc::kill(i32::try_from(client).unwrap(), libc::SIGKILL);
    }
    let (code, output) = sandbox.run("cat /data/file");
    assert!(code != 0 && output.contains("not connected"), "{output}");
    assert_eq!(sandbox.output("echo alive"), "alive");
    // What was closed was in the bucket.
    for (id, expected) in [(&sandbox.id, "before\nafter"), (&other.id, "before\nafter\nmended")] {
        server.api.post(&format!("/sandbox/{id}/stop"), &json!({})).expect(200);
        server.api.wait_for_state(id, "stopped", SETTLE);
        server.api.post(&format!("/sandbox/{id}/start"), &json!({})).expect(200);
        let again = Sandbox { api: server.api.clone(), id: id.clone() };
        assert_eq!(again.output("cat /data/file"), expected);
        again.output("echo mended >> /data/file");
        std::mem::forget(again);
    }
    assert_eq!(clients(&volume).len(), 1);
    remove(&server, other);
    assert_eq!(sandbox.output("tail -n 1 /data/file"), "mended", "one user's end is not the client's");
    remove(&server, sandbox);
    wait::until("the client ends", SETTLE, || clients(&volume).is_empty().then_some(()));
}

#[test]
fn a_kill_of_the_runner_at_any_step_of_a_clients_start_leaves_one_client_and_then_none() {
    let (bucket, directory) = (Bucket::start(), tempfile::tempdir().unwrap());
    let server = start(&bucket, &directory);
    let volume = server.api.volume("data");
    let url = format!("{}/sandbox", server.api.api_url);
    for (number, point) in CLIENT_STEPS.iter().chain(&OPEN_STEPS).enumerate() {
        server.arm(point, "kill");
        std::thread::scope(|scope| {
            let creating = scope.spawn(|| server.api.try_send("POST", &url, Some(&at(&volume))));
            wait::until(&format!("{point} is reached"), SETTLE, || server.was_hit(point).then_some(()));
            server.forget_hit(point);
            drop(creating.join().unwrap());
        });
        let id = wait::until(&format!("the sandbox is started after {point}"), SETTLE, || {
            let listed = server.api.try_get("/sandbox")?.body;
            let first = listed["items"].as_array()?.first()?.clone();
            (first["state"] == "started").then(|| first["id"].as_str().unwrap().to_owned())
        });
        let sandbox = Sandbox { api: server.api.clone(), id };
        assert_eq!(
            sandbox.output("echo x >> /data/file; wc -l < /data/file"),
            (number + 1).to_string(),
            "{point}"
        );
        assert_eq!(clients(&volume).len(), 1, "{point}");
        remove(&server, sandbox);
        wait::until(&format!("the client ends after {point}"), SETTLE, || {
            clients(&volume).is_empty().then_some(())
        });
    }
}

#[test]
fn a_bucket_that_cannot_be_reached_is_told_of_and_holds_nothing_up() {
    let (bucket, directory) = (Bucket::start(), tempfile::tempdir().unwrap());
    let server = start(&bucket, &directory);
    let volume = server.api.volume("data");
    drop(bucket);
    let made = server.api.post("/volumes", &json!({"name": "another"})).expect(200);
    let another = made["id"].as_str().unwrap();
    // Many wait for it, and whoever needs no bucket does not notice.
    std::thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..12).map(|_| scope.spawn(|| server.api.post("/sandbox", &at(&volume)))).collect();
        let sandbox = server.api.sandbox(&json!({}));
        assert_eq!(sandbox.output("echo fine"), "fine");
        assert!(waiting.iter().any(|waiting| !waiting.is_finished()), "nobody was held up by them");
        for refused in waiting.into_iter().map(|waiting| waiting.join().unwrap()) {
            assert_eq!(refused.status, 400, "{}", refused.body);
            assert!(refused.body["message"].as_str().unwrap().contains("does not serve"), "{}", refused.body);
        }
    });
    let failed = server.api.wait_for_volume(another, "error", 2 * SETTLE);
    assert!(failed["errorReason"].as_str().unwrap().contains("does not serve"), "{failed}");
    assert_eq!(clients(&volume), [0u32; 0]);
}
