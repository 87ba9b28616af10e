//! The server under measurement, through a raw client.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::interrupt;
use super::wire::{Answer, Connection};
use crate::server::Server;

/// How long a deleted sandbox may take to be gone.
pub(super) const GONE_LIMIT: Duration = Duration::from_secs(30);
/// After a create or a delete the runner makes namespaces ahead, and frees others in the kernel.
pub(crate) const SETTLE: Duration = Duration::from_millis(120);

/// Where a server is, and its key.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// The base of the API, for SDKs.
    pub(crate) api_url: String,
    pub(crate) key: String,
    api: String,
    proxy: String,
}

impl Raw {
    pub(crate) fn find(server: &Server) -> Result<Self> {
        let endpoints: Value = serde_json::from_slice(&fs::read(server.data.join("run/endpoints.json"))?)?;
        let url = |name: &str| {
            let url = endpoints[name].as_str()?;
            Some((url.to_owned(), url.strip_prefix("http://")?.split('/').next()?.to_owned()))
        };
        let (api_url, api) = url("api_url").context("the server does not say where its API is")?;
        let (_, proxy) = url("proxy_url").context("the server does not say where its proxy is")?;
        let key = fs::read_to_string(server.data.join("credentials"))?.trim().to_owned();
        Ok(Self { api_url, key, api, proxy })
    }

    /// A kept connection to the API.
    pub(crate) fn api(&self) -> Result<Connection> {
        Connection::open(&self.api, &self.key)
    }

    /// The address of a WebSocket of a sandbox's toolbox, and the header that opens it.
    pub(crate) fn socket(&self, sandbox: &str, target: &str) -> (String, String) {
        (format!("ws://{}/toolbox/{sandbox}{target}", self.proxy), format!("Bearer {}", self.key))
    }

    /// A kept connection to the proxy.
    pub(crate) fn proxy(&self) -> Result<Connection> {
        Connection::open(&self.proxy, &self.key)
    }
}

/// The body of an answer that must be a success.
pub(crate) fn success(answer: Answer) -> Result<Value> {
    let text = String::from_utf8_lossy(&answer.body);
    if !(200..300).contains(&answer.status) {
        bail!("the server answered {}: {text}", answer.status);
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Makes a sandbox and gives back its id once it is started.
pub(crate) fn create(api: &mut Connection) -> Result<String> {
    create_from(api, &json!({}))
}

/// The same, as `wish` says.
pub(crate) fn create_from(api: &mut Connection, wish: &Value) -> Result<String> {
    let created = success(api.send("POST", "/api/sandbox", wish.to_string().as_bytes())?)?;
    if created["state"] != "started" {
        bail!("a sandbox was not started: {created}");
    }
    Ok(created["id"].as_str().context("a sandbox has no id")?.to_owned())
}

/// Runs a command that must succeed, and gives back what it printed.
pub(crate) fn exec(proxy: &mut Connection, sandbox: &str, command: &str) -> Result<String> {
    let body = json!({ "command": command }).to_string();
    let path = format!("/toolbox/{sandbox}/process/execute");
    let ran = success(proxy.send("POST", &path, body.as_bytes())?)?;
    if ran["exitCode"] != 0 {
        bail!("{command}: {ran}");
    }
    Ok(ran["result"].as_str().unwrap_or_default().to_owned())
}

/// Deletes sandboxes, and waits until nothing of them is left to do.
pub(crate) fn delete(api: &mut Connection, sandboxes: &[String]) -> Result<()> {
    for id in sandboxes {
        success(api.send("DELETE", &format!("/api/sandbox/{id}"), b"")?)?;
    }
    let deadline = Instant::now() + GONE_LIMIT;
    for id in sandboxes {
        while api.send("GET", &format!("/api/sandbox/{id}"), b"")?.status != 404 {
            if Instant::now() > deadline {
                bail!("sandbox {id} was not gone in time");
            }
            interrupt::settle(Duration::from_millis(10))?;
        }
    }
    interrupt::settle(SETTLE)
}
