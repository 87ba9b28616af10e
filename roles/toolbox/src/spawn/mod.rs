//! Starting processes, and knowing how each of them ended.
//!
//! Why not `std::process` or `tokio::process`: as PID 1 the daemon must reap every orphan of the
//! sandbox, and their own waiting and an orphan reaper take each other's exit statuses. Here one
//! place forks and one place waits, under one lock:
//!
//! ```text
//!  fork + register ──┐                    ┌── SIGCHLD: wait for any child, until none is left
//!                    ├─ table of children ┤
//!  Child::wait ◀─────┘   pid → oneshot    └── in the table: deliver its status; else: an orphan, drop it
//! ```
//!
//! A child cannot end unseen between fork and registration, since the lock covers both and waiting
//! needs it too. It is held for the fork alone (some 100 µs), never for an exec: whether the exec
//! worked is told through a pipe that is awaited without blocking, so a working directory on a file
//! system that hangs stalls its own request and nothing else.
//!
//! Why fork and not vfork: a child must lower its protection from the out-of-memory killer, which
//! it can only do while it is dumpable; sharing its parent's memory, it would make PID 1 open to
//! being traced for that moment.

mod command;
mod family;
mod fork;
mod reaper;

pub(crate) use command::{Command, InvalidCommand, Session, is_in_path};
pub(crate) use family::{Grace, kill_family, terminate};
pub(crate) use fork::{INHERITED_FD, StartError};
pub use reaper::ReapScope;
pub(crate) use reaper::{Child, Reaper, SpawnError, signal_everything};
