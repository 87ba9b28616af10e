//! What the daemon says about itself, its environment, and what the sandbox uses.

use crate::openapi::operation::{Operation, get, post};
use crate::{DirResponse, EnvRequest, MessageResponse, SystemMetrics, VersionResponse};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("GetVersion", "/version", "The daemon's version; also the probe of its readiness.")
            .gives::<VersionResponse>(200, "It serves."),
        get("GetWorkDir", "/work-dir", "Where commands start, and the base of every relative path.")
            .gives::<DirResponse>(200, "An absolute path."),
        get("GetUserHomeDir", "/user-home-dir", "The home of the sandbox's user.")
            .gives::<DirResponse>(200, "An absolute path.")
            .refuses(&[500]),
        get("GetProjectDir", "/project-dir", "The home of the sandbox's user, under an old name.")
            .deprecated()
            .gives::<DirResponse>(200, "An absolute path.")
            .refuses(&[500]),
    ]
}

pub(super) fn server_operations() -> Vec<Operation> {
    vec![
        post("UpdateEnv", "/env", "Changes the environment of processes that are started from now on.")
            .takes::<EnvRequest>()
            .gives::<MessageResponse>(200, "Changed, until the daemon ends.")
            .refuses(&[400]),
    ]
}

pub(super) fn system_operations() -> Vec<Operation> {
    vec![
        get(
            "GetSystemMetrics",
            "/system/metrics",
            "What the sandbox uses of its processor, memory and disk.",
        )
        .gives::<SystemMetrics>(200, "As far as it can be read from inside."),
    ]
}
