//! `POST /process/execute`: one shell script, run to its end.

use std::ffi::OsString;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use paddock_wire_toolbox::ExecuteRequest;

use super::result_body::result;
use super::run::{run, time_limit};
use super::script::Script;
use crate::http::{ApiError, Json};
use crate::shell;
use crate::spawn::Command;
use crate::toolbox::Shared;

pub(crate) async fn execute(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<ExecuteRequest>,
) -> Result<Response, ApiError> {
    if request.command.trim().is_empty() {
        return Err(ApiError::bad_request("command is required"));
    }
    let environment = shared.environment_with(request.envs)?;
    let directory = match request.cwd.filter(|cwd| !cwd.is_empty()) {
        Some(cwd) => shared.work_dir.join(cwd),
        None => shared.work_dir.clone(),
    };
    let shell: OsString = shell::pick(&environment);
    let script = Script::new(request.command)
        .map_err(|error| ApiError::internal(format!("could not keep the script: {error}")))?;
    let ended = run(&shared, time_limit(request.timeout), None, move |output| {
        let command = Command::new(&shell, &script.arguments, &environment, &directory, output)?;
        Ok(match script.file {
            Some(file) => command.inherit(file),
            None => command,
        })
    })
    .await?;
    Ok(result(ended.exit_code, ended.output, None))
}
