//! Users.

pub(super) mod me;
