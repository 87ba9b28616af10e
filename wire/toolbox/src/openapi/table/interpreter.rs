//! The code interpreter.

use crate::openapi::operation::{Kind, Operation, delete, get, post};
use crate::{CreateContextRequest, InterpreterContext, ListContextsResponse, MessageResponse};

pub(super) fn operations() -> Vec<Operation> {
    let context = "/process/interpreter/context";
    vec![
        post("CreateInterpreterContext", context, "Makes a context: a Python that keeps its state.")
            .takes::<CreateContextRequest>()
            .gives::<InterpreterContext>(200, "It is there.")
            .refuses(&[400, 500]),
        get("ListInterpreterContexts", context, "All contexts but the default one, oldest first.")
            .gives::<ListContextsResponse>(200, "Running or not."),
        delete("DeleteInterpreterContext", "/process/interpreter/context/{id}", "Ends a context.")
            .of_path("id", Kind::Text, "As its creation has answered it.")
            .gives::<MessageResponse>(200, "Ended, with what it ran.")
            .refuses(&[400, 404]),
        get("ExecuteInterpreterCode", "/process/interpreter/execute", "Runs code in a context.").gives_nothing(
            101,
            "To a WebSocket: one InterpreterRequest from the client, then InterpreterMessages; 1000 closes it at the \
             end, 4008 when time is up.",
        )
        .refuses(&[400]),
    ]
}
