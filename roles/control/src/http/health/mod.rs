//! Whether the server is well.

pub(super) mod live;
pub(super) mod ready;
