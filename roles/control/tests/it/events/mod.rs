//! The event stream over real sockets: who hears what, in which order, and who is cut off.
//!
//! The cast: [`Stream`] is a raw client that answers heartbeats while it waits for something else.

mod keys;
mod limits;
pub(crate) mod order;
mod protocol;
mod rooms;
mod snapshots;
mod stream;

use stream::End;
pub(crate) use stream::{Event, Stream};
