//! A running language server: requests and their answers, and the few things that a server asks of its client.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::framing;
use super::language::Language;
use super::uri::uri_of;
use crate::environment::Environment;
use crate::spawn::{Child, Command, InvalidCommand, Reaper, Session, SpawnError, StartError};
use crate::words::plain;

/// How long a server may take for an answer. The first one after a start waits for it to have read the project.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);
/// How long a server may take to shut down.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);
/// So much of what it says last on standard error is kept, to tell why it ended.
const LAST_WORDS_BYTES: usize = 2 << 10;
/// Messages that may wait for a server that does not read.
const OUTGOING: usize = 256;
/// The protocol's code for a method that is not known.
const METHOD_NOT_FOUND: i64 = -32601;

/// Why a request has no answer. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(super) enum LspError {
    /// Something that it needs could not be made.
    #[error("cannot start the language server: {}", plain(source))]
    Prepare { source: io::Error },
    /// Its command cannot be.
    #[error("cannot start the language server: {0}")]
    Command(#[from] InvalidCommand),
    /// No process could be made.
    #[error("{0}")]
    Spawn(#[from] SpawnError),
    /// The program or the project's directory is not there.
    #[error("{0}")]
    Start(#[from] StartError),
    /// It has ended.
    #[error("the language server has ended{0}; the next request starts it again")]
    Ended(String),
    /// It does not answer.
    #[error("the language server did not answer within {} s", ANSWER_PATIENCE.as_secs())]
    Silent,
    /// It refuses.
    #[error("the language server refused the request: {0}")]
    Refused(String),
}

/// A running server. Killed with its process group when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    group: Pid,
    /// Whole messages, so that a caller who goes away never leaves half of one behind.
    outgoing: mpsc::Sender<Vec<u8>>,
    state: Arc<Mutex<State>>,
    /// What it can do, as it told at its start.
    capabilities: Value,
    /// Becomes true when it has ended.
    ended: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct State {
    next_id: i64,
    waiting: HashMap<i64, oneshot::Sender<Value>>,
    /// What is said of the server's end, once it has ended.
    ended: Option<String>,
}

/// A request that waits for its answer, or does not any more.
struct Waiting<'a> {
    connection: &'a Connection,
    id: i64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.connection.state).waiting.remove(&self.id);
    }
}

impl Connection {
    /// Starts `language`'s server for the project in `directory`, and waits until it is ready for requests.
    pub(super) async fn start(
        reaper: &Reaper,
        environment: &Environment,
        language: Language,
        directory: &Path,
    ) -> Result<Self, LspError> {
        let prepare = |source| LspError::Prepare { source };
        let pair = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| prepare(error.into()));
        let ((child_input, input), (output, child_output), (errors, child_errors)) =
            (pair()?, pair()?, pair()?);
        let input = pipe::Sender::from_owned_fd(input).map_err(prepare)?;
        let output = pipe::Receiver::from_owned_fd(output).map_err(prepare)?;
        let errors = pipe::Receiver::from_owned_fd(errors).map_err(prepare)?;
        let command = Command::new(
            OsStr::new(language.program),
            language.arguments,
            environment,
            directory,
            child_output,
        )?
        .stdin(child_input)
        .stderr(child_errors)
        .session(Session::Own);
        let mut child = reaper.spawn(command)?;
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let (end, ended) = watch::channel(false);
        let state = Arc::new(Mutex::new(State::default()));
        let mut connection = Self {
            group: child.group(),
            outgoing: outgoing.clone(),
            state: Arc::clone(&state),
            capabilities: Value::Null,
            ended,
        };
        child.started().await?;
        tokio::spawn(write_to(input, messages));
        tokio::spawn(async move {
            let how = follow(child, output, errors, &state, &outgoing).await;
            let mut state = lock(&state);
            state.ended = Some(how);
            // Who waits is told by the loss of the sender.
            state.waiting.clear();
            drop(state);
            end.send_replace(true);
        });
        connection.initialize(directory).await?;
        Ok(connection)
    }

    async fn initialize(&mut self, directory: &Path) -> Result<(), LspError> {
        let root = uri_of(directory);
        let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let parameters = json!({
            "processId": std::process::id(),
            "clientInfo": {"name": "paddock", "version": crate::VERSION},
            "rootUri": root,
            "rootPath": directory.to_string_lossy(),
            "workspaceFolders": [{"uri": root, "name": name}],
            "capabilities": {
                "textDocument": {
                    "synchronization": {"didSave": false},
                    "completion": {
                        "completionItem": {"snippetSupport": false, "documentationFormat": ["markdown", "plaintext"]},
                        "contextSupport": true
                    },
                    "documentSymbol": {"hierarchicalDocumentSymbolSupport": false}
                },
                "workspace": {"symbol": {}, "workspaceFolders": true, "configuration": true}
            }
        });
        let answer = self.request("initialize", parameters).await?;
        self.capabilities = answer.get("capabilities").cloned().unwrap_or_default();
        self.notify("initialized", json!({})).await
    }

    /// Whether the server said at its start that it can do this.
    pub(super) fn can(&self, capability: &str) -> bool {
        !matches!(self.capabilities.get(capability), None | Some(Value::Null | Value::Bool(false)))
    }

    /// Asks, and waits for the answer.
    pub(super) async fn request(&self, method: &str, parameters: Value) -> Result<Value, LspError> {
        let (send, answered) = oneshot::channel();
        let waiting = {
            let mut state = lock(&self.state);
            if let Some(how) = &state.ended {
                return Err(LspError::Ended(how.clone()));
            }
            state.next_id += 1;
            let id = state.next_id;
            state.waiting.insert(id, send);
            Waiting { connection: self, id }
        };
        let message = json!({"jsonrpc": "2.0", "id": waiting.id, "method": method, "params": parameters});
        let asking = async {
            self.write(&message).await?;
            answered.await.map_err(|_| self.how_it_ended())
        };
        let answer = timeout(ANSWER_PATIENCE, asking).await.map_err(|_| LspError::Silent)??;
        match answer.get("error") {
            Some(error) => {
                let message = error.get("message").and_then(Value::as_str).unwrap_or("without a reason");
                Err(LspError::Refused(message.chars().take(500).collect()))
            }
            None => Ok(answer.get("result").cloned().unwrap_or_default()),
        }
    }

    /// Tells, and expects no answer.
    pub(super) async fn notify(&self, method: &str, parameters: Value) -> Result<(), LspError> {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": parameters});
        timeout(ANSWER_PATIENCE, self.write(&message)).await.map_err(|_| LspError::Silent)?
    }

    async fn write(&self, message: &Value) -> Result<(), LspError> {
        self.outgoing.send(framing::frame(message)).await.map_err(|_| self.how_it_ended())
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Asks it to shut down, and kills it if it does not.
    pub(super) async fn shut_down(&self) {
        let goodbye = async {
            if self.request("shutdown", Value::Null).await.is_ok() {
                let _ = self.notify("exit", Value::Null).await;
            }
            let _ = self.ended.clone().wait_for(|ended| *ended).await;
        };
        let _ = timeout(SHUTDOWN_PATIENCE, goodbye).await;
        kill(self.group);
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    fn how_it_ended(&self) -> LspError {
        LspError::Ended(lock(&self.state).ended.clone().unwrap_or_default())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.has_ended() {
            kill(self.group);
        }
    }
}

/// Writes messages until nobody has any more, or the server does not take them.
async fn write_to(mut input: pipe::Sender, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if input.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Reads what the server says until it ends. Gives back what is to be said of its end.
async fn follow(
    mut child: Child,
    mut output: pipe::Receiver,
    mut errors: pipe::Receiver,
    state: &Mutex<State>,
    outgoing: &mpsc::Sender<Vec<u8>>,
) -> String {
    let mut incoming = Vec::new();
    let mut last_words: Vec<u8> = Vec::new();
    let mut more_words = vec![0; LAST_WORDS_BYTES];
    let mut has_errors = true;
    let status = loop {
        tokio::select! {
            read = output.read_buf(&mut incoming) => {
                let is_sound = read.is_ok_and(|count| count > 0) && take_messages(&mut incoming, state, outgoing);
                if !is_sound {
                    kill(child.group());
                    break child.wait().await;
                }
            }
            read = errors.read(&mut more_words), if has_errors => {
                let count = read.unwrap_or(0);
                has_errors = count > 0;
                last_words.extend_from_slice(&more_words[..count]);
                last_words.drain(..last_words.len().saturating_sub(LAST_WORDS_BYTES));
            }
            status = child.wait() => break status,
        }
    };
    kill(child.group());
    // What it said last may not have been read. A pipe holds this much; whoever goes on writing is not waited for.
    for _ in 0..32 {
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&errors, &mut *more_words));
        let Ok(count @ 1..) = read else { break };
        last_words.extend_from_slice(&more_words[..count]);
        last_words.drain(..last_words.len().saturating_sub(LAST_WORDS_BYTES));
    }
    let words = String::from_utf8_lossy(&last_words);
    let last = words.trim().lines().next_back().unwrap_or_default();
    if last.is_empty() {
        format!(" with status {}", status.code())
    } else {
        format!(" with status {}: {last}", status.code())
    }
}

/// Deals with every message that is there whole. `false`: the server makes no sense.
fn take_messages(incoming: &mut Vec<u8>, state: &Mutex<State>, outgoing: &mpsc::Sender<Vec<u8>>) -> bool {
    let mut taken = 0;
    let is_sound = loop {
        match framing::parse(&incoming[taken..]) {
            Ok(Some((message, length))) => {
                taken += length;
                if !deal_with(message, state, outgoing) {
                    break false;
                }
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    incoming.drain(..taken);
    is_sound
}

/// `false`: the server asks more than it takes answers for.
fn deal_with(message: Value, state: &Mutex<State>, outgoing: &mpsc::Sender<Vec<u8>>) -> bool {
    match (message.get("method").and_then(Value::as_str), message.get("id")) {
        (Some(method), Some(id)) => {
            let answer = framing::frame(&answer(method, id, message.get("params")));
            // Not waited for: a server may want to write before it reads.
            return outgoing.try_send(answer).is_ok();
        }
        (None, Some(id)) => {
            let waiting = id.as_i64().and_then(|id| lock(state).waiting.remove(&id));
            if let Some(waiting) = waiting {
                // Who asked may have gone.
                let _ = waiting.send(message);
            }
        }
        // Diagnostics, progress and logs: nobody asks for them.
        (_, None) => {}
    }
    true
}

/// What a client without a user says to a server's request.
fn answer(method: &str, id: &Value, parameters: Option<&Value>) -> Value {
    let result = match method {
        // One answer per item that is asked for: no settings.
        "workspace/configuration" => {
            let items = parameters.and_then(|parameters| parameters.get("items")).and_then(Value::as_array);
            Value::Array(vec![Value::Null; items.map_or(0, Vec::len)])
        }
        "workspace/applyEdit" => json!({"applied": false}),
        "client/registerCapability"
        | "client/unregisterCapability"
        | "window/workDoneProgress/create"
        | "window/showMessageRequest"
        | "workspace/workspaceFolders" => Value::Null,
        _ => {
            let error = json!({"code": METHOD_NOT_FOUND, "message": format!("{method} is not supported")});
            return json!({"jsonrpc": "2.0", "id": id, "error": error});
        }
    };
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn kill(group: Pid) {
    // Fails only if nothing of it is left.
    let _ = kill_process_group(group, Signal::KILL);
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
