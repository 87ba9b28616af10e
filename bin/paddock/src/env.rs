//! `paddock env`: the settings of the local server, for clients, as shell exports.

use anyhow::{Context, Result};
use paddock_config::Config;

use crate::paths;
use crate::serve::Endpoints;

pub(crate) fn print(config: &Config) -> Result<()> {
    let path = paths::endpoints(config);
    let endpoints = std::fs::read(&path).with_context(|| {
        format!(
            "no server runs with the data directory {}: {} is not there",
            config.data.display(),
            path.display()
        )
    })?;
    let endpoints: Endpoints =
        serde_json::from_slice(&endpoints).context("the endpoints file makes no sense")?;
    let credentials = paths::credentials(config);
    let key = std::fs::read_to_string(&credentials)
        .with_context(|| format!("could not read the key in {}", credentials.display()))?;
    for (name, value) in [
        ("DAYTONA_API_URL", endpoints.api_url.as_str()),
        ("DAYTONA_API_KEY", key.trim()),
        ("DAYTONA_TARGET", endpoints.target.as_str()),
    ] {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(())
}
