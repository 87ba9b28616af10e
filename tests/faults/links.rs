//! Links through the death of every process, and of one in the middle of making a link.

use std::fs;
use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

const BACK: Duration = Duration::from_secs(20);

/// Runs a command, when the server is there.
fn run(server: &Server, sandbox: &str, command: &str) -> Option<i64> {
    let url = format!("{}/toolbox/{sandbox}/process/execute", server.api.proxy_url);
    let answer = server.api.try_send("POST", &url, Some(&json!({"command": command})))?;
    (answer.status == 200).then(|| answer.body["exitCode"].as_i64()).flatten()
}

/// Whether one reaches the service of another, by a name or an address.
fn reaches(server: &Server, from: &str, to: &str) -> Option<bool> {
    run(server, from, &format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{to}/8000'")).map(|code| code == 0)
}

fn until_reached(server: &Server, from: &str, to: &str) {
    wait::until(&format!("{from} to reach {to}"), BACK, || reaches(server, from, to)?.then_some(()));
}

fn serve(sandbox: &Sandbox) {
    sandbox.output("nohup python3 -m http.server 8000 --directory /tmp >/dev/null 2>&1 &\nfor i in $(seq 100); do timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8000' 2>/dev/null && exit 0; sleep 0.05; done; exit 1");
}

fn linked(name: &str) -> Value {
    json!({"name": name, "linkedSandbox": "app", "autoDeleteInterval": 0})
}

/// The names that the resolver knows, of all guests together.
fn guests(server: &Server) -> usize {
    let table = fs::read(server.data.join("run/links.json")).unwrap();
    serde_json::from_slice::<Value>(&table).unwrap()["guests"].as_object().unwrap().len()
}

#[test]
fn links_work_on_through_the_death_of_every_process_and_new_ones_can_be_made() {
    let mut server = Server::start(&[]);
    let (mut app, mut stranger) =
        (server.api.sandbox(&json!({"name": "app"})), server.api.sandbox(&json!({"name": "stranger"})));
    let mut db = server.api.sandbox(&linked("db"));
    for sandbox in [&app, &db, &stranger] {
        serve(sandbox);
    }
    let address = db.output("ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1");
    let check = |server: &Server, moment: &str| {
        until_reached(server, &app.id, "db");
        until_reached(server, &db.id, "app");
        until_reached(server, &stranger.id, "127.0.0.1");
        assert_eq!(reaches(server, &stranger.id, &address), Some(false), "{moment}");
    };
    check(&server, "before");
    let mut more = Vec::new();
    for role in ["front", "runner"] {
        let old = server.role(role);
        server.kill_role(role);
        wait::until("it is started again", BACK, || server.role(role).filter(|new| Some(*new) != old));
        check(&server, role);
        let name = format!("more-{role}");
        let made = wait::until("a new link", BACK, || {
            let answer = server.api.try_send(
                "POST",
                &format!("{}/sandbox", server.api.api_url),
                Some(&linked(&name)),
            )?;
            (answer.status == 200 && answer.body["state"] == "started").then_some(answer.body)
        });
        let id = made["id"].as_str().unwrap().to_owned();
        until_reached(&server, &id, "db");
        until_reached(&server, &id, "app");
        more.push(id);
    }
    server.kill_all();
    server.boot();
    check(&server, "everything at once");
    assert_eq!(guests(&server), 4);
    for sandbox in [&mut app, &mut db, &mut stranger] {
        sandbox.api = server.api.clone();
    }
    server.api.send("DELETE", "/sandbox/app", None).expect(200);
    for id in more.iter().chain([&db.id]) {
        server.api.wait_for_state(id, "absent", BACK);
    }
    wait::until("the resolver to know of none", BACK, || (guests(&server) == 0).then_some(()));
}

#[test]
fn a_runner_killed_while_it_links_leaves_no_half_a_link() {
    let server = Server::start(&[]);
    let app = server.api.sandbox(&json!({"name": "app"}));
    let stranger = server.api.sandbox(&json!({}));
    serve(&app);
    for point in ["runner.launch.after_pair", "runner.launch.after_link", "runner.launch.after_program"] {
        server.arm(point, "kill");
        let create = {
            let api = server.api.clone();
            let url = format!("{}/sandbox", api.api_url);
            std::thread::spawn(move || drop(api.try_send("POST", &url, Some(&linked("db")))))
        };
        wait::until(&format!("{point} is hit"), BACK, || server.was_hit(point).then_some(()));
        server.forget_hit(point);
        server.api.wait_for_state("db", "started", BACK);
        create.join().unwrap();
        let shown = server.api.get("/sandbox/db").expect(200);
        let id = shown["id"].as_str().unwrap();
        until_reached(&server, id, "app");
        assert_eq!(guests(&server), 2, "{point}");
        assert_eq!(reaches(&server, &stranger.id, "app"), Some(false));
        server.api.send("DELETE", "/sandbox/db", None).expect(200);
        server.api.wait_for_state(id, "absent", BACK);
        wait::until("its link to end", BACK, || (guests(&server) == 0).then_some(()));
    }
}
