//! Sessions: shells, commands, input, logs.

mod commands;
mod entrypoint;
mod faults;
mod input;
mod life;
mod logs;
mod shells;

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::server::Server;
use crate::websocket::Socket;

/// Headers of the newest client.
const NEWEST: &str = "X-Daytona-SDK-Version: 0.226.1\r\n";

/// A session of a server, and a connection.
pub(crate) struct Session<'a> {
    server: &'a Server,
    pub(crate) client: Client,
    id: String,
}

impl<'a> Session<'a> {
    pub(crate) fn create(server: &'a Server, id: &str) -> Self {
        let mut client = server.client();
        client.post_json("/process/session", &json!({"sessionId": id})).ok(201);
        Self { server, client, id: id.to_owned() }
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        let id: String = form_urlencoded::byte_serialize(self.id.as_bytes()).collect();
        format!("/process/session/{}{rest}", id.replace('+', "%20"))
    }

    pub(crate) fn post(&mut self, rest: &str, body: &Value) -> Answer {
        let (path, body) = (self.path(rest), body.to_string());
        self.client.request("POST", &path, NEWEST, body.as_bytes())
    }

    pub(crate) fn get(&mut self, rest: &str) -> Answer {
        let path = self.path(rest);
        self.client.request("GET", &path, NEWEST, b"")
    }

    /// Runs a command to its end as the newest client.
    #[track_caller]
    pub(crate) fn exec(&mut self, command: &str) -> Value {
        self.post("/exec", &json!({"command": command})).ok(200)
    }

    /// Runs a command to its end, and gives back its standard output, which must be all there is.
    #[track_caller]
    pub(crate) fn stdout(&mut self, command: &str) -> String {
        let result = self.exec(command);
        assert_eq!((&result["exitCode"], &result["stderr"]), (&json!(0), &json!("")), "{result}");
        result["stdout"].as_str().unwrap().to_owned()
    }

    /// Starts a command and gives back its id.
    #[track_caller]
    pub(crate) fn start(&mut self, command: &str) -> String {
        let started = self.post("/exec", &json!({"command": command, "runAsync": true})).ok(202);
        assert_eq!(started.as_object().unwrap().len(), 1, "{started}");
        started["cmdId"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn type_in(&mut self, command: &str, data: &str) {
        self.post(&format!("/command/{command}/input"), &json!({"data": data})).ok(204);
    }

    /// Waits for a command's end and gives back its exit code.
    #[track_caller]
    pub(crate) fn wait(&mut self, command: &str) -> i64 {
        crate::server::eventually("the command has ended", || {
            self.get(&format!("/command/{command}")).ok(200)["exitCode"].as_i64()
        })
    }

    /// What a command has written so far, as the newest client is told.
    #[track_caller]
    pub(crate) fn logs(&mut self, command: &str) -> Value {
        self.get(&format!("/command/{command}/logs")).ok(200)
    }

    /// Follows a command over a socket.
    pub(crate) fn follow(&self, command: &str, headers: &[(&str, &str)]) -> Socket {
        let target = self.path(&format!("/command/{command}/logs?follow=true"));
        Socket::connect(&self.server.socket(), &target, headers).unwrap()
    }

    #[track_caller]
    pub(crate) fn delete(&mut self) {
        let path = self.path("");
        self.client.request("DELETE", &path, "", b"").ok(204);
    }
}

/// What official clients make of labelled bytes.
pub(crate) fn demultiplex(bytes: &[u8]) -> (String, String) {
    let mut streams = [Vec::new(), Vec::new()];
    let (mut at, mut stream) = (0, None);
    while at < bytes.len() {
        match bytes.get(at..at + 3) {
            Some([1, 1, 1]) => (stream, at) = (Some(0), at + 3),
            Some([2, 2, 2]) => (stream, at) = (Some(1), at + 3),
            _ => {
                if let Some(stream) = stream {
                    let into: &mut Vec<u8> = &mut streams[stream];
                    into.push(bytes[at]);
                }
                at += 1;
            }
        }
    }
    let [stdout, stderr] = streams.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (stdout, stderr)
}
