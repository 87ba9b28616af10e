//! Every operation that the daemon serves, one entry each. A test of the role compares it with the router.

mod files;
mod git;
mod info;
mod interpreter;
mod language_server;
mod port;
mod process;
mod session;
mod terminal;

use super::operation::Operation;

/// All groups with the names of their tags, which are the reference's.
pub(super) fn operations() -> Vec<Operation> {
    let groups = [
        ("info", info::operations()),
        ("server", info::server_operations()),
        ("system", info::system_operations()),
        ("file-system", files::operations()),
        ("git", git::operations()),
        ("process", process::operations()),
        ("process", session::operations()),
        ("process", terminal::operations()),
        ("interpreter", interpreter::operations()),
        ("lsp", language_server::operations()),
        ("port", port::operations()),
    ];
    let tagged = |(tag, operations): (&'static str, Vec<Operation>)| {
        operations.into_iter().map(move |operation| operation.tagged(tag))
    };
    groups.into_iter().flat_map(tagged).collect()
}
