//! The cast of every test: a control plane, its runner, and callers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use paddock_control::{ApiKeySecret, CancellationToken, Config, Control, EventLimits, StoreUrl};
use paddock_registry::{Client, Settings};
use paddock_testkit::eventually;
use paddock_testkit::runner::FakeRunner;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// A control plane with its own database, and its runner.
pub(crate) struct World {
    pub(crate) runner: FakeRunner,
    pub(crate) control: Control,
    /// The administrator's key.
    pub(crate) key: String,
    pub(crate) directory: Arc<TempDir>,
    store: StoreUrl,
    limits: EventLimits,
    registries: Client,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `Null` for an empty body.
    pub(crate) body: Value,
}

impl World {
    /// Everything runs and the runner is in sync.
    pub(crate) async fn start() -> Self {
        let world = Self::start_with(FakeRunner::start()).await;
        world.until_ready().await;
        world
    }

    /// Control runs; the runner is as given.
    pub(crate) async fn start_with(runner: FakeRunner) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let store = StoreUrl::Sqlite(directory.path().join("control.db"));
        Self::start_on(store, runner, directory).await
    }

    /// Control runs on a store of the test's choice.
    pub(crate) async fn start_on(store: StoreUrl, runner: FakeRunner, directory: Arc<TempDir>) -> Self {
        Self::start_limited(store, runner, directory, EventLimits::default()).await
    }

    /// Everything runs, and the event stream has limits of the test's choice.
    pub(crate) async fn start_with_limits(limits: EventLimits) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let store = StoreUrl::Sqlite(directory.path().join("control.db"));
        let world = Self::start_limited(store, FakeRunner::start(), directory, limits).await;
        world.until_ready().await;
        world
    }

    /// Control runs, and speaks to registries as the test says.
    pub(crate) async fn start_with_registries(registries: Client) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let store = StoreUrl::Sqlite(directory.path().join("control.db"));
        let limits = EventLimits::default();
        Self::start_limited_with(store, FakeRunner::start(), directory, limits, registries).await
    }

    async fn start_limited(
        store: StoreUrl,
        runner: FakeRunner,
        directory: Arc<TempDir>,
        limits: EventLimits,
    ) -> Self {
        let registries = Client::new(Settings::default()).unwrap();
        Self::start_limited_with(store, runner, directory, limits, registries).await
    }

    async fn start_limited_with(
        store: StoreUrl,
        runner: FakeRunner,
        directory: Arc<TempDir>,
        limits: EventLimits,
        registries: Client,
    ) -> Self {
        let usual = config(store.clone(), runner.socket());
        let config = Config { events: limits, registries: registries.clone(), ..usual };
        let control = Control::open(config).await.unwrap();
        let key = ApiKeySecret::generate();
        assert!(control.bootstrap_with(&key).await.unwrap());
        let key = key.reveal().to_owned();
        let mut world = Self { runner, control, key, directory, store, limits, registries, running: None };
        world.run();
        world
    }

    /// Serves the public API on a port of the loopback device, until the world ends.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.control.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn run(&mut self) {
        let shutdown = CancellationToken::new();
        let (control, token) = (self.control.clone(), shutdown.clone());
        self.running = Some((shutdown, tokio::spawn(async move { control.run(token).await })));
    }

    /// Ends control properly and opens it again on the same database.
    pub(crate) async fn restart_control(&mut self) {
        let (shutdown, task) = self.running.take().unwrap();
        shutdown.cancel();
        task.await.unwrap();
        self.open_again().await;
    }

    /// Ends control properly.
    pub(crate) async fn stop_control(&mut self) {
        let (shutdown, task) = self.running.take().unwrap();
        shutdown.cancel();
        task.await.unwrap();
    }

    /// Opens control on the database of the one that was stopped.
    pub(crate) async fn start_control(&mut self) {
        self.open_again().await;
    }

    /// Ends control without a word, as a crash would, and opens it again on the same database.
    pub(crate) async fn crash_control(&mut self) {
        let (_, task) = self.running.take().unwrap();
        task.abort();
        drop(task.await);
        self.open_again().await;
    }

    async fn open_again(&mut self) {
        let usual = config(self.store.clone(), self.runner.socket());
        let config = Config { events: self.limits, registries: self.registries.clone(), ..usual };
        self.control = Control::open(config).await.unwrap();
        self.run();
    }

    pub(crate) async fn until_ready(&self) {
        eventually("control and its runner to be ready", async || {
            (self.get("/api/health/ready").await.status == 200).then_some(())
        })
        .await;
    }

    /// Another organization; its owner's key.
    pub(crate) async fn organization(&self, name: &str) -> String {
        let answer = self.post("/api/admin/organizations", json!({ "name": name })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["apiKey"]["value"].as_str().unwrap().to_owned()
    }

    /// A key of the administrator's organization with just these permissions.
    pub(crate) async fn key_with(&self, permissions: &[&str]) -> String {
        let name = permissions.join(" ") + " key";
        let answer = self.post("/api/api-keys", json!({ "name": name, "permissions": permissions })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["value"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &self.key, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, &self.key, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, &self.key, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, &self.key, None).await
    }

    /// A call with a key. An empty key is none.
    pub(crate) async fn call(&self, method: Method, path: &str, key: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "box.test:3000");
        if !key.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    /// A call with the administrator's key that goes on by itself.
    pub(crate) fn begin_call(&self, method: Method, path: &str, body: Option<Value>) -> JoinHandle<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        tokio::spawn(read(self.control.router(), request.unwrap()))
    }

    /// Any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        read(self.control.router(), request).await
    }

    /// A request of another role.
    pub(crate) async fn ask_internally(&self, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(Method::POST).uri(path).body(Body::from(body.to_string()));
        read(self.control.internal_router(), request.unwrap()).await
    }

    /// A started sandbox; its id.
    pub(crate) async fn sandbox(&self, body: Value) -> String {
        let answer = self.post("/api/sandbox", body).await;
        assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("started")), "{answer:?}");
        answer.id()
    }

    /// Waits until a sandbox is shown in a state; the whole of it.
    pub(crate) async fn until_state(&self, id: &str, state: &str) -> Value {
        eventually(&format!("{id} to be {state}"), async || {
            let answer = self.get(&format!("/api/sandbox/{id}")).await;
            (answer.body["state"] == state).then_some(answer.body)
        })
        .await
    }

    /// Waits until a sandbox is not found any more.
    pub(crate) async fn until_gone(&self, id: &str) {
        eventually(&format!("{id} to be gone"), async || {
            (self.get(&format!("/api/sandbox/{id}")).await.status == 404).then_some(())
        })
        .await;
    }
}

impl Answer {
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The message of an error, after a look at the rest of its body.
    pub(crate) fn message(&self, path: &str) -> String {
        let body = &self.body;
        assert_eq!(body["statusCode"], self.status.as_u16(), "{body}");
        assert_eq!(body["error"], self.status.canonical_reason().unwrap(), "{body}");
        assert_eq!((&body["path"], &body["source"]), (&json!(path), &json!("DAYTONA_API")), "{body}");
        assert_eq!(body["timestamp"].as_str().unwrap().len(), "2026-01-02T03:04:05.678Z".len(), "{body}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        body["message"].as_str().unwrap().to_owned()
    }
}

async fn read(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!({ "not JSON": String::from_utf8_lossy(&bytes) }))
    };
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn config(store: StoreUrl, runner_socket: PathBuf) -> Config {
    let directory = runner_socket.parent().unwrap().to_owned();
    let objects = paddock_driver_object::dir::Dir::open(&directory.join("objects")).unwrap();
    Config {
        // Beside the database, or where one on a server has its directory: the runner's socket is the world's own too.
        sealing_key: match &store {
            StoreUrl::Sqlite(path) => path.with_extension("key"),
            _ => runner_socket.with_extension("key"),
        },
        store,
        // Nothing in these tests runs: builds end before their first step.
        open_socket: directory.join("open.sock"),
        builds: directory.join("builds"),
        objects: Arc::new(objects),
        registries: Client::new(Settings::default()).unwrap(),
        runner_socket,
        public_url: None,
        proxy_url: None,
        proxy_port: 4000,
        dashboard_url: None,
        region: "local".to_owned(),
        default_snapshot: "paddock-small".to_owned(),
        timer_period: std::time::Duration::from_millis(50),
        version: "0.0.1-test".to_owned(),
        events: EventLimits::default(),
    }
}

impl World {
    /// Waits until the clock shows another time than this one.
    pub(crate) async fn until_later_than(&self, time: &Value) {
        eventually("the clock to move on", async || {
            let shown = self.get("/api/sandbox/nothing").await.body["timestamp"].clone();
            (shown.as_str() > time.as_str()).then_some(())
        })
        .await;
    }
}

impl World {
    /// The database itself, beside control: to look at what no answer shows.
    pub(crate) async fn open_store(&self) -> paddock_store::Store {
        paddock_store::Store::open(&self.store, paddock_types::Timestamp(0)).await.unwrap()
    }
}

impl World {
    /// Ends control, puts another database in the place of its own, and opens it again.
    pub(crate) async fn replace_database(&mut self, copy: &std::path::Path) {
        let (shutdown, task) = self.running.take().unwrap();
        shutdown.cancel();
        task.await.unwrap();
        // Closes the database: nothing else holds a clone.
        let elsewhere = StoreUrl::Sqlite(self.directory.path().join("elsewhere.db"));
        self.control = Control::open(config(elsewhere, self.runner.socket())).await.unwrap();
        let database = self.directory.path().join("control.db");
        for suffix in ["-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", database.display())));
        }
        std::fs::copy(copy, &database).unwrap();
        self.open_again().await;
    }
}

impl World {
    /// Asks for a sandbox and does not wait for the answer.
    pub(crate) fn begin_create(&self, body: &Value) -> JoinHandle<Answer> {
        self.begin("/api/sandbox", body)
    }

    /// Posts and does not wait for the answer.
    pub(crate) fn begin(&self, path: &str, body: &Value) -> JoinHandle<Answer> {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Body::from(body.to_string()))
            .unwrap();
        tokio::spawn(read(self.control.router(), request))
    }
}

impl World {
    /// A registry with credentials; its id.
    pub(crate) async fn registry(&self, url: &str) -> String {
        let body = json!({"name": "mine", "url": url, "username": "someone", "password": "hunter2"});
        let answer = self.post("/api/docker-registry", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.id()
    }

    /// A volume that is ready; its id.
    pub(crate) async fn volume(&self, name: &str) -> String {
        let answer = self.post("/api/volumes", json!({ "name": name })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        self.until_volume(&answer.id(), "ready").await;
        answer.id()
    }

    /// Waits until a volume is in a state; the whole of it.
    pub(crate) async fn until_volume(&self, id: &str, state: &str) -> Value {
        eventually(&format!("volume {id} to be {state}"), async || {
            let answer = self.get(&format!("/api/volumes/{id}")).await;
            (answer.body["state"] == state).then_some(answer.body)
        })
        .await
    }
}

impl World {
    /// Waits until a sandbox is not on its way anywhere.
    pub(crate) async fn until_settled(&self, id: &str) {
        const SETTLED: [&str; 5] = ["started", "stopped", "paused", "archived", "error"];
        eventually("the sandbox to settle", async || {
            let shown = self.get(&format!("/api/sandbox/{id}")).await.body;
            let idle = shown["backupState"] != "InProgress";
            (idle && SETTLED.contains(&shown["state"].as_str().unwrap_or("gone"))).then_some(())
        })
        .await;
    }

    /// Makes a started sandbox fail so that it can be recovered.
    pub(crate) async fn fail(&self, id: &str) {
        self.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
        self.until_state(id, "stopped").await;
        self.runner.fail_starts("no room");
        self.runner.call_failures_curable();
        self.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
        self.until_state(id, "error").await;
        self.runner.behave();
    }

    /// Makes it look as if a sandbox was last used so long ago.
    pub(crate) fn backdate(&self, id: &str, minutes: i64) {
        let database = rusqlite::Connection::open(self.directory.path().join("control.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let changed = database.execute(
            "UPDATE sandbox SET last_activity_at = last_activity_at - ?1, auto_destroy_at = auto_destroy_at - ?1 \
             WHERE id = ?2",
            rusqlite::params![minutes * 60_000, id],
        );
        assert_eq!(changed.unwrap(), 1);
    }
}

impl World {
    /// A warm pool of a snapshot; its id.
    pub(crate) async fn warm_pool(&self, snapshot: &str, size: u32) -> String {
        let answer = self.post("/api/warm-pools", json!({"snapshot": snapshot, "pool": size})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.id()
    }

    /// Waits until a warm pool has so many members ready.
    pub(crate) async fn until_ready_members(&self, pool: &str, count: u64) {
        eventually(&format!("{count} members to wait in a pool"), async || {
            let pools = self.get("/api/warm-pools").await.body;
            let found = pools.as_array().unwrap().iter().find(|found| found["id"] == pool).cloned();
            (found?["currentSize"] == count).then_some(())
        })
        .await;
    }

    /// The members of all of the organization's pools, as a list shows them.
    pub(crate) async fn members(&self) -> Vec<Value> {
        let all = self.get("/api/sandbox?includeWarm=true&limit=200").await.body["items"].clone();
        all.as_array().unwrap().iter().filter(|item| !item["warmPoolId"].is_null()).cloned().collect()
    }
}

impl World {
    /// Waits until a snapshot is in a state; how it is then.
    pub(crate) async fn until_snapshot(&self, name: &str, state: &str) -> Value {
        let path = format!("/api/snapshots/{name}");
        eventually(&format!("{name} to be {state}"), async || {
            let body = self.get(&path).await.body;
            (body["state"] == state).then_some(body)
        })
        .await
    }

    /// How many layers are on record.
    pub(crate) fn layers_on_record(&self) -> i64 {
        let database = rusqlite::Connection::open(self.directory.path().join("control.db")).unwrap();
        database.query_one("SELECT COUNT(*) FROM layer", [], |row| row.get(0)).unwrap()
    }

    /// As if a snapshot had been deactivated long ago.
    pub(crate) fn forget_when_deactivated(&self, name: &str) {
        let database = rusqlite::Connection::open(self.directory.path().join("control.db")).unwrap();
        let changed = database.execute("UPDATE snapshot SET deactivated_at = 0 WHERE name = $1", [name]);
        assert_eq!(changed.unwrap(), 1);
    }
}
