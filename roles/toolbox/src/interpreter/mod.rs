//! The code interpreter: Python programs that keep their state between executions.
//!
//! ```text
//!  context ── at most one worker process, started by its creation or by the next execution
//!     │
//!     ├─ a turn: executions of one context run one after another, in the order in which they came
//!     └─ between them the worker idles: what its children still write is read and dropped
//! ```
//!
//! | File | What it does |
//! |---|---|
//! | `contexts` | which contexts there are |
//! | `context` | one context: its turn, and its worker between executions |
//! | `worker` | the process and its channel; `worker.py` is what runs in it |
//! | `execution` | one execution from its request to its end |
//! | `create`, `list`, `delete`, `execute` | the operations |

mod context;
mod contexts;
mod create;
mod delete;
mod execute;
mod execution;
mod list;
mod worker;

pub(crate) use contexts::Contexts;
pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use execute::execute;
pub(crate) use list::list;
