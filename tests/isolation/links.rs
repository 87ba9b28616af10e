//! Linked sandboxes reach each other, by name; nobody else reaches them, or learns of them.

use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);
/// A name that is sure to be public: where the image's own packages come from.
const WORLD: &str =
    "getent ahostsv4 $(sed -n 's|.*//\\([^/ ]*\\)/.*|\\1|p' /etc/apt/sources.list | head -n 1)";

/// Whether a TCP connection from inside succeeds.
fn reaches(sandbox: &Sandbox, host: &str, port: u16) -> bool {
    sandbox.run(&format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{host}/{port}'")).0 == 0
}

fn resolves(sandbox: &Sandbox, name: &str) -> Option<String> {
    let (code, output) = sandbox.run(&format!("getent ahostsv4 '{name}' | awk 'NR == 1 {{ print $1 }}'"));
    (code == 0 && !output.trim().is_empty()).then(|| output.trim().to_owned())
}

fn address(sandbox: &Sandbox) -> String {
    sandbox.output("ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1")
}

/// Starts a server of files inside, and waits for it.
fn serve(sandbox: &Sandbox) {
    sandbox.output("nohup python3 -m http.server 8000 --directory /tmp >/dev/null 2>&1 &\nfor i in $(seq 100); do timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8000' 2>/dev/null && exit 0; sleep 0.05; done; exit 1");
}

fn linked(target: &Sandbox, name: &str) -> Sandbox {
    let body = json!({"name": name, "linkedSandbox": target.id, "autoDeleteInterval": 0});
    Server::shared().api.sandbox(&body)
}

#[test]
fn a_group_reaches_itself_by_name_and_no_other_does() {
    let api = &Server::shared().api;
    let app = api.sandbox(&json!({"name": "Link-App"}));
    let stranger = api.sandbox(&json!({}));
    let before = resolves(&stranger, "link-db");
    let (db, cache) = (linked(&app, "link-db"), linked(&app, "link cache"));
    let everybody = [&app, &db, &cache];
    for sandbox in everybody.into_iter().chain([&stranger]) {
        serve(sandbox);
    }
    for from in everybody {
        for (to, name) in [(&app, "link-app"), (&app, "LINK-APP"), (&db, "link-db")] {
            assert_eq!(resolves(from, name), Some(address(to)), "{name}");
        }
        for to in everybody {
            // What is its own is in its file of hosts.
            if to.id != from.id {
                assert_eq!(resolves(from, &to.id), Some(address(to)));
                assert!(reaches(from, &to.id, 8000));
            }
        }
        assert!(reaches(from, "link-db", 8000) && reaches(from, "link-app", 8000));
        assert_eq!(resolves(from, "link cache"), None, "no host name");
        assert_ne!(from.run("getent ahostsv6 link-db | grep -v ::ffff: | grep .").0, 0);
        assert!(!reaches(from, &address(&stranger), 8000), "a link is to its group alone");
        assert_eq!(from.run(WORLD).0, 0, "the world is where it was");
    }
    // Over a connection, as for long answers, too.
    let asked = "python3 - <<'END'\nimport socket, struct\nq = b'\\x00\\x07\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x07link-db\\x00\\x00\\x01\\x00\\x01'\ns = socket.create_connection(('100.64.0.1', 53), 5)\ns.sendall(struct.pack('>H', len(q)) + q)\nl = struct.unpack('>H', s.recv(2))[0]\na = s.recv(l)\nprint('.'.join(str(b) for b in a[-4:]))\nEND";
    assert_eq!(app.output(asked), address(&db));

    for to in everybody {
        assert!(!reaches(&stranger, &address(to), 8000), "out of reach");
        assert_eq!(resolves(&stranger, &to.id), None);
    }
    assert_eq!(resolves(&stranger, "link-db"), before, "it gets what it got before");
    assert!(reaches(&stranger, &address(&stranger), 8000), "its own service is there");
    assert_eq!(stranger.run(WORLD).0, 0);
}

#[test]
fn those_that_are_cut_off_from_the_world_are_still_linked_and_learn_no_other_name() {
    let api = &Server::shared().api;
    let app = api.sandbox(&json!({"name": "link-shut", "networkBlockAll": true}));
    assert!(!reaches(&app, "100.64.0.1", 53), "without a link it asks nobody");
    let body = json!({"name": "link-shut-db", "linkedSandbox": "link-shut", "autoDeleteInterval": 0, "networkBlockAll": true});
    let db = api.sandbox(&body);
    serve(&db);
    serve(&app);
    assert!(reaches(&app, "link-shut-db", 8000));
    assert!(reaches(&db, "link-shut", 8000));
    for sandbox in [&app, &db] {
        assert_ne!(sandbox.run(WORLD).0, 0, "no question leaves the host");
        assert!(!reaches(sandbox, "1.1.1.1", 443));
    }
    drop(db);
    wait::until("the link to end", LIMIT, || (!reaches(&app, "100.64.0.1", 53)).then_some(()));
}

#[test]
fn a_target_that_starts_again_is_followed_and_one_that_is_deleted_takes_all_along() {
    let api = &Server::shared().api;
    let app = api.sandbox(&json!({"name": "link-moving"}));
    let db = linked(&app, "link-moving-db");
    serve(&db);
    serve(&app);
    let first = address(&app);
    assert!(reaches(&db, "link-moving", 8000));
    api.post(&format!("/sandbox/{}/stop", app.id), &json!({})).expect(200);
    api.wait_for_state(&app.id, "stopped", LIMIT);
    assert_eq!(resolves(&db, "link-moving"), None, "it does not run");
    // Whoever comes now may have its address, and nothing else of it.
    let others: Vec<Sandbox> = (0..3).map(|_| api.sandbox(&json!({}))).collect();
    for other in &others {
        serve(other);
        assert!(!reaches(&db, &address(other), 8000));
        assert!(!reaches(other, &address(&db), 8000));
    }
    assert!(!reaches(&db, &first, 8000));
    api.post(&format!("/sandbox/{}/start", app.id), &json!({})).expect(200);
    api.wait_for_state(&app.id, "started", LIMIT);
    serve(&app);
    assert_eq!(resolves(&db, "link-moving"), Some(address(&app)));
    assert!(reaches(&db, "link-moving", 8000) && reaches(&app, "link-moving-db", 8000));
    let id = db.id.clone();
    drop(app);
    wait::until("its linked sandbox to go with it", LIMIT, || {
        (api.state(&id).as_deref() == Some("absent")).then_some(())
    });
}
