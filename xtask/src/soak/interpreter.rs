//! Executions in one context, each of which counts on.

use anyhow::{Result, bail};
use paddock_tests::socket::Socket;
use serde_json::json;

use super::Soak;

pub(super) fn run(soak: &mut Soak, count: usize) -> Result<()> {
    soak.repeat("interpreter executions", count, |soak, number| {
        let (url, key) = soak.raw.socket(&soak.sandbox, "/process/interpreter/execute");
        let mut socket = Socket::connect(&url, &[("authorization", &key)]);
        let code = "n = globals().get('n', -1) + 1; print('at', n)";
        socket.send_text(&json!({"code": code}).to_string());
        let ended = socket.finish();
        let texts = ended.texts.concat();
        if ended.code != Some(1000) || !texts.contains(&format!("at {number}\\n")) {
            bail!("execution {number} ended with {:?} {:?} after {texts}", ended.code, ended.reason);
        }
        Ok(())
    })
}
