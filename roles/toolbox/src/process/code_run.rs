//! `POST /process/code-run`: a program in one of three languages, run to its end.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use paddock_wire_toolbox::{Artifacts, CodeRunRequest};

use super::artifacts::take_charts;
use super::language::{Language, Program};
use super::result_body::result;
use super::run::{run, time_limit};
use crate::http::{ApiError, Json};
use crate::spawn::{Command, StartError};
use crate::toolbox::Shared;

/// What a shell exits with when it cannot find a program; clients know the reference's, which goes
/// through a shell.
const COMMAND_NOT_FOUND: i32 = 127;

pub(crate) async fn code_run(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<CodeRunRequest>,
) -> Result<Response, ApiError> {
    let language = Language::named(request.language.as_deref().unwrap_or_default())?;
    let mut environment = shared.environment_with(request.envs)?;
    let arguments = request.argv.unwrap_or_default();
    let program = Program::prepare(language, request.code, arguments, &mut environment, &shared).await?;
    let Program { name, arguments, source, author, scratch } = program;
    let mut ended = run(&shared, time_limit(request.timeout), scratch, |output| {
        let command = Command::new(name.as_ref(), &arguments, &environment, &shared.work_dir, output)?;
        Ok(match source {
            Some(source) => command.stdin(source),
            None => command,
        })
    })
    .await?;
    if let Some(StartError::NotFound { .. }) = ended.not_started {
        ended.exit_code = COMMAND_NOT_FOUND;
    }
    let charts = take_charts(ended.output.bytes_mut(), author);
    let artifacts = (!charts.is_empty()).then_some(Artifacts { charts });
    Ok(result(ended.exit_code, ended.output, artifacts.as_ref()))
}
