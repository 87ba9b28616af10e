//! TCP ports inside the sandbox: which are listened on, and ways to them from outside.
//!
//! [`tunnel`] is how the proxy reaches a user's server: raw bytes, read by nobody here. [`forward`] is the same for
//! one HTTP request, for clients that know only the toolbox. Both reach servers that are bound to the loopback
//! addresses or to one address alone, since the connection begins inside.

mod connect;
mod forward;
mod in_use;
mod list;
mod listeners;
mod tunnel;

pub(crate) use forward::forward;
pub(crate) use in_use::in_use;
pub(crate) use list::list;
pub(crate) use tunnel::tunnel;
