//! One-shot processes: `execute` and `code-run`.
//!
//! Sessions, terminals and interpreters will be folders of their own beside this one; what they
//! share with it is [`crate::spawn`] and [`shell`].

mod artifacts;
mod capture;
pub(crate) mod code_run;
pub(crate) mod execute;
mod language;
mod result_body;
mod run;
mod script;
mod shell;

pub use capture::OutputBudget;
