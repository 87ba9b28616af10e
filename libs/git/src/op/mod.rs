//! The operations, one file per verb.
//!
//! Each begins with the library's way and ends with the program's, which must answer alike.

mod add;
mod branches;
mod checkout;
mod clone;
mod commit;
mod config;
mod credentials;
mod head;
mod history;
mod init;
mod paths;
mod pull;
mod push;
mod remotes;
mod reset;
mod restore;
mod status;
mod switch;

use paddock_wire_toolbox::{GitCall, GitOperation};

use crate::answer::Answer;
use crate::failure::Failure;

/// Does what is asked.
pub(crate) fn run(call: GitCall) -> Result<Answer, Failure> {
    trust_every_owner()?;
    enter_repository(&call.operation);
    let closed = call.leave_out_new_fields;
    match call.operation {
        GitOperation::Add(request) => add::add(&request),
        GitOperation::AddRemote(request) => remotes::add(&request),
        GitOperation::Branches(request) => branches::list(&request, closed),
        GitOperation::Checkout(request) => checkout::checkout(&request),
        GitOperation::Clone(request) => clone::clone(&request),
        GitOperation::Commit(request) => commit::commit(&request),
        GitOperation::ConfigureUser(request) => config::configure_user(&request),
        GitOperation::CreateBranch(request) => branches::create(&request),
        GitOperation::DeleteBranch(request) => branches::delete(&request),
        GitOperation::GetConfig(request) => config::get(&request),
        GitOperation::History(request) => history::history(&request),
        GitOperation::Init(request) => init::init(&request),
        GitOperation::Pull(request) => pull::pull(&request),
        GitOperation::Push(request) => push::push(&request),
        GitOperation::Remotes(request) => remotes::list(&request),
        GitOperation::Reset(request) => reset::reset(&request),
        GitOperation::Restore(request) => restore::restore(&request),
        GitOperation::SetConfig(request) => config::set(&request),
        GitOperation::Status(request) => status::status(&request, closed),
        GitOperation::StoreCredentials(request) => credentials::store(&request),
    }
}

/// Goes where relative URLs of remotes begin. A directory that is not there is told by the operation.
fn enter_repository(operation: &GitOperation) {
    let path = match operation {
        GitOperation::AddRemote(request) => &request.path,
        GitOperation::Pull(request) => &request.path,
        GitOperation::Push(request) => &request.path,
        _ => return,
    };
    let _ = std::env::set_current_dir(path);
}

/// Has the library work in directories of other users, too: in a sandbox that is ordinary (a volume, an
/// upload by root), and the caller has named the directory.
#[expect(unsafe_code, reason = "the library keeps the setting in a global variable without a lock")]
fn trust_every_owner() -> Result<(), Failure> {
    // SAFETY: the process has one thread, and the library has not been used yet.
    unsafe { git2::opts::set_verify_owner_validation(false) }.map_err(Failure::from)
}
