//! What only the system's administrator may do.

pub(super) mod create_organization;
