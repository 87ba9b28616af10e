//! Sessions in sequence, each with a command whose output must come.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Soak;
use crate::bench::raw;

pub(super) fn run(soak: &mut Soak, count: usize) -> Result<()> {
    soak.repeat("sessions", count, |soak, number| {
        let id = format!("soak-{number}");
        soak.ask("POST", "/process/session", &json!({"sessionId": id}))?;
        let command = json!({"command": format!("echo {number}")});
        let ran = soak.ask("POST", &format!("/process/session/{id}/exec"), &command)?;
        if !ran["output"].as_str().is_some_and(|output| output.contains(&number.to_string())) {
            bail!("session {number} answered {ran}");
        }
        soak.ask("DELETE", &format!("/process/session/{id}"), &Value::Null)?;
        Ok(())
    })?;
    let left = raw::exec(&mut soak.proxy, &soak.sandbox, "ls -A ~/.daytona/sessions | wc -l")?;
    // The entrypoint's, if it has one.
    if left.trim().parse::<usize>()? > 1 {
        soak.grown.push(format!("sessions: {} directories are left", left.trim()));
    }
    Ok(())
}
