//! A raw client: no SDK's habits between the test and the wire.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};

use crate::wait;

/// An API, a proxy and a key.
#[derive(Debug, Clone)]
pub struct Api {
    /// The base of the API.
    pub api_url: String,
    /// The base of the proxy.
    pub proxy_url: String,
    /// The key.
    pub key: String,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body as JSON; a string of it when it is none.
    pub body: Value,
}

impl Answer {
    /// The body, when the status is `expected`.
    #[track_caller]
    pub fn expect(self, expected: u16) -> Value {
        assert_eq!(self.status, expected, "{}", self.body);
        self.body
    }
}

impl Api {
    pub(crate) fn none() -> Self {
        Self::new("", "", "")
    }

    /// A client of a server.
    pub fn new(api_url: &str, proxy_url: &str, key: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self { api_url: api_url.into(), proxy_url: proxy_url.into(), key: key.into(), agent: config.into() }
    }

    /// The same server with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// One request. `body` of `None`: none. Errors of the connection are `None`.
    pub fn try_send(&self, method: &str, url: &str, body: Option<&Value>) -> Option<Answer> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        let bytes = body.map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
        let mut response = self.agent.run(request.body(bytes).unwrap()).ok()?;
        let mut text = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Answer { status: response.status().as_u16(), body })
    }

    /// One request to the API; `path` begins after `/api`.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, &format!("{}{path}", self.api_url), body).expect("the API answers")
    }

    /// GET, or `None` when nobody answers.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send("GET", &format!("{}{path}", self.api_url), None)
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// POST.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    /// One request to the toolbox of a sandbox.
    #[track_caller]
    pub fn toolbox(&self, method: &str, sandbox: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, &format!("{}/toolbox/{sandbox}{path}", self.proxy_url), body)
            .expect("the proxy answers")
    }

    /// A sandbox for one test, removed with the value.
    #[track_caller]
    pub fn sandbox(&self, body: &Value) -> Sandbox {
        let created = self.post("/sandbox", body).expect(200);
        assert_eq!(created["state"], "started", "{created}");
        Sandbox { api: self.clone(), id: created["id"].as_str().unwrap().to_owned() }
    }

    /// A volume that is ready; its id.
    #[track_caller]
    pub fn volume(&self, name: &str) -> String {
        let id =
            self.post("/volumes", &json!({ "name": name })).expect(200)["id"].as_str().unwrap().to_owned();
        self.wait_for_volume(&id, "ready", Duration::from_secs(20));
        id
    }

    /// Waits until a volume is shown in `state`; the whole of it.
    #[track_caller]
    pub fn wait_for_volume(&self, id: &str, state: &str, limit: Duration) -> Value {
        wait::until(&format!("volume {id} becomes {state}"), limit, || {
            let shown = self.try_get(&format!("/volumes/{id}"))?.body;
            (shown["state"] == state).then_some(shown)
        })
    }

    /// The shown state of a sandbox; `absent` when there is none.
    pub fn state(&self, id: &str) -> Option<String> {
        let answer = self.try_get(&format!("/sandbox/{id}"))?;
        match answer.status {
            404 => Some("absent".to_owned()),
            200 => answer.body["state"].as_str().map(str::to_owned),
            _ => None,
        }
    }

    /// Waits until a sandbox is not on its way anywhere and no backup of it is being made.
    #[track_caller]
    pub fn wait_until_idle(&self, id: &str, limit: Duration) {
        const SETTLED: [&str; 6] = ["started", "stopped", "paused", "archived", "error", "absent"];
        wait::until(&format!("sandbox {id} settles, is {:?}", self.state(id)), limit, || {
            let shown = self.try_get(&format!("/sandbox/{id}"))?.body;
            let state = shown["state"].as_str().unwrap_or("absent");
            let is_backing_up = shown["backupState"] == "InProgress";
            (SETTLED.contains(&state) && !is_backing_up).then_some(())
        });
    }

    /// Waits until a sandbox is shown in `state`.
    #[track_caller]
    pub fn wait_for_state(&self, id: &str, state: &str, limit: Duration) {
        wait::until(&format!("sandbox {id} becomes {state}, is {:?}", self.state(id)), limit, || {
            (self.state(id)? == state).then_some(())
        });
    }
}

/// A sandbox of one test.
#[derive(Debug)]
pub struct Sandbox {
    /// Its server.
    pub api: Api,
    /// Its id.
    pub id: String,
}

impl Sandbox {
    /// Runs a command and gives back its exit code and output.
    #[track_caller]
    pub fn run(&self, command: &str) -> (i64, String) {
        let body = json!({"command": command, "timeout": 100});
        let answer = self.api.toolbox("POST", &self.id, "/process/execute", Some(&body)).expect(200);
        (answer["exitCode"].as_i64().unwrap(), answer["result"].as_str().unwrap().to_owned())
    }

    /// Runs a command that must succeed and gives back its output without the last line end.
    #[track_caller]
    pub fn output(&self, command: &str) -> String {
        let (code, output) = self.run(command);
        assert_eq!(code, 0, "{command}: {output}");
        output.trim_end().to_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.api.try_send("DELETE", &format!("{}/sandbox/{}", self.api.api_url, self.id), None);
    }
}
