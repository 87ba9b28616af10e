//! Who asks, for which organization, with which permission.
//!
//! A handler says in its signature what a caller must be: [`extract::Member`], [`extract::May`] with a
//! right, [`extract::Administrator`], or [`extract::SandboxOf`] for one sandbox and a right on it.

mod caller;
pub(crate) mod extract;
pub(crate) mod rights;
pub(crate) mod seal;
pub(crate) mod secret;

pub(crate) use caller::Caller;
