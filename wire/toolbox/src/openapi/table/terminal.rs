//! Terminals.

use crate::openapi::operation::{Kind, Operation, delete, get, post};
use crate::{
    MessageResponse, PtyCreateRequest, PtyCreateResponse, PtyListResponse, PtyResizeRequest, PtySessionInfo,
};

/// What follows an upgrade.
const SOCKET: &str =
    "To a WebSocket: text messages PtyControl, binary ones are output; the client's are input.";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        post("CreatePtySession", "/process/pty", "Makes a terminal with a shell behind it.")
            .takes::<PtyCreateRequest>()
            .gives::<PtyCreateResponse>(201, "It is there.")
            .refuses(&[400, 409, 500]),
        get("ListPtySessions", "/process/pty", "All terminals, oldest first.")
            .gives::<PtyListResponse>(200, "One whose shell has ended is not among them."),
        get("CreateConnectPtySession", "/process/pty/create-connect", "Makes a terminal and connects to it.")
            .needs("id", Kind::Text, "Chosen by the client.")
            .may_have("cols", Kind::From(1), "Columns to 1000; default 80.")
            .may_have("rows", Kind::From(1), "Rows to 1000; default 24.")
            .may_have("cwd", Kind::Text, "Where the shell starts; default the work directory.")
            .gives_nothing(101, SOCKET)
            .refuses(&[400, 409]),
        terminal(get("GetPtySession", "/process/pty/{sessionId}", "One terminal."))
            .gives::<PtySessionInfo>(200, "As it is listed.")
            .refuses(&[404]),
        terminal(delete(
            "DeletePtySession",
            "/process/pty/{sessionId}",
            "Ends a terminal and all that runs in it.",
        ))
        .gives::<MessageResponse>(200, "Ended.")
        .refuses(&[404]),
        terminal(post("ResizePtySession", "/process/pty/{sessionId}/resize", "Changes a terminal's size."))
            .takes::<PtyResizeRequest>()
            .gives::<PtySessionInfo>(200, "With its new size.")
            .refuses(&[400, 410]),
        terminal(get("ConnectPtySession", "/process/pty/{sessionId}/connect", "Connects to a terminal."))
            .gives_nothing(101, SOCKET)
            .refuses(&[400]),
    ]
}

fn terminal(operation: Operation) -> Operation {
    operation.of_path("sessionId", Kind::Text, "As the client has chosen it.")
}
