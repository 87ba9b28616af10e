//! One-shot processes.

use crate::openapi::operation::{Operation, post};
use crate::openapi::streamed::{CodeRunResponse, ExecuteResponse};
use crate::{CodeRunRequest, ExecuteRequest};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        post("ExecuteCommand", "/process/execute", "Runs a shell script to its end.")
            .takes::<ExecuteRequest>()
            .gives::<ExecuteResponse>(200, "It ended, or could not be started.")
            .refuses(&[400, 408, 500]),
        post(
            "CodeRun",
            "/process/code-run",
            "Runs a program in Python, JavaScript or TypeScript to its end.",
        )
        .takes::<CodeRunRequest>()
        .gives::<CodeRunResponse>(200, "It ended, or could not be started.")
        .refuses(&[400, 408, 500]),
    ]
}
