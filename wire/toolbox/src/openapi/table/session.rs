//! Sessions and the entrypoint.

use crate::openapi::operation::{Kind, Operation, delete, get, post};
use crate::openapi::streamed::{SessionCommandLogsResponse, SessionExecuteResponse};
use crate::{CreateSessionRequest, SendInputRequest, Session, SessionCommand, SessionExecuteRequest};

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        post("CreateSession", "/process/session", "Starts a shell that lives on between commands.")
            .takes::<CreateSessionRequest>()
            .gives_nothing(201, "It runs.")
            .refuses(&[400, 409, 500]),
        get("ListSessions", "/process/session", "All sessions but the entrypoint's, oldest first.")
            .gives_list::<Session>(200, "With their commands."),
        session(get("GetSession", "/process/session/{sessionId}", "One session."))
            .gives::<Session>(200, "With its commands.")
            .refuses(&[404]),
        session(delete(
            "DeleteSession",
            "/process/session/{sessionId}",
            "Ends a session and all that it started.",
        ))
        .gives_nothing(204, "Ended; its logs are gone.")
        .refuses(&[400, 404]),
        session(post(
            "SessionExecuteCommand",
            "/process/session/{sessionId}/exec",
            "Runs a script in the shell.",
        ))
        .takes::<SessionExecuteRequest>()
        .gives::<SessionExecuteResponse>(200, "It ended.")
        .gives::<SessionExecuteResponse>(202, "It runs, or waits for its turn: its id alone.")
        .refuses(&[400, 404, 410, 500]),
        get("GetEntrypointSession", "/process/session/entrypoint", "The image's own program.")
            .gives::<Session>(200, "One command.")
            .refuses(&[404]),
        delete("DeleteEntrypointSession", "/process/session/entrypoint", "Always refused.").refuses(&[400]),
        logs(get(
            "GetEntrypointLogs",
            "/process/session/entrypoint/logs",
            "What the image's own program wrote.",
        )),
    ];
    operations.extend(commands());
    operations
}

fn commands() -> Vec<Operation> {
    let path = "/process/session/{sessionId}/command/{commandId}";
    vec![
        command(get("GetSessionCommand", path, "One command."))
            .gives::<SessionCommand>(200, "Its exit code once it has ended.")
            .refuses(&[404]),
        command(post(
            "SendInput",
            "/process/session/{sessionId}/command/{commandId}/input",
            "Types a line into an asynchronous command.",
        ))
        .takes::<SendInputRequest>()
        .gives_nothing(204, "Written.")
        .refuses(&[400, 404, 410]),
        logs(command(get(
            "GetSessionCommandLogs",
            "/process/session/{sessionId}/command/{commandId}/logs",
            "What a command wrote, so far or until it ends.",
        ))),
    ]
}

fn session(operation: Operation) -> Operation {
    operation.of_path("sessionId", Kind::Text, "As the client has chosen it.")
}

fn command(operation: Operation) -> Operation {
    session(operation).of_path("commandId", Kind::Text, "As the daemon has answered it.")
}

fn logs(operation: Operation) -> Operation {
    operation
        .may_have("follow", Kind::YesOrNo, "Go on until the command ends.")
        .gives::<SessionCommandLogsResponse>(200, "Followed: the records as they come.")
        .gives_content(200, "Followed: the records as they come.", "text/plain")
        .gives_content(
            200,
            "By what the client reads: both streams apart, or one text for versions before 0.167. Followed over plain \
             HTTP: the marked records as they come.",
            "application/octet-stream",
        )
        .gives_nothing(101, "To a WebSocket: binary messages of whole marked records; 1000 closes it at the end.")
        .refuses(&[400, 404, 500])
}
