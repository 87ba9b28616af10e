//! Typed clients of control and of runners, for the roles that stand before them.
//!
//! Roles meet over `wire` even where they share a process: [`Control`] then calls control's router as a
//! function, and the same requests go over a socket where they do not.

mod control;
mod door;

pub use control::{AuthorizeError, Control};
pub use door::{Door, OpenError};
