//! The object store fails: it is away, cuts transfers, or is slow. What is asked of it is told truly or done later, and no
//! byte is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use paddock_testkit::bucket::Bucket;
use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(60);
const FILL: &str = "head -c 20000000 /dev/urandom > ~/kept; sha256sum < ~/kept > ~/sum; sudo rm -f /etc/motd";
const CHECK: &str = "sha256sum < ~/kept | cmp - ~/sum && test ! -e /etc/motd";

/// What lies between a server and its store on a bad day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fine,
    /// Nobody answers.
    Away,
    /// Each connection breaks after so many bytes to the store.
    Cut(u64),
    /// So many bytes pass at a time, and then a moment nothing.
    Slow(usize),
}

/// A way to a store.
struct Way {
    address: SocketAddr,
    weather: Arc<Mutex<Weather>>,
    /// Connections that were broken.
    broken: Arc<AtomicU64>,
}

impl Way {
    fn to(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, broken) = (Arc::new(Mutex::new(Weather::Fine)), Arc::new(AtomicU64::new(0)));
        let (seen, counted) = (Arc::clone(&weather), Arc::clone(&broken));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if *seen.lock().unwrap() == Weather::Away {
                    counted.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let Ok(server) = TcpStream::connect(store) else { continue };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (seen, counted) = (Arc::clone(&seen), Arc::clone(&counted));
                thread::spawn(move || carry(client, server, Some((&seen, &counted))));
                thread::spawn(move || carry(back.0, back.1, None));
            }
        });
        Self { address, weather, broken }
    }

    fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }
}

/// Carries bytes one way until it ends, or the weather ends it.
fn carry(mut from: TcpStream, mut to: TcpStream, under: Option<(&Mutex<Weather>, &AtomicU64)>) {
    let mut buffer = vec![0; 64 << 10];
    let mut carried = 0;
    loop {
        let weather = under.map_or(Weather::Fine, |(weather, _)| *weather.lock().unwrap());
        let most = match weather {
            Weather::Slow(most) => {
                thread::park_timeout(Duration::from_millis(2));
                most
            }
            _ => buffer.len(),
        };
        let count = from.read(&mut buffer[..most]).unwrap_or(0);
        carried += count as u64;
        let is_cut = weather == Weather::Away || matches!(weather, Weather::Cut(limit) if carried > limit);
        if let (true, Some((_, broken))) = (is_cut && count > 0, under) {
            broken.fetch_add(1, Ordering::Relaxed);
        }
        if count == 0 || is_cut || to.write_all(&buffer[..count]).is_err() {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            return;
        }
    }
}

struct World {
    way: Way,
    server: Server,
    bucket: Bucket,
    _directory: tempfile::TempDir,
}

fn world() -> World {
    let (bucket, directory) = (Bucket::start(), tempfile::tempdir().unwrap());
    let mut settings = bucket.settings(&directory.path().join("secret"));
    settings.retain(|(name, _)| *name != "PADDOCK_VOLUMES_KIND");
    let endpoint = settings.iter_mut().find(|(name, _)| *name == "PADDOCK_OBJECTS_S3_ENDPOINT").unwrap();
    let way = Way::to(endpoint.1.strip_prefix("http://").unwrap().parse().unwrap());
    endpoint.1 = format!("http://{}", way.address);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start(&settings);
    World { way, server, bucket, _directory: directory }
}

impl World {
    fn filled(&self, name: &str) -> Sandbox {
        let sandbox = self.server.api.sandbox(&json!({"name": name}));
        sandbox.output(FILL);
        sandbox
    }

    fn ask(&self, sandbox: &Sandbox, verb: &str, body: &Value) {
        self.server.api.post(&format!("/sandbox/{}/{verb}", sandbox.id), body).expect(200);
    }

    fn until(&self, sandbox: &Sandbox, state: &str) -> Value {
        self.server.api.wait_for_state(&sandbox.id, state, SETTLE);
        self.server.api.get(&format!("/sandbox/{}", sandbox.id)).expect(200)
    }

    fn stopped(&self, name: &str) -> Sandbox {
        let sandbox = self.filled(name);
        self.ask(&sandbox, "stop", &json!({}));
        self.until(&sandbox, "stopped");
        sandbox
    }
}

#[test]
fn while_the_store_is_away_nothing_is_promised_and_nothing_is_lost() {
    let world = world();
    let api = &world.server.api;
    let (running, stopped, archived) = (world.filled("a"), world.stopped("b"), world.stopped("c"));
    world.ask(&archived, "archive", &json!({}));
    world.until(&archived, "archived");
    world.way.set(Weather::Away);

    world.ask(&running, "backup", &json!({}));
    wait::until("the backup fails", SETTLE, || {
        let shown = api.get(&format!("/sandbox/{}", running.id)).expect(200);
        (shown["backupState"] == "Error").then_some(())
    });
    running.output(CHECK);
    world.ask(&running, "snapshot", &json!({"name": "taken"}));
    wait::until("the snapshot fails", SETTLE, || {
        (api.get("/snapshots/taken").expect(200)["state"] == "error").then_some(())
    });
    let reason = api.get("/snapshots/taken").expect(200)["errorReason"].as_str().unwrap().to_owned();
    assert!(reason.contains("object store"), "{reason}");
    world.until(&running, "started");
    running.output(CHECK);

    world.ask(&stopped, "archive", &json!({}));
    let shown = world.until(&stopped, "error");
    assert!(shown["errorReason"].as_str().unwrap().contains("object store"), "{shown}");
    world.ask(&stopped, "recover", &json!({}));
    world.until(&stopped, "started");
    stopped.output(CHECK);

    // One that is only there can be neither started nor lost.
    world.ask(&archived, "start", &json!({}));
    let shown = world.until(&archived, "error");
    assert_eq!(shown["recoverable"], true, "{shown}");
    assert!(world.way.broken() > 0);
    world.way.set(Weather::Fine);
    world.ask(&archived, "recover", &json!({}));
    world.until(&archived, "started");
    archived.output(CHECK);
    api.send("DELETE", "/snapshots/taken", None).expect(200);
}

#[test]
fn transfers_that_are_cut_go_on_or_are_told_and_what_arrives_is_whole() {
    let world = world();
    let sandbox = world.stopped("cut");
    // Less than one part of an upload passes before the connection breaks.
    world.way.set(Weather::Cut(3_000_000));
    world.ask(&sandbox, "archive", &json!({}));
    let state = wait::until("the archive comes to an end", SETTLE, || {
        let state = world.server.api.state(&sandbox.id)?;
        ["archived", "error"].contains(&state.as_str()).then_some(state)
    });
    assert!(world.way.broken() > 0, "nothing was cut");
    world.way.set(Weather::Fine);
    if state == "error" {
        world.ask(&sandbox, "recover", &json!({"skipStart": true}));
        world.server.api.wait_until_idle(&sandbox.id, SETTLE);
        if world.server.api.state(&sandbox.id).unwrap() == "started" {
            sandbox.output(CHECK);
            world.ask(&sandbox, "stop", &json!({}));
        }
        world.until(&sandbox, "stopped");
        world.ask(&sandbox, "archive", &json!({}));
        world.until(&sandbox, "archived");
    }
    world.ask(&sandbox, "start", &json!({}));
    world.until(&sandbox, "started");
    sandbox.output(CHECK);
    world.server.api.send("DELETE", &format!("/sandbox/{}", sandbox.id), None).expect(200);
    world.server.api.wait_for_state(&sandbox.id, "absent", SETTLE);
    assert_eq!(world.bucket.names(), Vec::<String>::new(), "something of it is left in the store");
}

#[test]
fn a_slow_store_is_waited_for_while_its_sandbox_and_others_go_on() {
    let world = world();
    let (sandbox, other) = (world.filled("slow"), world.filled("other"));
    world.way.set(Weather::Slow(16 << 10));
    world.ask(&sandbox, "backup", &json!({}));
    assert_eq!(sandbox.output("echo here"), "here");
    assert_eq!(other.output("echo here"), "here");
    let shown = world.server.api.get(&format!("/sandbox/{}", sandbox.id)).expect(200);
    assert_eq!(shown["backupState"], "InProgress", "the store is not slow enough for this test");
    assert_eq!(world.server.api.sandbox(&json!({})).output("echo here"), "here");
    wait::until("the backup is complete", SETTLE, || {
        let shown = world.server.api.get(&format!("/sandbox/{}", sandbox.id)).expect(200);
        (shown["backupState"] == "Completed").then_some(())
    });
    sandbox.output(CHECK);
}
