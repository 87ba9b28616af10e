//! What a client may know before it has a credential.

pub(super) mod get;
