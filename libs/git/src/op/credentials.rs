//! `POST /git/credentials`: stores them in plain text in the home directory, as its caller wishes.

use std::path::PathBuf;

use paddock_wire_toolbox::GitAuthenticateRequest;

use super::config::{global_files, open_for_writing};
use crate::answer::Answer;
use crate::credentials::{Credentials, store::files_of, store::put};
use crate::failure::Failure;

const HELPER: &str = "credential.helper";

/// Turns on the global `store` helper if it is not on, and writes where that reads.
pub(super) fn store(request: &GitAuthenticateRequest) -> Result<Answer, Failure> {
    let given = |text: &Option<String>, otherwise: &str| {
        text.as_deref().filter(|text| !text.is_empty()).unwrap_or(otherwise).to_owned()
    };
    let (host, protocol) = (given(&request.host, "github.com"), given(&request.protocol, "https"));
    let credentials =
        Credentials { username: request.username.0.clone(), password: request.password.0.clone() };
    for text in [&host, &protocol, &credentials.username, &credentials.password] {
        if text.is_empty() || text.contains(['\r', '\n', '\0']) {
            return Err(Failure::bad_request("empty fields, line breaks and NUL cannot be stored"));
        }
    }
    let is_plain = |text: &str| !text.contains(['/', '@', '?', '#', ' ', '\t']);
    if !is_plain(&host) || !protocol.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') {
        return Err(Failure::bad_request("host is a name with or without a port, protocol a word"));
    }
    let candidates = turn_on()?;
    let file = candidates.iter().find(|file| file.exists()).or(candidates.first());
    let file = file.ok_or_else(|| Failure::internal("the user has no home directory"))?;
    put(file, &protocol, &host, &credentials)
        .map_err(|error| Failure::file(&file.display().to_string(), &error))?;
    Ok(Answer::Empty)
}

/// The files of the global `store` helper, which is added to the user's helpers if it is not there.
fn turn_on() -> Result<Vec<PathBuf>, Failure> {
    let (_, write) = global_files()?;
    let mut config = open_for_writing(&write)?;
    let mut known = None;
    let mut entries = config.multivar(HELPER, None)?;
    while let Some(Ok(entry)) = entries.next() {
        match entry.value() {
            // It forgets those before it.
            Ok("") => known = None,
            Ok(helper) => known = known.or_else(|| files_of(helper)),
            Err(_) => {}
        }
    }
    drop(entries);
    if let Some(files) = known {
        return Ok(files);
    }
    // A pattern that no value fits adds one.
    config.set_multivar(HELPER, "^$a", "store")?;
    Ok(files_of("store").unwrap_or_default())
}
