//! Control is killed, really, at every named point of every operation.
//!
//! The test runs itself again as a process of its own that serves one database over a Unix socket; the
//! runner stays here. A point is armed by a file, the operation is asked for, the process dies at the
//! point, is started again, and everything has to come to what was wished.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::http::Method;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use paddock_control::failpoints;
use paddock_control::{ApiKeySecret, CancellationToken, Control, StoreUrl};
use paddock_testkit::eventually;
use paddock_testkit::runner::FakeRunner;
use paddock_wire_runner::Observed;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use crate::world::config;

/// Where the process finds its database, its sockets and its key.
const DIRECTORY: &str = "PADDOCK_TEST_CONTROL";
const KEY: &str = "dtn_0000000000000000000000000000000000000000000000000000000000000000";

/// The process, not a test: serves until it is killed.
#[tokio::test]
#[ignore = "a process of the tests beside it"]
async fn process() {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let control =
        Control::open(config(StoreUrl::Sqlite(directory.join("control.db")), directory.join("runner.sock")))
            .await
            .unwrap();
    control.bootstrap_with(&ApiKeySecret::parse(KEY).unwrap()).await.unwrap();
    let socket = directory.join("api.sock");
    drop(std::fs::remove_file(&socket));
    let listener = UnixListener::bind(&socket).unwrap();
    let router = control.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    control.run(CancellationToken::new()).await;
}

struct Process {
    directory: TempDir,
    child: Child,
    runner: FakeRunner,
}

impl Process {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runner = FakeRunner::start();
        std::os::unix::fs::symlink(runner.socket(), directory.path().join("runner.sock")).unwrap();
        let child = spawn(directory.path());
        let process = Self { directory, child, runner };
        process.until_ready().await;
        process
    }

    async fn until_ready(&self) {
        eventually("the process to be ready", async || {
            let answer = self.call(Method::GET, "/api/health/ready", Value::Null).await?;
            (answer.0 == 200).then_some(())
        })
        .await;
    }

    /// `None` when the process dies before it answers.
    async fn call(&self, method: Method, path: &str, body: Value) -> Option<(u16, Value)> {
        let stream = UnixStream::connect(self.directory.path().join("api.sock")).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "box.test")
            .header("authorization", format!("Bearer {KEY}"))
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    fn arm(&self, point: &str, action: &str) {
        let points = self.directory.path().join("points");
        drop(std::fs::remove_file(points.join(format!("{point}.hit"))));
        std::fs::write(points.join(point), action).unwrap();
    }

    /// Asks for an operation, whose process dies at the point and is started again. Gives back what passes when the
    /// operation is over: what is recorded is seen before its last point is passed, and another operation that is
    /// armed by then would be killed by this one.
    async fn killed_at(&mut self, point: &str, (method, path, body): (Method, &str, Value)) -> Over {
        let last = point.rsplit_once('.').unwrap().0.to_owned() + ".after_record";
        let over = Over((point != last).then_some(last));
        if let Some(last) = &over.0 {
            self.arm(last, "pass");
        }
        self.arm(point, "kill");
        self.call(method, path, body).await;
        eventually(&format!("death at {point}"), async || self.child.try_wait().unwrap()).await;
        assert!(self.was_hit(point), "the process died, but not at {point}");
        self.child = spawn(self.directory.path());
        self.until_ready().await;
        over
    }

    async fn until(&self, over: Over) {
        if let Some(last) = over.0 {
            eventually(&format!("{last} to be passed"), async || self.was_hit(&last).then_some(())).await;
        }
    }

    fn was_hit(&self, point: &str) -> bool {
        self.directory.path().join("points").join(format!("{point}.hit")).exists()
    }

    async fn sandbox(&self, name: &str) -> Option<Value> {
        let (status, body) = self.call(Method::GET, &format!("/api/sandbox/{name}"), Value::Null).await?;
        (status == 200).then_some(body)
    }

    async fn until_state(&self, name: &str, state: &str) -> Value {
        eventually(&format!("{name} to be {state}"), async || {
            self.sandbox(name).await.filter(|body| body["state"] == state)
        })
        .await
    }
}

/// The point that an operation passes when it is over, unless it was killed there.
#[must_use]
struct Over(Option<String>);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(directory: &Path) -> Child {
    let points = directory.join("points");
    std::fs::create_dir_all(&points).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::process", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env("PADDOCK_FAILPOINTS", points)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn killed_at_any_step_of_a_volumes_making_and_removal_the_wish_comes_true() {
    let mut process = Process::start().await;
    let until = async |process: &Process, state: &str| {
        eventually(&format!("the volume to be {state}"), async || {
            let (_, list) =
                process.call(Method::GET, "/api/volumes?includeDeleted=true", Value::Null).await?;
            let volume = list
                .as_array()?
                .iter()
                .find(|volume| volume["name"] == "data" && volume["state"] == state)?;
            Some(volume["id"].as_str()?.to_owned())
        })
        .await
    };
    for (create, delete) in points_of("create_volume").into_iter().zip(points_of("delete_volume")) {
        let over = process.killed_at(create, (Method::POST, "/api/volumes", json!({"name": "data"}))).await;
        let id = until(&process, "ready").await;
        process.until(over).await;
        assert_eq!(process.runner.volumes().len(), 1, "{create}");
        let path = format!("/api/volumes/{id}");
        let over = process.killed_at(delete, (Method::DELETE, &path, Value::Null)).await;
        eventually("the volume to be gone", async || {
            let (_, body) = process.call(Method::GET, &path, Value::Null).await?;
            (body["state"] == "deleted").then_some(())
        })
        .await;
        process.until(over).await;
        assert!(process.runner.volumes().is_empty(), "{delete}");
    }
}

fn points_of(operation: &str) -> Vec<&'static str> {
    let prefix = format!("control.{operation}.");
    let points: Vec<&str> =
        failpoints::ALL.iter().copied().filter(|point| point.starts_with(&prefix)).collect();
    assert_eq!(points.len(), 5, "{operation}");
    points
}

#[tokio::test]
async fn killed_at_any_step_of_a_create_the_sandbox_is_started_after_the_restart() {
    let mut process = Process::start().await;
    for (number, point) in points_of("create").into_iter().enumerate() {
        let name = format!("box{number}");
        let over = process.killed_at(point, (Method::POST, "/api/sandbox", json!({"name": name}))).await;
        let body = process.until_state(&name, "started").await;
        process.until(over).await;
        assert_eq!(process.runner.state(body["id"].as_str().unwrap().parse().unwrap()), Observed::Started);
    }
}

#[tokio::test]
async fn killed_at_any_step_of_a_stop_and_a_start_the_wish_comes_true() {
    let mut process = Process::start().await;
    process.call(Method::POST, "/api/sandbox", json!({"name": "web"})).await;
    process.until_state("web", "started").await;
    for (stop, start) in points_of("stop").into_iter().zip(points_of("start")) {
        let over = process.killed_at(stop, (Method::POST, "/api/sandbox/web/stop", Value::Null)).await;
        process.until_state("web", "stopped").await;
        process.until(over).await;
        let over = process.killed_at(start, (Method::POST, "/api/sandbox/web/start", Value::Null)).await;
        process.until_state("web", "started").await;
        process.until(over).await;
    }
}

#[tokio::test]
async fn killed_at_any_step_of_a_delete_nothing_is_left() {
    let mut process = Process::start().await;
    for point in points_of("delete") {
        process.call(Method::POST, "/api/sandbox", json!({"name": "web"})).await;
        let id = process.until_state("web", "started").await["id"].as_str().unwrap().to_owned();
        let path = format!("/api/sandbox/{id}");
        let over = process.killed_at(point, (Method::DELETE, &path, Value::Null)).await;
        eventually("nothing to be left", async || process.sandbox(&id).await.is_none().then_some(())).await;
        assert_eq!(process.runner.state(id.parse().unwrap()), Observed::Absent);
        process.until(over).await;
    }
}
