//! One-shot processes: `execute` and `code-run`.
//!
//! Sessions and terminals are folders of their own beside this one; what they share with it is
//! [`crate::spawn`] and [`crate::shell`].

mod artifacts;
mod capture;
pub(crate) mod code_run;
pub(crate) mod execute;
mod language;
mod result_body;
mod run;
mod script;

pub use capture::OutputBudget;
pub(crate) use language::CHART_REPORTER;
