//! Volumes: kills at every step of making, mounting and removing one; a full volume and a full pool; a volume that
//! vanishes; many sandboxes at once.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

/// A process that was killed is started again, and what it left is settled, within this time.
const SETTLE: Duration = Duration::from_secs(25);

fn mounting(volume: &str) -> Value {
    json!({"volumes": [{"volumeId": volume, "mountPath": "/data", "subpath": "some/where"}]})
}

/// Asks for a removal until it is accepted: the answer may be lost with the process that was to give it.
fn delete_volume(server: &Server, id: &str) {
    let url = format!("{}/volumes/{id}", server.api.api_url);
    wait::until("the removal is accepted", SETTLE, || {
        let shown = server.api.try_get(&format!("/volumes/{id}"))?.body;
        if ["pending_delete", "deleting", "deleted"].contains(&shown["state"].as_str()?) {
            return Some(());
        }
        server.api.try_send("DELETE", &url, None).filter(|answer| answer.status == 200).map(drop)
    });
    server.api.wait_for_volume(id, "deleted", SETTLE);
}

fn remove_all_sandboxes(server: &Server) {
    wait::until("all sandboxes are gone", SETTLE, || {
        let listed = server.api.try_get("/sandbox").filter(|answer| answer.status == 200)?.body;
        let items = listed["items"].as_array()?;
        for item in items {
            let url = format!("{}/sandbox/{}", server.api.api_url, item["id"].as_str()?);
            let _ = server.api.try_send("DELETE", &url, None);
        }
        items.is_empty().then_some(())
    });
}

/// Has `act` ask for something in a thread of its own while `point` is armed, and waits until it was reached.
fn killed_at<T>(server: &Server, point: &str, act: impl FnOnce() -> T + Send) -> T
where
    T: Send,
{
    server.arm(point, "kill");
    std::thread::scope(|scope| {
        let acting = scope.spawn(act);
        wait::until(&format!("{point} is reached"), Duration::from_secs(20), || {
            server.was_hit(point).then_some(())
        });
        server.forget_hit(point);
        acting.join().unwrap()
    })
}

/// Makes a volume with a point armed; its id.
fn make(server: &Server, name: &str) -> String {
    let url = format!("{}/volumes", server.api.api_url);
    let _ = server.api.try_send("POST", &url, Some(&json!({ "name": name })));
    let id = wait::until("the volume is on record", SETTLE, || {
        let answer = server.api.try_get(&format!("/volumes/by-name/{name}"))?;
        answer.body["id"].as_str().map(str::to_owned)
    });
    server.api.wait_for_volume(&id, "ready", SETTLE);
    id
}

#[test]
fn a_kill_at_any_step_of_a_volumes_making_and_removal_loses_nothing_and_leaves_nothing() {
    let server = Server::start(&[]);
    let kept = server.api.volume("kept");
    let bystander = server.api.sandbox(&mounting(&kept));
    bystander.output("echo kept > /data/file");
    let control = paddock_control::failpoints::ALL.iter().filter(|point| point.contains("_volume."));
    let runner = paddock_runner::VOLUME_STEPS
        .iter()
        .chain(&paddock_driver_volume::CREATE_STEPS)
        .chain(&paddock_driver_volume::DELETE_STEPS);
    for (number, point) in control.chain(runner).enumerate() {
        let name = format!("volume{number}");
        let is_removal = ["delete", "remove"].iter().any(|word| point.contains(word));
        let id = if is_removal {
            let id = make(&server, &name);
            killed_at(&server, point, || {
                let url = format!("{}/volumes/{id}", server.api.api_url);
                let _ = server.api.try_send("DELETE", &url, None);
            });
            id
        } else {
            killed_at(&server, point, || make(&server, &name))
        };
        delete_volume(&server, &id);
        let left: Vec<_> = server.volume_directories();
        assert_eq!(left.len(), 1, "after {point}: {left:?}");
        assert!(left[0].ends_with(&kept), "after {point}: {left:?}");
    }
    assert_eq!(bystander.output("cat /data/file; echo more >> /data/file; wc -l < /data/file"), "kept\n2");
}

#[test]
fn a_kill_while_a_volume_is_mounted_loses_nothing() {
    let server = Server::start(&[]);
    let volume = server.api.volume("data");
    let launch = paddock_runner::LAUNCH_STEPS.iter().filter(|point| point.contains("program"));
    let points: Vec<&str> = paddock_driver_volume::OPEN_STEPS.iter().chain(launch).copied().collect();
    for point in &points {
        let url = format!("{}/sandbox", server.api.api_url);
        killed_at(&server, point, || drop(server.api.try_send("POST", &url, Some(&mounting(&volume)))));
        let id = wait::until(&format!("a sandbox is started after {point}"), SETTLE, || {
            let listed = server.api.try_get("/sandbox")?.body;
            let first = listed["items"].as_array()?.first()?.clone();
            (first["state"] == "started").then(|| first["id"].as_str().unwrap().to_owned())
        });
        let sandbox = Sandbox { api: server.api.clone(), id };
        sandbox.output(&format!("echo {point} >> /data/file"));
        server.kill_role("runner");
        wait::until("the runner is there again", SETTLE, || server.role("runner"));
        assert_eq!(
            sandbox.output("tail -n 1 /data/file"),
            *point,
            "it is mounted through the runner's death"
        );
        drop(sandbox);
        remove_all_sandboxes(&server);
    }
    let last = server.api.sandbox(&mounting(&volume));
    assert_eq!(last.output("wc -l < /data/file"), points.len().to_string());
    drop(last);
    remove_all_sandboxes(&server);
    delete_volume(&server, &volume);
    assert!(server.volume_directories().is_empty());
}

#[test]
fn a_failure_of_any_step_is_told_truly() {
    let server = Server::start(&[]);
    for point in paddock_runner::VOLUME_STEPS.iter().chain(&paddock_driver_volume::CREATE_STEPS) {
        let is_removal = point.contains("remove");
        let existing = is_removal.then(|| server.api.volume(point));
        server.arm(point, "error");
        let id = match existing {
            Some(id) => {
                server.api.send("DELETE", &format!("/volumes/{id}"), None).expect(200);
                id
            }
            None => {
                let made = server.api.post("/volumes", &json!({ "name": point })).expect(200);
                made["id"].as_str().unwrap().to_owned()
            }
        };
        let failed = server.api.wait_for_volume(&id, "error", SETTLE);
        assert!(failed["errorReason"].as_str().unwrap().contains(point), "{failed}");
        server.forget_hit(point);
        delete_volume(&server, &id);
    }
    let volume = server.api.volume("data");
    for point in paddock_driver_volume::OPEN_STEPS {
        server.arm(point, "error");
        let refused = server.api.post("/sandbox", &mounting(&volume));
        assert_eq!(refused.status, 400, "{point}: {}", refused.body);
        assert!(refused.body["message"].as_str().unwrap().contains(point), "{}", refused.body);
        remove_all_sandboxes(&server);
    }
    assert_eq!(server.volume_directories().len(), 1);
}

#[test]
fn a_full_volume_and_a_full_pool_are_told_of_and_everybody_lives() {
    let server = Server::start(&[("PADDOCK_VOLUMES_MAX_SIZE_GIB", "1")]);
    let names = ["one", "two", "three"];
    let volumes = names.map(|name| server.api.volume(name));
    let body = json!({"volumes": volumes.iter().zip(names).map(|(id, name)| {
        json!({"volumeId": id, "mountPath": format!("/{name}")})
    }).collect::<Vec<_>>()});
    let sandbox = server.api.sandbox(&body);
    // One volume takes what it may and no more; the sandbox and the other volumes do not notice.
    let (code, output) = sandbox.run("head -c 1200M /dev/zero > /one/flood");
    assert!(code != 0 && output.contains("quota"), "{output}");
    sandbox.output("echo fine > ~/own && echo fine > /two/file && cat ~/own /two/file");
    let below = json!({"volumes": [{"volumeId": volumes[0], "mountPath": "/data", "subpath": "new"}]});
    let refused = server.api.post("/sandbox", &below);
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("volume is full"), "{}", refused.body);
    sandbox.output("rm /one/flood && echo room > /one/file");
    // All together take the pool: no room inside, a typed error outside, and all goes on when there is room again.
    let (code, output) = sandbox.run(
        "fallocate -l 600M ~/flood && fallocate -l 1000M /one/flood && fallocate -l 1000M /two/flood && \
         head -c 1000M /dev/zero > /three/flood",
    );
    assert!(code != 0 && output.to_lowercase().contains("space"), "{output}");
    assert_eq!(sandbox.output("cat /two/file"), "fine");
    let refused = server.api.post("/volumes", &json!({"name": "four"})).expect(200);
    let id = refused["id"].as_str().unwrap().to_owned();
    let failed = server.api.wait_for_volume(&id, "error", SETTLE);
    assert!(failed["errorReason"].as_str().unwrap().contains("pool is full"), "{failed}");
    sandbox.output("rm -f ~/flood /one/flood /two/flood /three/flood; sync");
    delete_volume(&server, &id);
    // The file system gives room back when it next commits.
    wait::until("there is room again", 2 * SETTLE, || {
        let made = server.api.post("/volumes", &json!({})).expect(200);
        let id = made["id"].as_str()?.to_owned();
        let shown = wait::until("it is made or not", SETTLE, || {
            let shown = server.api.try_get(&format!("/volumes/{id}"))?.body;
            ["ready", "error"].contains(&shown["state"].as_str()?).then_some(shown)
        });
        if shown["state"] == "ready" {
            return Some(());
        }
        delete_volume(&server, &id);
        None
    });
    sandbox.output("echo alive >> /three/file");
}

#[test]
fn a_volume_that_vanishes_is_never_replaced_by_an_empty_one() {
    let server = Server::start(&[]);
    let volume = server.api.volume("data");
    let sandbox = server.api.sandbox(&mounting(&volume));
    sandbox.output("echo x > /data/file");
    server.api.post(&format!("/sandbox/{}/stop", sandbox.id), &json!({})).expect(200);
    server.api.wait_for_state(&sandbox.id, "stopped", SETTLE);
    let path = server.data.join("runner/pool/shared").join(&volume);
    let namespace = format!("--mount={}", server.data.join("run/ns/mnt").display());
    let removed =
        Command::new("nsenter").arg(namespace).args(["btrfs", "subvolume", "delete"]).arg(path).output();
    assert!(removed.unwrap().status.success());
    server.api.post(&format!("/sandbox/{}/start", sandbox.id), &json!({})).expect(400);
    server.api.wait_for_state(&sandbox.id, "error", SETTLE);
    let shown = server.api.get(&format!("/sandbox/{}", sandbox.id)).expect(200);
    let reason = shown["errorReason"].as_str().unwrap();
    assert!(reason.contains(&volume) && reason.contains("not on this host any more"), "{reason}");
    assert!(server.volume_directories().is_empty());
    drop(sandbox);
    remove_all_sandboxes(&server);
    delete_volume(&server, &volume);
}

#[test]
fn fifty_sandboxes_write_to_one_volume_at_once() {
    const CROWD: usize = 50;
    let server = Server::start(&[]);
    let volume = server.api.volume("crowd");
    let body = json!({"volumes": [{"volumeId": volume, "mountPath": "/data"}]});
    let sandboxes: Vec<Sandbox> = std::thread::scope(|scope| {
        let creating: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| server.api.sandbox(&body))).collect();
        creating.into_iter().map(|creating| creating.join().unwrap()).collect()
    });
    std::thread::scope(|scope| {
        for (number, sandbox) in sandboxes.iter().enumerate() {
            scope.spawn(move || {
                sandbox.output(&format!(
                    "for i in $(seq 20); do echo {number}.$i >> /data/all; done; seq 1000 > /data/{number}; mkdir -p /data/d/{number}"
                ));
            });
        }
    });
    let seen = "sort -u /data/all | wc -l; cat /data/[0-9]* | wc -l; ls /data/d | wc -l";
    for sandbox in [&sandboxes[0], &sandboxes[CROWD - 1]] {
        assert_eq!(sandbox.output(seen), format!("{}\n{}\n{CROWD}", CROWD * 20, CROWD * 1000));
    }
    let refused = server.api.send("DELETE", &format!("/volumes/{volume}"), None);
    assert_eq!(refused.status, 409, "{}", refused.body);
    drop(sandboxes);
    // Not waited for: the volume goes when the last of them has.
    delete_volume(&server, &volume);
    remove_all_sandboxes(&server);
    assert!(server.volume_directories().is_empty());
    assert!(
        !Path::new(&server.data.join("runner/pool")).join("shared").exists(),
        "the host itself sees no pool"
    );
}
