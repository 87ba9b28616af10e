//! One task per sandbox.
//!
//! [`registry`] finds the task of an id and lets wishes in; [`state`] decides, purely, what comes next;
//! [`task`] acts; [`launch`] and [`end`] are the two acts that touch the host in many steps; [`work`] is what is done with its
//! files besides.

mod end;
mod launch;
mod registry;
mod seed;
mod state;
mod task;
mod work;

pub use launch::{END_STEPS, LAUNCH_STEPS};
pub(crate) use launch::{connect_toolbox, socket_directory};
pub(crate) use registry::{Refused, Registry};
pub use work::{EXPORT_STEPS, FORK_STEPS, HOLD_STEPS, RESTORE_STEPS};
