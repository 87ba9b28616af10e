//! Clones of a small repository, each removed again.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Soak;

/// Where the repository is, and where its clones come.
const ORIGIN: &str = "/tmp/soak-origin";
const CLONE: &str = "/tmp/soak-clone";

pub(super) fn run(soak: &mut Soak, count: usize) -> Result<()> {
    soak.ask("POST", "/git/init", &json!({"path": ORIGIN}))?;
    for number in 0..20 {
        let path = format!("/files/upload-v2?path={ORIGIN}/{number}.txt");
        soak.ask("POST", &path, &json!("a small file"))?;
    }
    soak.ask("POST", "/git/add", &json!({"path": ORIGIN, "files": ["."]}))?;
    let commit = json!({"path": ORIGIN, "message": "m", "author": "a", "email": "e"});
    let hash = soak.ask("POST", "/git/commit", &commit)?["hash"].clone();
    soak.repeat("clones", count, |soak, number| {
        soak.ask("POST", "/git/clone", &json!({"url": ORIGIN, "path": CLONE}))?;
        let history = soak.ask("GET", &format!("/git/history?path={CLONE}"), &Value::Null)?;
        if history[0]["hash"] != hash {
            bail!("clone {number} has {history}");
        }
        soak.ask("DELETE", &format!("/files?path={CLONE}&recursive=true"), &Value::Null)?;
        Ok(())
    })
}
